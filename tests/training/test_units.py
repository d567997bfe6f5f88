import dataclasses
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import mien
from mien.data import Dataset
from mien.errors import ArtefactError, DatasetError, InputError, MissingExtraError, RecipeError
from mien.export import export_units
from mien.models import TrunkOptions, UnitNet, UnitOptions
from mien.options import DeviceOptions
from mien.runtime import open_session
from mien.training import (
    METRICS_FILE,
    UnitLabels,
    UnitRecipe,
    common_units,
    faces_to_read,
    label_units,
    train_units,
    unit_examples,
)
from mien.training.unit_labels import VIEWS, FaceLandmarker, UnitReading
from mien.training.units import UnitModule
from mien.units import MIRRORED, UNITS, mirrored_pose

EMOTION = Path(mien.__file__).parent / "assets" / "emotion.onnx"
SMALL = UnitOptions(
    trunk=TrunkOptions(widths=(4, 8), depths=(1, 1), dropout=0.0), head_channels=4, head_width=8
)
ON_ONE_THREAD = DeviceOptions(accelerator="cpu", devices=1, threads=1)


@pytest.fixture(autouse=True)
def _library_warnings():
    # Lightning warns of its own dependencies and of short trainings.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def dataset(count=24, split=None, **more):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 48, 48)).astype(np.uint8)
    return Dataset(
        images=images,
        labels=np.full(count, -1, np.int8),
        votes=np.zeros((count, 10), np.uint8),
        split=np.arange(count, dtype=np.int8) % 3 if split is None else split,
        rows=np.arange(count),
        source="made",
        **more,
    )


class Teacher:
    """Reads `jawOpen` from the brightness of the left half of the middle, and a fixed turn."""

    opened = 0

    def __init__(self, path):
        type(self).opened += 1

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.closed = True

    def read(self, image_rgb):
        side = len(image_rgb)
        middle = image_rgb[side // 3 : -side // 3, side // 3 : -side // 3].astype(np.float32) / 255
        units = np.zeros(len(UNITS), np.float32)
        half = middle.shape[1] // 2
        units[UNITS.index("mouthSmileLeft")] = middle[:, half:].mean()
        units[UNITS.index("mouthSmileRight")] = middle[:, :half].mean()
        sides = middle[:, half:].mean() - middle[:, :half].mean()
        return UnitReading(units=units, pose_deg=np.array([40 * sides, 5, 0], np.float32))


@pytest.fixture
def teacher_file(tmp_path):
    path = tmp_path / "teacher.task"
    path.write_bytes(b"weights")
    return path


def gradient(count):
    """Faces whose right half is brighter than their left half."""
    images = np.zeros((count, 48, 48), np.uint8)
    images[:, :, :24], images[:, :, 24:] = 50, 200
    return images


def labels_of(data, **changed):
    """Labels that are a function of the image: its mean brightness."""
    mean = data.images.mean(axis=(1, 2)).astype(np.float32) / 255
    units = np.repeat(np.repeat(mean[:, None, None], len(VIEWS), 1), len(UNITS), 2)
    pose = np.zeros((len(data), len(VIEWS), 3), np.float32)
    return UnitLabels(view_units=units, view_pose_deg=pose, **changed)


def test_what_is_read_in_the_mirrored_view_is_mirrored_back(tmp_path, teacher_file):
    data = dataclasses.replace(dataset(2), images=gradient(2))
    found = label_units(data, teacher_file, tmp_path / "a.npz", open_teacher=Teacher)
    assert VIEWS[1].mirrored
    left, right = (found.view_units[:, :, UNITS.index(f"mouthSmile{s}")] for s in ("Left", "Right"))
    assert (left > right + 0.3).all()
    assert (found.view_pose_deg[..., 0] > 10).all()


def test_labels_are_taken_from_the_cache_and_only_new_faces_are_read(tmp_path, teacher_file):
    data, cache = dataset(6), tmp_path / "labels"
    first = label_units(data.select(slice(0, 4)), teacher_file, cache, open_teacher=Teacher)
    seen = []
    both = label_units(
        data,
        teacher_file,
        cache,
        open_teacher=Teacher,
        on_image=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(5, 6), (6, 6)]
    np.testing.assert_array_equal(both.view_units[:4], first.view_units)
    before = Teacher.opened
    again = label_units(data, teacher_file, cache, open_teacher=Teacher)
    assert Teacher.opened == before
    np.testing.assert_array_equal(again.view_pose_deg, both.view_pose_deg)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("damaged", "found another file or a damaged one"),
        ("text", "found another file or a damaged one"),
        ("array", "found another file or a damaged one"),
        ("other arrays", "found another file or a damaged one"),
        ("other teacher", "labels of another teacher"),
    ],
)
def test_a_file_that_is_no_label_of_this_teacher_is_refused_and_stays(
    tmp_path, teacher_file, content, said
):
    data, cache = dataset(3), tmp_path / "labels.npz"
    label_units(data, teacher_file, cache, open_teacher=Teacher)
    match content:
        case "damaged":
            cache.write_bytes(cache.read_bytes()[:200])
        case "text":
            cache.write_text("a diary")
        case "array":
            with cache.open("wb") as file:
                np.save(file, np.zeros(3))
        case "other arrays":
            np.savez(cache, keys=np.zeros(3))
        case _:
            teacher_file.write_bytes(b"other weights")
    before = cache.read_bytes()
    with pytest.raises(DatasetError, match=said):
        label_units(data, teacher_file, cache, open_teacher=Teacher)
    assert cache.read_bytes() == before


def test_a_label_weighs_less_where_the_views_disagree_or_show_no_face():
    units = np.full((4, 2, len(UNITS)), 0.3, np.float32)
    units[1, 1] = 0.35
    units[2, 1] = np.nan
    units[3] = np.nan
    labels = UnitLabels(view_units=units, view_pose_deg=units[..., :3])
    np.testing.assert_allclose(labels.weights, [1, 0.5, 0.25, 0], rtol=1e-5)
    np.testing.assert_allclose(labels.units[:, 0], [0.3, 0.325, 0.3, 0], rtol=1e-6)


def test_a_file_that_is_no_task_file_and_a_missing_package_are_named(tmp_path, monkeypatch):
    (tmp_path / "a.task").write_bytes(b"no zip")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    with pytest.raises(ArtefactError, match=r"a\.task: expected .* found another kind of file"):
        FaceLandmarker(tmp_path / "a.task")
    with pytest.raises(ArtefactError, match=r"b\.task: expected .* found no file"):
        FaceLandmarker(tmp_path / "b.task")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="teacher"):
        FaceLandmarker(tmp_path / "a.task")


def test_test_images_are_not_read_and_faces_without_a_label_are_left_out():
    data = dataset(9)
    assert set(faces_to_read(data).split) == {0, 1}
    labels = labels_of(data)
    labels.view_units[0] = np.nan  # an image of train
    assert len(unit_examples([(data, labels)], "train")) == 2
    labels.view_units[:] = np.nan
    with pytest.raises(InputError, match="made: the teacher reads no face in val"):
        unit_examples([(data, labels)], "val")


def test_a_tenth_is_held_out_of_a_dataset_that_is_all_in_train():
    names = np.array([f"{number}.jpg" for number in range(300)])
    data = faces_to_read(dataset(300, np.zeros(300, np.int8), names=names))
    labelled = [(data, labels_of(data))]
    held_out, kept = (len(unit_examples(labelled, subset)) for subset in ("val", "train"))
    assert held_out + kept == 300
    assert 15 <= held_out <= 50


def test_common_units_are_above_a_fifth_in_a_fiftieth_of_the_faces():
    units = np.zeros((100, len(UNITS)))
    units[:2, 0], units[:1, 1], units[:50, 2] = 0.3, 0.9, 0.2
    assert np.flatnonzero(common_units(units)).tolist() == [0]


def test_a_mirrored_face_has_left_and_right_exchanged_exactly():
    network = UnitNet(SMALL).eval()
    faces = torch.randn((4, 1, 48, 48), generator=torch.Generator().manual_seed(0))
    plain, flipped = network(faces), network(faces.flip(3))
    torch.testing.assert_close(flipped.units, plain.units[:, list(MIRRORED)], rtol=0, atol=1e-6)
    turned = torch.from_numpy(mirrored_pose(plain.pose_deg.detach().numpy()))
    torch.testing.assert_close(flipped.pose_deg, turned, rtol=0, atol=1e-5)
    assert (plain.units - flipped.units).abs().max() > 1e-4


def test_an_untrained_network_answers_about_the_mean():
    network = UnitNet(SMALL).eval()
    mean = torch.linspace(0.01, 0.9, len(UNITS))
    network.begin_at(mean)
    found = network(torch.randn(8, 1, 48, 48)).units.mean(dim=0)
    assert (found - (mean + mean[list(MIRRORED)]) / 2).abs().max() < 0.05


def test_a_training_learns_resumes_to_the_same_weights_and_refuses_another_recipe(tmp_path):
    data = dataset(48)
    # Faces of very different brightness, which the labels say.
    data.images[:] = (data.images * np.linspace(0.05, 1, 48)[:, None, None]).astype(np.uint8)
    labelled = [(data, labels_of(data))]
    recipe = UnitRecipe(network=SMALL, epochs=2, batch_size=8, ema_decay=0.5, learning_rate=0.01)
    train = {"out": tmp_path / "a", "devices": ON_ONE_THREAD, "progress": False}
    whole = train_units(recipe, labelled, **train)
    assert "val/score" in (tmp_path / "a" / METRICS_FILE).read_text()
    again = train_units(recipe, labelled, resume=True, **train)
    for name, value in whole.network.state_dict().items():
        torch.testing.assert_close(again.network.state_dict()[name], value)
    with pytest.raises(RecipeError, match="begun with another seed"):
        train_units(dataclasses.replace(recipe, seed=2), labelled, resume=True, **train)


def test_a_flipped_and_rotated_face_keeps_the_labels_that_fit_it(monkeypatch):
    recipe = UnitRecipe(network=SMALL)
    module = UnitModule(recipe, np.ones(len(UNITS), np.float32))
    seen = {}

    def read(faces):
        seen["faces"] = faces
        return module.network.__class__.read(module.network, faces)

    monkeypatch.setattr(module.network, "read", read)
    monkeypatch.setattr(
        module,
        "_loss",
        lambda found, units, pose, weights: (
            seen.update(units=units, pose=pose) or found.units.mean()
        ),
    )
    faces = torch.from_numpy(gradient(32))[:, None]
    units = torch.zeros(32, len(UNITS))
    units[:, UNITS.index("mouthSmileLeft")] = 1.0
    pose = torch.tensor([[10.0, 3.0, 0.0]]).repeat(32, 1)
    module.training_step((faces, units, pose, torch.ones(32)), 0)
    # Light from the image's right is where the person's left is.
    bright_right = seen["faces"][..., 24:].mean(dim=(1, 2, 3)) > seen["faces"][..., :24].mean(
        dim=(1, 2, 3)
    )
    left = seen["units"][:, UNITS.index("mouthSmileLeft")] == 1
    assert 5 < int(left.sum()) < 27
    torch.testing.assert_close(bright_right, left)
    torch.testing.assert_close(seen["pose"][:, 0] > 0, left)
    assert (seen["pose"][:, 1] == 3).all()
    assert seen["pose"][:, 2].abs().max() > 1  # the rotation of the augmentation


def test_a_head_on_an_emotion_network_leaves_its_trunk_as_it_is(tmp_path):
    trunk = TrunkOptions(
        widths=(32, 64, 128, 256), depths=(2, 2, 2, 2), dense_width=640, crop_px=44
    )
    options = dataclasses.replace(SMALL, trunk=trunk)
    recipe = UnitRecipe(network=options, frozen_trunk=True, epochs=1, batch_size=4)
    data = dataset(18)
    labelled = [(data, labels_of(data))]
    train = {"devices": ON_ONE_THREAD, "progress": False}
    with pytest.raises(RecipeError, match="frozen_trunk"):
        train_units(recipe, labelled, out=tmp_path / "none", **train)
    with pytest.raises(RecipeError, match="frozen_trunk"):
        train_units(recipe, labelled, out=tmp_path / "none", resume=True, **train)
    with pytest.raises(RecipeError, match=r"network\.trunk\.crop_px: expected 44"):
        train_units(
            dataclasses.replace(recipe, network=SMALL), labelled, out=tmp_path / "other",
            start=EMOTION, **train,
        )  # fmt: skip
    first = train_units(recipe, labelled, out=tmp_path / "a", start=EMOTION, **train)
    second = train_units(
        dataclasses.replace(recipe, seed=2), labelled, out=tmp_path / "b", start=EMOTION, **train
    )
    for name, value in first.network.trunk.state_dict().items():
        torch.testing.assert_close(second.network.trunk.state_dict()[name], value)
    assert not torch.equal(first.network.head.weight, second.network.head.weight)


def test_an_export_names_its_outputs_and_is_mirrored_exactly(tmp_path):
    data, path = dataset(6), tmp_path / "units.onnx"
    export_units(UnitNet(SMALL), data.images, path=path, provenance={"teacher": "made"})
    session, spec = open_session(path, threads=1, device="cpu")
    assert spec.task == "units"
    assert spec.labels_of("units") == UNITS
    faces = (data.images[:, None].astype(np.float32) - spec.input.mean[0]) / spec.input.std[0]
    plain, flipped = (
        session.run(["units", "pose_deg"], {"faces": np.ascontiguousarray(each)})
        for each in (faces, faces[..., ::-1])
    )
    np.testing.assert_allclose(flipped[0], plain[0][:, list(MIRRORED)], atol=1e-6)
    np.testing.assert_allclose(flipped[1], mirrored_pose(plain[1]), atol=1e-5)
