import dataclasses
import json

import numpy as np
import pytest

from mien.errors import FrameError
from mien.structures import Faces, Frame, FrameResult, check_frame_rgb

CONTRACT_FIELDS = [
    "source",
    "frame",
    "timestamp_s",
    "face",
    "track",
    "box_xyxy",
    "detection_score",
    "emotion",
    "confidence",
    "unsure",
    "probabilities",
    "quality",
]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1, 2]], "found list"),
        (np.zeros((4, 4), np.uint8), r"found \(4, 4\) of uint8"),
        (np.zeros((4, 4, 4), np.uint8), r"found \(4, 4, 4\) of uint8"),
        (np.zeros((4, 4, 3), np.float32), "of float32"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
    ],
)
def test_what_is_no_frame_is_refused_with_what_it_is(value, message):
    with pytest.raises(FrameError, match=message):
        check_frame_rgb(value)


def test_a_frame_checks_its_pixels():
    with pytest.raises(FrameError):
        Frame(frame_rgb=np.zeros((4, 4), np.uint8), source="a")


def test_faces_refuse_arrays_that_do_not_fit_together():
    with pytest.raises(FrameError, match=r"boxes_xyxy: expected \(2, 4\)"):
        Faces(
            boxes_xyxy=np.zeros((1, 4), np.float32),
            landmarks_xy=np.zeros((2, 5, 2), np.float32),
            detection_scores=np.zeros(2, np.float32),
        )


def test_faces_select_and_iterate_in_order():
    faces = Faces(
        boxes_xyxy=np.arange(12, dtype=np.float32).reshape(3, 4),
        landmarks_xy=np.zeros((3, 5, 2), np.float32),
        detection_scores=np.array([0.1, 0.2, 0.3], np.float32),
    )
    chosen = faces.select(np.array([2, 0]))
    assert [round(face.detection_score, 1) for face in chosen] == [0.3, 0.1]
    np.testing.assert_array_equal(chosen[0].box_xyxy, [8, 9, 10, 11])
    assert len(Faces.none()) == 0


def test_a_row_has_the_contract_fields_in_order_and_is_json(result):
    (row,) = json.loads(json.dumps(result.to_rows()))
    assert list(row) == CONTRACT_FIELDS
    assert sum(row["probabilities"].values()) == 1


def test_a_image_without_a_face_has_no_rows():
    assert FrameResult(source="a.jpg", width=4, height=4).to_rows() == []


def test_a_image_that_cannot_be_read_is_a_row_with_its_error():
    rows = FrameResult(source="a.jpg", error="empty").to_rows()
    assert rows == [{"source": "a.jpg", "frame": 0, "timestamp_s": None, "error": "empty"}]


def test_predictions_cannot_be_changed(prediction):
    with pytest.raises(TypeError):
        prediction.probabilities["happy"] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        prediction.emotion = "sad"


def test_probabilities_of_other_labels_are_refused(prediction):
    with pytest.raises(FrameError, match="expected the labels"):
        dataclasses.replace(prediction, probabilities={"happy": 1.0})
