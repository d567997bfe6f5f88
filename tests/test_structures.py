import copy
import dataclasses
import io
import json
import pickle
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image

from mien.columns import COLUMNS, flat_row
from mien.emotions import FER2013_7
from mien.errors import (
    FrameError,
    InputError,
    MissingExtraError,
    OutputError,
    UnknownNameError,
)
from mien.structures import Face, Faces, Frame, FrameResult, check_frame_rgb
from mien.units import UNITS, HeadPose

CONTRACT_FIELDS = [
    "source",
    "frame",
    "timestamp_s",
    "face",
    "track",
    "box_xyxy",
    "detection_score",
    "found",
    "emotion",
    "confidence",
    "unsure",
    "probabilities",
    "uncorrected",
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


def some_faces(count, seed=0):
    rng = np.random.default_rng(seed)
    return Faces(
        boxes_xyxy=rng.uniform(0, 999, (count, 4)).astype(np.float32),
        landmarks_xy=rng.uniform(0, 999, (count, 5, 2)).astype(np.float32),
        detection_scores=rng.uniform(0, 1, count).astype(np.float32),
    )


def assert_same(found, expected):
    for field in dataclasses.fields(Faces):
        a, b = getattr(found, field.name), getattr(expected, field.name)
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_scaling_faces_takes_x_and_y_by_themselves():
    faces = some_faces(7)
    scale = np.array([1279 / 320, 719 / 181], np.float32)
    scaled = faces.scaled((1279 / 320, 719 / 181))
    np.testing.assert_array_equal(scaled.boxes_xyxy, faces.boxes_xyxy * np.tile(scale, 2))
    np.testing.assert_array_equal(scaled.landmarks_xy, faces.landmarks_xy * scale)
    np.testing.assert_array_equal(scaled.detection_scores, faces.detection_scores)
    one = Faces.from_list(
        [
            Face(
                box_xyxy=np.array([1, 2, 3, 4], np.float32),
                landmarks_xy=np.array([[1, 2]] * 5, np.float32),
                detection_score=0.5,
            )
        ]
    ).scaled((10, 100))
    assert one.boxes_xyxy.tolist() == [[10, 200, 30, 400]]
    assert one.landmarks_xy[0, 0].tolist() == [10, 200]


def test_shifting_faces_moves_boxes_and_landmarks():
    faces = some_faces(7)
    offset = np.array([1088, -3], np.float32)
    shifted = faces.shifted((1088, -3))
    np.testing.assert_array_equal(shifted.boxes_xyxy, faces.boxes_xyxy + np.tile(offset, 2))
    np.testing.assert_array_equal(shifted.landmarks_xy, faces.landmarks_xy + offset)
    assert_same(faces.shifted((0, 0)), faces)


def test_faces_are_the_same_after_a_way_through_a_list():
    faces = some_faces(5)
    assert_same(Faces.from_list(list(faces)), faces)
    assert_same(Faces.from_list([]), Faces.none())


def test_faces_of_several_detections_come_one_after_the_other():
    first, second = some_faces(2), some_faces(3, seed=1)
    together = Faces.concatenate(each for each in (first, Faces.none(), second))
    assert_same(together, Faces.from_list([*first, *second]))
    assert_same(Faces.concatenate([]), Faces.none())


def test_a_row_has_the_contract_fields_in_order_and_is_json(result):
    (row,) = json.loads(json.dumps(result.to_rows()))
    assert list(row) == CONTRACT_FIELDS
    assert sum(row["probabilities"].values()) == 1


def test_an_image_without_a_face_has_no_rows():
    assert FrameResult(source="a.jpg", width=4, height=4).to_rows() == []


def test_an_image_that_cannot_be_read_is_a_row_with_its_error():
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


def sent(value):
    """Return what arrives in another process."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301


OUTPUTS = {"logits": {"neutral": 0.25, "happy": 0.75}}


def test_a_prediction_with_every_head_can_be_hashed_and_sent_and_is_the_same(prediction):
    full = dataclasses.replace(prediction, outputs=OUTPUTS, embedding=(0.6, 0.8))
    assert full == sent(full) == copy.deepcopy(full)
    assert hash(full) == hash(sent(full))
    assert full != prediction
    with pytest.raises(TypeError):
        full.outputs["logits"]["happy"] = 1.0
    with pytest.raises(TypeError):
        full.outputs["six"] = {}


def test_heads_and_embedding_are_no_part_of_rows(prediction):
    outputs = {"fer2013_logits": dict.fromkeys(FER2013_7.labels, 1 / 7)}
    full = dataclasses.replace(prediction, outputs=outputs, embedding=(0.6, 0.8))
    assert full.to_row() == prediction.to_row()
    assert prediction.outputs == {}
    assert prediction.embedding == ()


def test_a_result_is_a_sequence_of_its_faces(result, prediction):
    more = dataclasses.replace(result, faces=(prediction, dataclasses.replace(prediction, face=1)))
    assert len(more) == 2
    assert [face.face for face in more] == [0, 1]
    assert more[-1].face == 1
    assert more[:1] == (prediction,)
    with pytest.raises(IndexError):
        result[1]
    assert len(FrameResult(source="a.jpg")) == 0


def test_a_result_is_shown_in_a_line(result, prediction):
    assert repr(result) == "FrameResult('a.jpg', 1 face: happy 50 % unsure)"
    sure = dataclasses.replace(prediction, confidence=0.987, unsure=False)
    two = dataclasses.replace(result, faces=(sure, prediction))
    assert repr(two) == "FrameResult('a.jpg', 2 faces: happy 99 %, happy 50 % unsure)"
    assert repr(dataclasses.replace(result, faces=())) == "FrameResult('a.jpg', no face)"
    many = dataclasses.replace(result, faces=(sure,) * 9)
    assert repr(many).endswith("9 faces: " + "happy 99 %, " * 6 + "3 more)")
    later = dataclasses.replace(result, faces=(), frame=7, timestamp_s=0.28)
    assert repr(later) == "FrameResult('a.jpg', frame 7 at 0.28 s, no face)"
    assert repr(FrameResult(source="a.jpg", error="empty")) == "FrameResult('a.jpg', error: empty)"


def test_the_frame_stays_with_a_result_but_does_not_travel(result):
    frame_rgb = np.zeros((160, 200, 3), np.uint8)
    kept = dataclasses.replace(result, frame_rgb=frame_rgb)
    assert kept.frame_rgb is frame_rgb
    assert kept == result
    assert hash(kept) == hash(result)
    received = sent(kept)
    assert received == kept
    assert received.frame_rgb is None
    assert len(pickle.dumps(kept)) < 10_000
    assert "frame_rgb" not in repr(kept)


def grey(height=160, width=200):
    return np.full((height, width, 3), 128, np.uint8)


def test_a_result_that_holds_its_frame_draws_and_saves_it(result, tmp_path):
    kept = dataclasses.replace(result, frame_rgb=grey())
    drawn = kept.plot()
    assert drawn.size == (200, 160)
    assert (np.asarray(drawn) != grey()).any()
    assert (kept.frame_rgb == grey()).all()
    kept.save(tmp_path / "new" / "a.png")
    with Image.open(tmp_path / "new" / "a.png") as saved:
        np.testing.assert_array_equal(np.asarray(saved), np.asarray(drawn))
    with pytest.raises(OutputError, match="exists already"):
        kept.save(str(tmp_path / "new" / "a.png"))
    kept.save(tmp_path / "new" / "a.png", overwrite=True)
    with pytest.raises(OutputError, match=r"expected a name that ends in \.png"):
        kept.save(tmp_path / "a.txt")
    assert [path.name for path in tmp_path.rglob("*.*")] == ["a.png"]


def test_a_result_without_its_frame_says_what_to_pass(result, tmp_path):
    with pytest.raises(InputError, match=r"a\.jpg: .* result\.plot\(frame_rgb=\.\.\.\)"):
        result.plot()
    with pytest.raises(InputError, match="does not hold its frame"):
        result.save(tmp_path / "a.png")
    given = result.plot(frame_rgb=grey())
    assert np.asarray(given).shape == (160, 200, 3)
    result.save(tmp_path / "a.png", frame_rgb=grey())
    with pytest.raises(FrameError, match=r"expected .* 200 x 160 pixels, found 100 x 80"):
        result.plot(frame_rgb=grey(80, 100))
    with pytest.raises(FrameError, match="of float64"):
        result.plot(frame_rgb=grey() / 255)
    with pytest.raises(InputError, match="could not be read, so nothing can be drawn"):
        FrameResult(source="a.jpg", error="empty").plot(frame_rgb=grey())


def test_a_result_as_a_dictionary_is_json_and_holds_the_rows(result):
    found = json.loads(json.dumps(result.to_dict()))
    assert found["faces"] == result.to_rows()
    assert (found["source"], found["width"], found["height"]) == ("a.jpg", 200, 160)
    assert (found["notes"], found["error"]) == ([], None)
    failed = FrameResult(source="a.jpg", error="empty").to_dict()
    assert (failed["faces"], failed["error"]) == ([], "empty")


FAILED = FrameResult(source="a.jpg", error="empty")
NAMES = [column.name for column in COLUMNS]


def test_a_result_becomes_a_data_frame_of_polars(result):
    frame = result.to_dataframe(library="polars")
    assert isinstance(frame, pl.DataFrame)
    assert frame.to_dicts() == [flat_row(row) for row in result.to_rows()]
    empty = FrameResult(source="a.jpg").to_dataframe(library="polars")
    assert empty.shape == (0, len(NAMES))
    assert empty.schema == frame.schema
    both = pl.concat([frame, FAILED.to_dataframe(library="polars"), empty])
    assert both["error"].to_list() == [None, "empty"]


def test_a_result_becomes_a_data_frame_of_pandas(result):
    frame = result.to_dataframe(library="pandas")
    assert isinstance(frame, pd.DataFrame)
    (expected,) = (flat_row(row) for row in result.to_rows())
    found = {
        name: None if pd.isna(value) else value for name, value in frame.iloc[0].to_dict().items()
    }
    assert found == expected
    empty = FrameResult(source="a.jpg").to_dataframe(library="pandas")
    assert list(empty.columns) == NAMES
    assert (empty.dtypes == frame.dtypes).all()
    both = pd.concat([frame, FAILED.to_dataframe(library="pandas")])
    assert (both.dtypes == frame.dtypes).all()
    assert both["confidence"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("missing", "library", "expected"),
    [([], None, pd), (["pandas"], None, pl), (["pandas"], "polars", pl), (["polars"], None, pd)],
)
def test_the_library_that_is_installed_is_taken(result, monkeypatch, missing, library, expected):
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    assert isinstance(result.to_dataframe(library=library), expected.DataFrame)


def test_without_a_library_the_extra_is_named(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="a data frame of pandas"):
        result.to_dataframe(library="pandas")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtraError, match=r'pip install "\.\[pandas\]"'):
        result.to_dataframe()
    with pytest.raises(InputError, match="expected pandas or polars, found 'excel'"):
        result.to_dataframe(library="excel")


def test_a_notebook_shows_the_drawn_image_and_a_table(result):
    plain = result._repr_html_()
    assert result._repr_png_() is None
    assert "<img" not in plain
    assert "<td>happy</td><td>50 %</td><td>ambiguous</td>" in plain
    large = np.full((1600, 2000, 3), 128, np.uint8)
    kept = dataclasses.replace(result, width=2000, height=1600, frame_rgb=large)
    with Image.open(io.BytesIO(kept._repr_png_())) as shown:
        assert shown.size == (960, 768)
        assert shown.getextrema() != ((128, 128),) * 3
    assert '<img src="data:image/jpeg;base64,' in kept._repr_html_()


def test_a_notebooks_table_has_units_if_a_face_was_analysed_with_them(result):
    assert "units" not in result._repr_html_()
    (face, *_) = result.faces
    units = dict.fromkeys(UNITS, 0.0) | {"jawOpen": 0.6, "browInnerUp": 0.3}
    pose = HeadPose(yaw_deg=4.2, pitch_deg=-6.0, roll_deg=0.0)
    read = dataclasses.replace(face, units=units, pose=pose)
    small = dataclasses.replace(face, units_missing="small")
    shown = dataclasses.replace(result, faces=(read, small))._repr_html_()
    assert "<th>units</th><th>pose</th>" in shown
    assert "<td>jawOpen 0.60, browInnerUp 0.30</td>" in shown
    assert "<td>yaw +4, pitch -6, roll +0 deg</td>" in shown
    assert "<td>none: small</td><td></td>" in shown


@pytest.mark.parametrize(
    ("field", "name", "said"),
    [
        ("units", "tongueOut", "is missing: the networks' teacher does not give this coefficient"),
        ("units", "cheekSquint", "expected one side, cheekSquintLeft or cheekSquintRight"),
        ("units", "eyeBlinkLft", "no such value among the 51; most similar: eyeBlinkLeft"),
        ("units", "AU12", "is an action unit; these stand in `action_units`"),
        ("action_units", "AU6", "is missing: the networks' teacher never raises cheekSquint"),
        ("action_units", "AU16", "`ACTION_UNITS` has no rule for it. There are AU1, AU2, AU4,"),
        ("action_units", "jawOpen", "is a coefficient; these stand in `units`"),
        ("probabilities", "joy", "expected one of happy, neutral, sad, angry, fear, surprise"),
    ],
)
def test_a_name_that_a_result_lacks_says_which_it_has(prediction, field, name, said):
    pose = HeadPose(yaw_deg=0.0, pitch_deg=0.0, roll_deg=0.0)
    read = sent(dataclasses.replace(prediction, units=dict.fromkeys(UNITS, 0.1), pose=pose))
    values = getattr(read, field)
    with pytest.raises(UnknownNameError, match=f"^'{name}': .*{said}"):
        values[name]
    with pytest.raises(KeyError):
        values[name]
    assert values.get(name) is None
    assert name not in values


def test_a_notebook_escapes_what_comes_from_outside(result):
    evil = FrameResult(source="<script>alert(1)</script>", error='"><b>')
    assert "<script" not in evil._repr_html_()
    assert "<b>" not in evil._repr_html_()
    assert "&lt;script&gt;" in evil._repr_html_()
    named = dataclasses.replace(result, source='"<i>', frame_rgb=grey())
    assert "<i>" not in named._repr_html_()
    assert evil._repr_png_() is None


def test_a_result_without_a_face_or_image_still_shows_itself():
    assert "no face" in FrameResult(source="a.jpg")._repr_html_()
    failed = dataclasses.replace(FAILED, frame_rgb=grey())
    assert failed._repr_png_() is None
    assert "error: empty" in failed._repr_html_()
