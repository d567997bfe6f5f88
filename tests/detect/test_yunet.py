import numpy as np
import pytest

from mien.detect import decode_yunet, non_maximum_suppression, yunet

HEIGHT, WIDTH, STRIDES = 96, 128, (8, 16, 32)


def empty_outputs():
    outputs = {}
    for stride in STRIDES:
        cells = (HEIGHT // stride) * (WIDTH // stride)
        for kind, size in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            outputs[f"{kind}_{stride}"] = np.zeros((cells, size), np.float32)
    return outputs


def put(outputs, stride, column, row, *, score, centre, size, landmarks):
    """Write a face as its cell would say it; pixels in, cell units out."""
    cell = row * (WIDTH // stride) + column
    point = np.array([column, row])
    outputs[f"cls_{stride}"][cell] = outputs[f"obj_{stride}"][cell] = score
    outputs[f"bbox_{stride}"][cell, :2] = np.array(centre) / stride - point
    outputs[f"bbox_{stride}"][cell, 2:] = np.log(np.array(size) / stride)
    outputs[f"kps_{stride}"][cell] = (np.array(landmarks) / stride - point).ravel()


def decoded(outputs, score_threshold=0.6, nms_iou=0.3):
    return decode_yunet(
        outputs,
        input_hw=(HEIGHT, WIDTH),
        strides=STRIDES,
        score_threshold=score_threshold,
        nms_iou=nms_iou,
    )


LANDMARKS = [(40.0, 30.0), (56.0, 31.0), (48.0, 40.0), (42.0, 50.0), (55.0, 51.0)]


@pytest.mark.parametrize(("stride", "column", "row"), [(8, 6, 5), (16, 3, 2), (32, 1, 1)])
def test_a_face_comes_back_at_its_pixels(stride, column, row):
    outputs = empty_outputs()
    put(
        outputs, stride, column, row,
        score=0.9, centre=(48, 40), size=(30, 44), landmarks=LANDMARKS,
    )  # fmt: skip
    faces = decoded(outputs)
    np.testing.assert_allclose(faces.boxes_xyxy, [[33, 18, 63, 62]], atol=1e-3)
    np.testing.assert_allclose(faces.landmarks_xy, [LANDMARKS], atol=1e-3)
    np.testing.assert_allclose(faces.detection_scores, [0.9], atol=1e-6)


def test_of_a_network_that_sees_faces_everywhere_the_best_cells_are_kept(monkeypatch):
    monkeypatch.setattr(yunet, "_MAX_CELLS", 256)
    side, cells = 256, (256 // 8) ** 2
    outputs = {
        "cls_8": np.linspace(0.7, 1, cells, dtype=np.float32)[:, None],
        "obj_8": np.ones((cells, 1), np.float32),
        "bbox_8": np.full((cells, 4), -1, np.float32),
        "kps_8": np.zeros((cells, 10), np.float32),
    }
    faces = decode_yunet(
        outputs, input_hw=(side, side), strides=(8,), score_threshold=0.6, nms_iou=0.3
    )
    assert len(faces) == 256
    assert faces.detection_scores.min() > 0.9


def test_the_score_is_the_geometric_mean_of_both():
    outputs = empty_outputs()
    put(outputs, 8, 3, 3, score=1.0, centre=(28, 28), size=(20, 20), landmarks=LANDMARKS)
    outputs["obj_8"][outputs["obj_8"] > 0] = 0.64
    assert decoded(outputs).detection_scores[0] == pytest.approx(0.8)
    assert len(decoded(outputs, score_threshold=0.81)) == 0


def test_of_one_face_on_two_levels_the_better_stays():
    outputs = empty_outputs()
    put(outputs, 8, 6, 5, score=0.7, centre=(48, 40), size=(30, 44), landmarks=LANDMARKS)
    put(outputs, 16, 3, 2, score=0.9, centre=(49, 41), size=(31, 43), landmarks=LANDMARKS)
    faces = decoded(outputs)
    assert len(faces) == 1
    assert faces.detection_scores[0] == pytest.approx(0.9)


def test_a_face_lies_where_the_cells_that_agree_on_it_put_it():
    outputs = empty_outputs()
    moved = np.array(LANDMARKS) + 2
    put(outputs, 8, 6, 5, score=0.9, centre=(48, 40), size=(30, 44), landmarks=LANDMARKS)
    put(outputs, 16, 3, 2, score=0.6, centre=(50, 42), size=(30, 44), landmarks=moved)
    put(outputs, 8, 7, 6, score=0.8, centre=(56, 48), size=(30, 44), landmarks=moved + 40)
    faces = decoded(outputs)  # the third overlaps by 0.43: it goes, and says nothing
    np.testing.assert_allclose(faces.boxes_xyxy, [[33.8, 18.8, 63.8, 62.8]], atol=1e-3)
    np.testing.assert_allclose(faces.landmarks_xy, [np.array(LANDMARKS) + 0.8], atol=1e-3)
    np.testing.assert_allclose(faces.detection_scores, [0.9], atol=1e-6)


def test_no_face_gives_none():
    faces = decoded(empty_outputs())
    assert len(faces) == 0
    assert faces.landmarks_xy.shape == (0, 5, 2)


@pytest.mark.parametrize(
    ("boxes", "scores", "kept"),
    [
        ([], [], []),
        ([[0, 0, 10, 10]], [0.5], [0]),
        ([[0, 0, 10, 10], [20, 20, 30, 30]], [0.5, 0.9], [1, 0]),
        # Overlap of 5x10 over a union of 150 is a third.
        ([[0, 0, 10, 10], [5, 0, 15, 10]], [0.5, 0.9], [1]),
        ([[0, 0, 10, 10], [8, 0, 18, 10]], [0.5, 0.9], [1, 0]),
        # The middle one is suppressed, and what only it suppressed stays.
        ([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], [0.9, 0.8, 0.7], [0, 2]),
    ],
)
def test_suppression_keeps_the_best_of_each_group(boxes, scores, kept):
    array = np.array(boxes, np.float32).reshape(-1, 4)
    found = non_maximum_suppression(array, np.array(scores, np.float32), iou=0.3)
    assert found.tolist() == kept
