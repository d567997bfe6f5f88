import warnings

import numpy as np
import pytest
import torch

from mien.detect import OnnxDetector
from mien.export import export_detector
from mien.models import DetectorOptions
from mien.structures import Faces
from mien.training import DetectorRecipe, choose_score_threshold, train_detector
from mien.training.detector import DetectorModule
from mien.training.detector_augment import DetectorAugmentation, draw_square
from mien.training.detector_loss import (
    CellGrid,
    FaceTargets,
    assign_cells,
    detector_loss,
    pairwise_iou,
)
from mien.training.photos import LabelledPhoto, held_out, label_photo

STRIDES = (8, 16, 32)
LANDMARKS = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)


@pytest.fixture(autouse=True)
def _library_warnings():
    # Lightning warns of its own dependencies and of short trainings.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def photo(name, score=0.9):
    """A photo with one bright face-like square at a known place."""
    picture = np.random.default_rng(0).integers(0, 60, (160, 160, 3)).astype(np.uint8)
    picture[20:100, 20:80] = 220
    return LabelledPhoto(
        name=name,
        key=name,
        kind="",
        picture_rgb=picture,
        faces=Faces(
            boxes_xyxy=np.array([[20, 20, 80, 100]], np.float32),
            landmarks_xy=LANDMARKS[None] * 0.8 + 5,
            detection_scores=np.array([score], np.float32),
        ),
    )


def targets(boxes, sure=None):
    boxes = torch.tensor(boxes, dtype=torch.float32).view(-1, 4)
    sure = torch.ones(len(boxes), dtype=torch.bool) if sure is None else torch.tensor(sure)
    landmarks = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    return FaceTargets(
        boxes_xyxy=boxes,
        landmarks_xy=landmarks.expand(-1, 5, 2).clone(),
        sure=sure,
        landmarked=sure,
    )


def perfect_cells(grid, face):
    """Raw cells that all say exactly this face, surely."""
    box = face.boxes_xyxy[0]
    centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    strides = grid.strides[:, None]
    cells = torch.zeros(len(grid.points_xy), 16)
    cells[:, :2] = 20.0
    cells[:, 2:4] = (centre - grid.points_xy) / strides
    cells[:, 4:6] = (size / strides).log()
    cells[:, 6:] = ((centre - grid.points_xy) / strides).repeat(1, 5)
    return cells


@pytest.fixture
def grid():
    return CellGrid.of(96, 128, STRIDES, torch.device("cpu"))


def test_overlaps_as_worked_out_on_paper():
    a = torch.tensor([[0.0, 0, 10, 10], [0, 0, 1, 1]])
    b = torch.tensor([[5.0, 0, 15, 10], [20, 20, 30, 30]])
    torch.testing.assert_close(pairwise_iou(a, b), torch.tensor([[1 / 3, 0.0], [0.0, 0.0]]))


def test_only_cells_at_the_face_answer_for_it(grid):
    face = targets([[40, 30, 80, 70]])
    cells = perfect_cells(grid, face)
    boxes = face.boxes_xyxy.expand(len(cells), 4)
    assigned = assign_cells(cells, boxes, grid, face)
    answering = grid.points_xy[assigned == 0]
    assert 1 <= len(answering) <= 10
    assert ((answering - torch.tensor([60.0, 50.0])).abs() < 64).all()
    assert (assigned[assigned != 0] == -1).all()


@pytest.mark.parametrize("box", [[61, 51, 64, 54], [0, 0, 9, 9], [120, 88, 128, 96]])
def test_even_a_tiny_face_gets_a_cell(grid, box):
    face = targets([box])
    boxes = torch.zeros(len(grid.points_xy), 4)
    assigned = assign_cells(torch.zeros(len(boxes), 16), boxes, grid, face)
    assert (assigned == 0).any()


def test_where_the_teacher_is_unsure_cells_count_for_nothing(grid):
    unsure = targets([[40, 30, 80, 70]], sure=[False])
    cells = torch.zeros(len(grid.points_xy), 16)
    assigned = assign_cells(cells, torch.zeros(len(cells), 4), grid, unsure)
    x, y = grid.points_xy.T
    inside = (x > 40) & (x < 80) & (y > 30) & (y < 70)
    assert (assigned[inside] == -2).all()
    assert (assigned[~inside] == -1).all()


def test_answers_that_are_right_cost_nothing_and_wrong_ones_do(grid):
    face = targets([[40, 30, 80, 70]])
    cells = perfect_cells(grid, face)
    answering = assign_cells(cells, face.boxes_xyxy.expand(len(cells), 4), grid, face) == 0
    cells[~answering, 1] = -20.0
    right = detector_loss(cells[None], grid, [face])
    assert all(loss.item() < 1e-3 for loss in right.values())
    wrong = detector_loss(cells[None] + 1.0, grid, [face])
    assert wrong["box"] > 0.1
    assert wrong["kps"] > 0.01


def test_a_batch_without_faces_has_a_loss(grid):
    losses = detector_loss(torch.zeros(2, len(grid.points_xy), 16), grid, [targets([])] * 2)
    assert losses["obj"] > 0
    assert losses["box"] == losses["kps"] == 0


def test_squares_keep_faces_inside_and_labels_on_them():
    options = DetectorAugmentation(
        square_px=128, smallest_face_px=20, largest_face_px=90, occlusion=0, blur=0, dark=0,
        noise=0, jpeg=0, mosaic=0.5, large_mosaic=0,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(40):
        square = draw_square([photo("a")], options, rng)
        assert square.picture_rgb.shape == (128, 128, 3)
        assert square.boxes_xyxy.min() >= 0
        assert square.boxes_xyxy.max() <= 128
        for (left, top, right, bottom), sure in zip(square.boxes_xyxy, square.sure, strict=True):
            if not sure:
                continue
            x, y = int((left + right) / 2), int((top + bottom) / 2)
            around = square.picture_rgb[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
            seen += around.mean() > square.picture_rgb.mean()
    assert seen >= 30


def test_a_mirrored_face_keeps_its_persons_right_eye_on_the_left():
    options = DetectorAugmentation(rotation_deg=0, occlusion=0, mosaic=0, large_mosaic=0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        square = draw_square([photo("a")], options, rng)
        for landmarks, counted in zip(square.landmarks_xy, square.landmarked, strict=True):
            if counted:
                assert landmarks[0, 0] < landmarks[2, 0] < landmarks[1, 0]
                assert landmarks[3, 0] < landmarks[4, 0]


def test_the_teachers_views_are_merged_into_one_face():
    class Teacher:
        """Sees the bright square wherever and however large it is shown."""

        def detect(self, frame_rgb, *, min_face_px=24):
            bright = frame_rgb.mean(axis=2) > 150
            columns, rows = np.flatnonzero(bright.any(0)), np.flatnonzero(bright.any(1))
            box = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
            return Faces(
                boxes_xyxy=np.array([box], np.float32),
                landmarks_xy=np.tile(np.array([box[:2]], np.float32), (1, 5, 1)),
                detection_scores=np.array([0.9], np.float32),
            )

    faces = label_photo(Teacher(), photo("a").picture_rgb)
    np.testing.assert_allclose(faces.boxes_xyxy, [[20, 20, 80, 100]], atol=1.5)
    np.testing.assert_allclose(faces.detection_scores, [0.9], atol=1e-6)


def test_about_a_tenth_is_held_out_by_name():
    share = np.mean([held_out(str(number)) for number in range(2000)])
    assert share == pytest.approx(0.1, abs=0.02)


def test_two_steps_train_resume_and_export(tmp_path):
    names = [str(number) for number in range(30)]
    photos = [photo(name) for name in names]
    assert any(held_out(name) for name in names)
    recipe = DetectorRecipe(
        network=DetectorOptions(stem=(4, 8), width=8, depths=(1, 1, 1)),
        augmentation=DetectorAugmentation(square_px=96, largest_face_px=80),
        steps=2,
        validate_every=1,
        batch_size=2,
        warmup_steps=1,
    )
    train_detector(recipe, photos, out=tmp_path, workers=0)
    module = train_detector(recipe, photos, out=tmp_path, workers=0, resume=True)
    threshold = choose_score_threshold(module, photos)
    assert 0.3 <= threshold <= 1
    path = tmp_path / "face.onnx"
    differences = export_detector(
        module.network, path=path, provenance={"teacher": "toy"}, score_threshold=threshold
    )
    assert max(differences.values()) < 1e-4
    detector = OnnxDetector(path, score_threshold=0.0)
    assert detector.spec.name == "mien-face"
    assert OnnxDetector(path).score_threshold == threshold
    faces = detector.detect(photos[0].picture_rgb, min_face_px=1)
    assert faces.boxes_xyxy.shape[1] == 4


def test_the_best_weights_come_back_and_the_newest_are_kept_for_resuming(tmp_path, monkeypatch):
    def worse_and_worse(module):
        module.log("val/score", -float(module.global_step), batch_size=1)

    monkeypatch.setattr(DetectorModule, "on_validation_epoch_end", worse_and_worse)
    recipe = DetectorRecipe(
        network=DetectorOptions(stem=(4, 8), width=8, depths=(1, 1, 1)),
        augmentation=DetectorAugmentation(square_px=96, largest_face_px=80),
        steps=3,
        validate_every=1,
        batch_size=2,
    )
    photos = [photo(str(number)) for number in range(30)]
    module = train_detector(recipe, photos, out=tmp_path, workers=0)
    best, last = (
        torch.load(tmp_path / "checkpoints" / f"{name}.ckpt", weights_only=False)
        for name in ("best", "last")
    )
    assert (best["global_step"], last["global_step"]) == (1, 3)
    for name, values in module.state_dict().items():
        torch.testing.assert_close(values, best["state_dict"][name])


@pytest.mark.parametrize(
    ("scores", "alarms", "threshold"),
    [
        ([0.9, 0.8, 0.5], 1.0, 0.81),
        ([0.9, 0.8, 0.5], 0.0, 0.91),
        ([], 0.0, 0.3),
        ([0.2], 1.0, 0.3),
        ([1.0], 0.0, 1.0),
    ],
)
def test_the_threshold_is_the_lowest_with_no_more_alarms(monkeypatch, scores, alarms, threshold):
    name = next(str(number) for number in range(100) if held_out(str(number)))
    module = DetectorModule(DetectorRecipe())
    boxes = np.array([[100 + 40 * n, 110, 130 + 40 * n, 150] for n in range(len(scores))])
    found = Faces(
        boxes_xyxy=boxes.reshape(-1, 4).astype(np.float32),
        landmarks_xy=np.zeros((len(scores), 5, 2), np.float32),
        detection_scores=np.array(scores, np.float32),
    )
    monkeypatch.setattr(module, "detect", lambda photo, *, score_threshold: found)
    chosen = choose_score_threshold(module, [photo(name)], alarms_per_photo=alarms)
    assert chosen == pytest.approx(threshold)
