import contextlib
import dataclasses
import types
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

import mien
from mien._decode import FieldError
from mien.detect import OnnxDetector
from mien.errors import ArtefactError, InputError, RecipeError
from mien.export import export_detector
from mien.models import DetectorNet, DetectorOptions
from mien.structures import Faces
from mien.training import (
    DetectorRecipe,
    choose_score_threshold,
    pseudo_labels,
    train_detector,
)
from mien.training.detector import DetectorModule, _initialise, _TrainingImages, landmark_errors
from mien.training.detector_augment import (
    TrainingImage,
    draw_training_image,
)
from mien.training.detector_loss import CellGrid, decoded_boxes, detector_losses, pairwise_iou
from mien.training.detector_recipe import DetectorAugmentation
from mien.training.detector_targets import corrected_cells, teacher_cells
from mien.training.pseudo_labels import (
    PseudoLabelledImage,
    is_for_choosing,
    is_for_reports,
    is_held_out,
    pseudo_label_image,
    pseudo_label_images,
    read_unlabelled_images,
)

STRIDES = (8, 16, 32)
SHIPPED = Path(mien.__file__).parent / "assets" / "face.onnx"
SMALL = DetectorRecipe(
    network=DetectorOptions(stem=(4, 8), width=8, depths=(1, 1, 1)),
    augmentation=DetectorAugmentation(image_px=96, max_face_px=80),
    steps=4,
    validate_every=4,
    batch_size=2,
)
LANDMARKS = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)


@contextlib.contextmanager
def library_warnings():
    # Lightning warns of its own dependencies and of short trainings.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(autouse=True)
def _library_warnings():
    with library_warnings():
        yield


def labelled_image(name, score=0.9):
    """An image with one bright face-like square at a known place."""
    image = np.random.default_rng(0).integers(0, 60, (160, 160, 3)).astype(np.uint8)
    image[20:100, 20:80] = 220
    return PseudoLabelledImage(
        name=name,
        key=name,
        kind="",
        image_rgb=image,
        faces=Faces(
            boxes_xyxy=np.array([[20, 20, 80, 100]], np.float32),
            landmarks_xy=LANDMARKS[None] * 0.8 + 5,
            detection_scores=np.array([score], np.float32),
        ),
    )


def perfect_cells(grid, box):
    """Raw cells: those inside the box have exactly this box and a high score, the others none."""
    box = torch.tensor(box, dtype=torch.float32)
    centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    strides = grid.strides[:, None]
    inside = ((grid.points_xy > box[:2]) & (grid.points_xy < box[2:])).all(dim=1)
    cells = torch.zeros(len(grid.points_xy), 16)
    cells[:, :2] = torch.where(inside, 20.0, -20.0)[:, None]
    cells[:, 2:4] = (centre - grid.points_xy) / strides
    cells[:, 4:6] = (size / strides).log()
    cells[:, 6:] = ((centre - grid.points_xy) / strides).repeat(1, 5)
    return cells


def as_targets(cells):
    """The outputs of a teacher with these raw values: its scores are probabilities."""
    return torch.cat((cells[..., :2].sigmoid(), cells[..., 2:]), dim=-1)


@pytest.fixture
def grid():
    return CellGrid.of(96, 128, STRIDES, torch.device("cpu"))


def test_overlaps_as_worked_out_on_paper():
    a = torch.tensor([[0.0, 0, 10, 10], [0, 0, 1, 1]])
    b = torch.tensor([[5.0, 0, 15, 10], [20, 20, 30, 30]])
    torch.testing.assert_close(pairwise_iou(a, b), torch.tensor([[1 / 3, 0.0], [0.0, 0.0]]))


def test_a_student_with_its_teachers_outputs_has_no_loss(grid):
    cells = perfect_cells(grid, [40, 30, 80, 70])
    losses = detector_losses(cells[None], as_targets(cells)[None], grid)
    assert all(abs(loss.item()) < 1e-5 for loss in losses.values())


@pytest.mark.parametrize(
    ("part", "loss"),
    [(slice(0, 1), "cls"), (slice(1, 2), "obj"), (slice(2, 6), "box"), (slice(6, 16), "kps")],
)
def test_each_kind_of_difference_has_its_own_loss(grid, part, loss):
    cells = perfect_cells(grid, [40, 30, 80, 70])
    wrong = cells.clone()
    wrong[:, part] += -25.0 if part.stop <= 2 else 1.0
    losses = detector_losses(wrong[None], as_targets(cells)[None], grid)
    assert losses.pop(loss) > 0.05
    assert all(abs(other.item()) < 1e-5 for other in losses.values())


def test_where_the_teacher_finds_nothing_only_the_score_has_a_loss(grid):
    nothing = torch.zeros(2, len(grid.points_xy), 16)
    nothing[..., 0] = 1.0  # what a teacher says of boxes where it sees no face is noise
    student = torch.randn(2, len(grid.points_xy), 16)
    losses = detector_losses(student, nothing, grid)
    assert losses["obj"] > 0
    assert losses["cls"] == losses["box"] == losses["kps"] == 0


def test_landmarks_of_small_faces_count_by_their_size(grid):
    small, large = perfect_cells(grid, [2, 2, 18, 18]), perfect_cells(grid, [30, 10, 110, 90])
    of_small, of_large = (cells[:, 1] > 0 for cells in (small, large))
    both = torch.where(of_small[:, None], small, large)
    per_cell = []
    for side, face in ((16, of_small), (80, of_large)):
        wrong = both.clone()
        wrong[:, 6:] += face[:, None] * 0.3 * side / grid.strides[:, None]
        cost = detector_losses(wrong[None], as_targets(both)[None], grid)["kps"]
        per_cell.append(cost / face.sum())
    torch.testing.assert_close(per_cell[0] / per_cell[1], torch.tensor(16 / 40))


def test_the_order_of_teacher_cells_is_that_of_the_network():
    network = DetectorNet(SMALL.network).eval()
    square = np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.uint8)
    pixels = torch.from_numpy(square[..., ::-1].copy()).permute(2, 0, 1)[None].float()
    names = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES]

    class Teacher:
        def raw_outputs(self, image_rgb):
            with torch.no_grad():
                values = network(pixels)
            return {n: v[0].numpy() for n, v in zip(names, values, strict=True)}, (96, 96)

    with torch.no_grad():
        raw = torch.cat(network.cells(pixels), dim=1)[0]
    np.testing.assert_allclose(teacher_cells(Teacher(), square), as_targets(raw).numpy(), atol=1e-5)


def test_students_get_the_teachers_image_in_poorer_light():
    options = DetectorAugmentation(image_px=128, dark=1.0, occlusion=0, blur=0, jpeg=0)
    drawn = draw_training_image([labelled_image("a")], options, np.random.default_rng(0))
    assert drawn.teacher_rgb.shape == drawn.student_rgb.shape == (128, 128, 3)
    assert drawn.student_rgb.mean() < 0.8 * drawn.teacher_rgb.mean()


def test_drawn_scenes_replace_images_and_the_teacher_sees_them():
    options = DetectorAugmentation(image_px=128, clutter=1.0, mosaic=1.0, large_mosaic=0)
    drawn = [
        draw_training_image([labelled_image("a")], options, np.random.default_rng(seed)).teacher_rgb
        for seed in range(3)
    ]
    for clean in drawn:
        assert len(np.unique(clean.reshape(-1, 3), axis=0)) > 50
    assert (drawn[0] != drawn[1]).any()


def test_faces_of_a_dataset_are_pasted_and_the_teacher_sees_them():
    options = DetectorAugmentation(
        image_px=128, pasted_faces=1.0, clutter=0, mosaic=0, large_mosaic=0
    )
    faces = np.tile(np.arange(0, 250, 5, dtype=np.uint8)[:48], (3, 48, 1))

    def clean(pasted_faces):
        return draw_training_image(
            [labelled_image("a")], options, np.random.default_rng(2), pasted_faces=pasted_faces
        ).teacher_rgb

    pasted = (clean(faces) != clean(None)).any(axis=2)
    assert 0.01 < pasted.mean() < 0.9
    assert np.array_equal(clean(faces), clean(faces))


def test_only_the_students_image_has_covered_faces():
    def drawn(occlusion):
        options = DetectorAugmentation(image_px=128, occlusion=occlusion, mosaic=0, large_mosaic=0)
        return draw_training_image([labelled_image("a")], options, np.random.default_rng(5))

    bare, covered = drawn(0.0), drawn(1.0)
    np.testing.assert_array_equal(bare.teacher_rgb, covered.teacher_rgb)
    assert (bare.student_rgb != covered.student_rgb).any()


def test_where_nothing_is_a_face_the_teacher_is_not_believed():
    options = DetectorAugmentation(image_px=96, clutter=0, negatives=1.0, mosaic=0, large_mosaic=0)
    negative = np.full((60, 80, 3), 90, np.uint8)
    drawn = draw_training_image(
        [labelled_image("a")], options, np.random.default_rng(1), negatives=[negative]
    )
    assert drawn.background.all()
    assert not len(drawn.faces)
    believed = np.full((96 // 8) ** 2 + (96 // 16) ** 2 + (96 // 32) ** 2, 0.9)
    cells = np.repeat(believed[:, None], 16, axis=1).astype(np.float32)
    corrected = corrected_cells(cells, drawn)
    assert not corrected[:, :2].any()
    np.testing.assert_array_equal(corrected[:, 2:], cells[:, 2:])


def composed(box, score):
    return TrainingImage(
        teacher_rgb=np.zeros((96, 96, 3), np.uint8),
        student_rgb=np.zeros((96, 96, 3), np.uint8),
        faces=dataclasses.replace(
            faces_at([0, 0], [box]), detection_scores=np.array([score], np.float32)
        ),
        background=np.zeros((12, 12), np.bool_),
    )


@pytest.mark.parametrize(
    ("box", "score", "said", "learnt"),
    [
        ((32, 32, 64, 64), 0.9, 0.0, 0.9),  # surer than the teacher, whose one look is corrected
        ((32, 32, 64, 64), 0.9, 0.95, 0.95),
        ((32, 32, 64, 64), 0.7, 0.0, 0.0),  # not sure enough
        ((-20, 32, 12, 64), 0.9, 0.0, 0.0),  # hardly any of it shows
        ((44, 44, 52, 52), 0.9, 0.0, 0.0),  # too small to be seen
    ],
)
def test_a_known_face_corrects_the_teacher(box, score, said, learnt):
    cells = np.zeros((144 + 36 + 9, 16), np.float32)
    cells[:, :2] = said
    corrected = corrected_cells(cells, composed(box, score))
    best = int(corrected[:, 0].argmax())
    assert corrected[best, 0] == pytest.approx(learnt)
    if learnt > said:
        grid = CellGrid.of(96, 96, STRIDES, torch.device("cpu"))
        found = decoded_boxes(torch.from_numpy(corrected), grid)[best]
        np.testing.assert_allclose(found, box, atol=1e-3)


def test_faces_are_cut_out_and_known_at_their_new_place():
    options = DetectorAugmentation(
        image_px=128, cutouts=1.0, clutter=0, surroundings=1.0, mosaic=0, large_mosaic=0
    )
    drawn = [
        draw_training_image([labelled_image("a")], options, np.random.default_rng(seed))
        for seed in range(8)
    ]
    assert max(len(each.faces) for each in drawn) > 1
    again = draw_training_image([labelled_image("a")], options, np.random.default_rng(0))
    np.testing.assert_array_equal(again.student_rgb, drawn[0].student_rgb)


@pytest.mark.parametrize("side", [96, 64])
def test_a_new_level_for_whole_frames_changes_nothing_at_first(side, exported):
    images = 255 * torch.rand((1, 3, side, side), generator=torch.Generator().manual_seed(0))
    networks = [dataclasses.replace(SMALL.network, context_depth=depth) for depth in (2, 0)]
    module, plain = (DetectorModule(DetectorRecipe(network=each)).eval() for each in networks)
    for each in (module, plain):
        _initialise(each, exported.path, [(images.to(torch.uint8), None)])
    with torch.no_grad():
        for one, other in zip(module.network(images), plain.network(images), strict=True):
            torch.testing.assert_close(one, other)


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

    faces = pseudo_label_image(Teacher(), labelled_image("a").image_rgb)
    np.testing.assert_allclose(faces.boxes_xyxy, [[20, 20, 80, 100]], atol=1.5)
    np.testing.assert_allclose(faces.detection_scores, [0.9], atol=1e-6)


def test_about_a_tenth_is_held_out_by_name_half_of_it_for_choosing_and_half_for_reports():
    names = [str(number) for number in range(2000)]
    held_out, choosing, reports = (
        [name for name in names if use(name)]
        for use in (is_held_out, is_for_choosing, is_for_reports)
    )
    assert len(held_out) / len(names) == pytest.approx(0.1, abs=0.02)
    assert sorted([*choosing, *reports]) == sorted(held_out)
    assert len(reports) / len(held_out) == pytest.approx(0.5, abs=0.1)


def test_a_large_photo_is_kept_and_looked_at_in_the_size_of_the_largest_view(tmp_path):
    seen = []

    class Teacher:
        def detect(self, frame_rgb, *, min_face_px=24):
            seen.append(frame_rgb.shape[1])
            return Faces.none()

    photo = np.zeros((40, 3000, 3), np.uint8)
    assert not len(pseudo_label_image(Teacher(), photo))
    assert sorted(set(seen)) == [1280]
    Image.fromarray(photo).save(tmp_path / "wide.png")
    (found,) = pseudo_label_images(tmp_path, SHIPPED, tmp_path / "labels.npz")
    assert found.image_rgb.shape == (17, 1280, 3)
    (as_it_is,) = read_unlabelled_images(tmp_path)
    assert as_it_is[2].shape == photo.shape


def test_labels_are_kept_while_the_teacher_looks(tmp_path, monkeypatch):
    for number in range(3):
        Image.fromarray(np.full((20, 20, 3), number, np.uint8)).save(tmp_path / f"{number}.png")
    looked_at = []

    def label(detector, image_rgb):
        looked_at.append(int(image_rgb[0, 0, 0]))
        if looked_at == [0, 1, 2]:
            raise KeyboardInterrupt
        return Faces.none()

    monkeypatch.setattr(pseudo_labels, "pseudo_label_image", label)
    monkeypatch.setattr(pseudo_labels, "_SAVE_EVERY", 2)
    cache = tmp_path / "labels.npz"
    with pytest.raises(KeyboardInterrupt):
        pseudo_label_images(tmp_path, SHIPPED, cache)
    found = pseudo_label_images(tmp_path, SHIPPED, cache)
    assert (looked_at, len(found)) == ([0, 1, 2, 2], 3)


def test_which_images_are_held_out_does_not_depend_on_the_system(tmp_path):
    (tmp_path / "people").mkdir()
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "people" / "a.png")
    assert [name for name, _, _ in read_unlabelled_images(tmp_path)] == ["people/a.png"]


@dataclasses.dataclass(frozen=True)
class Exported:
    """The file of a detector that was trained, and what was found on the way."""

    path: Path
    threshold: float
    differences: dict[str, float]
    image: PseudoLabelledImage


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A detector after two steps, resumed and exported, which takes seconds."""
    out = tmp_path_factory.mktemp("exported")
    names = [str(number) for number in range(30)]
    images = [labelled_image(name) for name in names]
    assert any(is_for_choosing(name) for name in names)
    recipe = DetectorRecipe(
        network=SMALL.network,
        augmentation=DetectorAugmentation(image_px=96, max_face_px=80, pasted_faces=0.5),
        steps=2,
        validate_every=1,
        batch_size=2,
        warmup_steps=1,
    )
    pasted_faces = np.random.default_rng(0).integers(0, 256, (3, 48, 48)).astype(np.uint8)
    settings = {"out": out, "pasted_faces": pasted_faces, "workers": 0}
    with library_warnings():
        train_detector(recipe, images, SHIPPED, **settings)
        with pytest.raises(RecipeError, match="holds a run already"):
            train_detector(recipe, images, SHIPPED, **settings)
        module = train_detector(recipe, images, SHIPPED, **settings, resume=True)
        threshold = choose_score_threshold(module, images)
        path = out / "face.onnx"
        differences = export_detector(
            module.network, path=path, provenance={"teacher": "toy"}, score_threshold=threshold
        )
    return Exported(path, threshold, differences, images[0])


def test_two_steps_train_resume_and_export(exported):
    assert 0.3 <= exported.threshold <= 1
    assert max(exported.differences.values()) < 1e-3
    stored = {weights.data_type for weights in onnx.load(exported.path).graph.initializer}
    assert onnx.TensorProto.FLOAT16 in stored
    detector = OnnxDetector(exported.path, score_threshold=0.0)
    assert detector.spec.name == "mien-face"
    assert OnnxDetector(exported.path).score_threshold == exported.threshold
    faces = detector.detect(exported.image.image_rgb, min_face_px=1)
    assert faces.boxes_xyxy.shape[1] == 4


def faces_at(shift_px, boxes=((20, 20, 80, 100),)):
    return Faces(
        boxes_xyxy=np.array(boxes, np.float32),
        landmarks_xy=np.repeat(LANDMARKS[None], len(boxes), axis=0) + np.float32(shift_px),
        detection_scores=np.full(len(boxes), 0.9, np.float32),
    )


@pytest.mark.parametrize(
    ("found", "targets", "errors"),
    [
        (faces_at([4, 0]), faces_at([0, 0]), [0.1]),  # 4 px of the 40 px between the eyes
        (faces_at([3, 4]), faces_at([0, 0]), [0.125]),
        (faces_at([4, 0], [(200, 20, 260, 100)]), faces_at([0, 0]), []),  # not the same face
        (faces_at([4, 0]), faces_at([0, 0], [(20, 20, 60, 100)]), []),  # too small to count
        (Faces.none(), faces_at([0, 0]), []),
    ],
)
def test_landmark_errors_are_in_eye_distances_of_faces_that_are_found(found, targets, errors):
    assert landmark_errors(found, targets) == pytest.approx(errors)


def test_the_best_weights_come_back_and_the_newest_are_kept_for_resuming(tmp_path, monkeypatch):
    def worse_and_worse(module):
        module.log("val/score", -float(module.global_step), batch_size=1)

    monkeypatch.setattr(DetectorModule, "on_validation_epoch_end", worse_and_worse)
    recipe = DetectorRecipe(
        network=SMALL.network,
        augmentation=SMALL.augmentation,
        steps=3,
        validate_every=1,
        batch_size=2,
    )
    images = [labelled_image(str(number)) for number in range(30)]
    module = train_detector(recipe, images, SHIPPED, out=tmp_path, workers=0)
    best, last = (
        torch.load(tmp_path / "checkpoints" / f"{name}.ckpt", weights_only=False)
        for name in ("best", "last")
    )
    assert (best["global_step"], last["global_step"]) == (1, 3)
    for name, values in module.state_dict().items():
        torch.testing.assert_close(values, best["state_dict"][name])


@pytest.mark.parametrize(
    ("scores", "false_positives", "threshold"),
    [
        ([0.9, 0.8, 0.5], 1.0, 0.81),
        ([0.9, 0.8, 0.5], 0.0, 0.91),
        ([], 0.0, 0.3),
        ([0.2], 1.0, 0.3),
        ([1.0], 0.0, 1.0),
    ],
)
def test_the_threshold_is_the_lowest_with_few_enough_false_positives(
    monkeypatch, scores, false_positives, threshold
):
    name = next(str(number) for number in range(100) if is_for_choosing(str(number)))
    module = DetectorModule(DetectorRecipe())
    boxes = np.array([[100 + 40 * n, 110, 130 + 40 * n, 150] for n in range(len(scores))])
    found = Faces(
        boxes_xyxy=boxes.reshape(-1, 4).astype(np.float32),
        landmarks_xy=np.zeros((len(scores), 5, 2), np.float32),
        detection_scores=np.array(scores, np.float32),
    )
    monkeypatch.setattr(module, "detect", lambda image, *, score_threshold: found)
    chosen = choose_score_threshold(
        module, [labelled_image(name)], max_false_positives_per_image=false_positives
    )
    assert chosen == pytest.approx(threshold)


def test_without_an_image_for_choosing_there_is_no_threshold():
    name = next(str(number) for number in range(100) if not is_for_choosing(str(number)))
    with pytest.raises(InputError, match="found none among 1 images"):
        choose_score_threshold(DetectorModule(DetectorRecipe()), [labelled_image(name)])


@pytest.mark.parametrize(
    ("used", "missing"),
    [
        (is_held_out, "to train on"),
        (None, "to train on"),
        (lambda name: not is_for_choosing(name), "to choose the checkpoint by"),
    ],
)
def test_a_training_without_images_to_learn_from_or_to_choose_by_is_refused(
    tmp_path, used, missing
):
    names = [str(number) for number in range(60) if used is not None and used(str(number))]
    with pytest.raises(
        InputError, match=f"expected images {missing}, found none among {len(names)} "
    ):
        train_detector(SMALL, list(map(labelled_image, names)), SHIPPED, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_recipe_that_never_validates_is_refused():
    with pytest.raises(FieldError, match="validate_every': expected 1 to the 4 steps, found 5"):
        dataclasses.replace(SMALL, validate_every=5)


def test_workers_share_the_batches_and_keep_their_order():
    batches = _TrainingImages(
        [labelled_image("a")], SHIPPED, SMALL, pasted_faces=None, negatives=(), first=1
    )
    alone = [images for images, _ in batches]
    shared = [images for images, _ in DataLoader(batches, batch_size=None, num_workers=2)]
    assert len(alone) == 3
    assert len(shared) == len(alone)
    for one, other in zip(alone, shared, strict=True):
        torch.testing.assert_close(one, other)


class Trap:
    """What is unpickled runs; a checkpoint from elsewhere must not."""

    def __reduce__(self):
        return (Path.touch, (Path("sprung"),))


def test_a_start_is_read_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loops = {"fit_loop": {"epoch_progress": {"current": {"processed": 1}}}}
    parts = {"state_dict": {}, "loops": loops, "callbacks": {}}
    torch.save({**parts, "trap": Trap()}, "trap.ckpt")
    torch.save({**parts, "state_dict": {"network.x": torch.zeros(1)}}, "other.ckpt")
    images = [labelled_image(str(number)) for number in range(30)]
    for name, message in (("trap", "no checkpoint of a training"), ("other", "another network")):
        with pytest.raises(RecipeError, match=message):
            train_detector(
                SMALL, images, SHIPPED, out=Path(name), start=Path(f"{name}.ckpt"), workers=0
            )
    assert not Path("sprung").exists()


def test_a_run_holds_on_to_its_teacher(tmp_path):
    images = [labelled_image(str(number)) for number in range(30)]
    train_detector(SMALL, images, SHIPPED, out=tmp_path, workers=0)
    other = tmp_path / "other.onnx"
    model = onnx.load(SHIPPED)
    model.doc_string = "another file"
    onnx.save(model, other)
    with pytest.raises(RecipeError, match="another teacher"):
        train_detector(SMALL, images, other, out=tmp_path, workers=0, resume=True)


def test_weights_that_are_no_numbers_are_not_exported(tmp_path, monkeypatch):
    # Exporting takes seconds, and another network's file is as far from these weights as their own.
    program = types.SimpleNamespace(model_proto=onnx.load(SHIPPED))
    monkeypatch.setattr(torch.onnx, "export", lambda *_, **__: program)
    network = DetectorNet(SMALL.network).eval()
    with torch.no_grad():
        next(network.parameters()).fill_(1e30)
    with pytest.raises(ArtefactError, match="differs from torch"):
        export_detector(network, path=tmp_path / "face.onnx", provenance={})
    assert list(tmp_path.iterdir()) == []
