import dataclasses
import inspect
import shutil
import warnings

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from mien.cli import app, options
from mien.data import import_dataset, read_dataset
from mien.errors import InputError, MissingExtraError, RecipeError
from mien.inference import UnitModel
from mien.options import DeviceOptions
from mien.training import label_units, train_detector, train_emotion, train_units
from mien.training.unit_labels import UnitReading
from mien.units import UNITS
from tests.conftest import fer_lines


def test_a_training_too_short_for_its_averaged_weights_is_warned_of(tmp_path, toy_dataset):
    all_train = dataclasses.replace(toy_dataset, split=np.zeros(96, np.int8))
    lines = ["emotion,pixels,Usage", *fer_lines(all_train)]
    (tmp_path / "fer2013.csv").write_text("\n".join(lines))
    import_dataset([tmp_path / "fer2013.csv"], tmp_path / "fer")
    result = CliRunner().invoke(
        app, ["train", "emotion", "--data", str(tmp_path / "fer"), "--out", str(tmp_path / "run")]
    )
    assert "WARNING: the averaged weights" in result.stderr
    assert "lower ema_decay from 0.998" in result.stderr
    with pytest.raises(InputError, match="no image in val; `mien data split --kind stratified`"):
        raise result.exception


def defaults_of(verb):
    command = typer.main.get_command(app).commands["train"].commands[verb]
    return {parameter.name: parameter.default for parameter in command.params}


@pytest.mark.parametrize(
    ("verb", "train"),
    [("emotion", train_emotion), ("detector", train_detector), ("units", train_units)],
)
def test_the_verbs_have_the_same_defaults_as_python(verb, train):
    defaults = {
        name: parameter.default for name, parameter in inspect.signature(train).parameters.items()
    }
    devices = {name: str(value) for name, value in dataclasses.asdict(DeviceOptions()).items()}
    given = defaults_of(verb)
    shared = set(given) & (set(defaults) | set(devices)) - {"data", "out", "recipe", "teacher"}
    assert {"start", "resume", "threads"} <= shared
    for name in shared:
        expected = devices[name] if name in devices else str(defaults[name])
        assert str(given[name]) == expected, name


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "emotion", "--data", "fer", "--out", "run"),
        ("train", "detector", "--data", "images", "--teacher", "a.onnx", "--out", "run"),
        ("train", "units", "--data", "fer", "--teacher", "a.task", "--out", "run"),
        ("tune", "--data", "fer", "--out", "run"),
    ],
)
def test_without_the_extra_its_command_is_named(monkeypatch, arguments):
    monkeypatch.setattr(options.importlib.util, "find_spec", lambda name: None)
    result = CliRunner().invoke(app, arguments)
    with pytest.raises(MissingExtraError, match=r'pip install "\.\[train\]"'):
        raise result.exception


@pytest.mark.parametrize(
    ("data", "teacher", "said"),
    [(None, "gone.onnx", "no such model file"), ("gone", None, "cannot be read as Parquet")],
)
def test_a_detector_without_its_inputs_leaves_no_folder(samples, tmp_path, data, teacher, said):
    shipped = samples.parent / "face.onnx"
    out = tmp_path / "run"
    given = ("--data", data or samples, "--teacher", teacher or shipped, "--out", out)
    result = CliRunner().invoke(app, ["train", "detector", *map(str, given)])
    assert said in str(result.exception)
    assert not out.exists()


def test_damaged_labels_of_a_teacher_are_made_again(samples, tmp_path):
    from mien.training import pseudo_label_images

    shutil.copy(samples / "eileen_collins.jpg", tmp_path / "a.jpg")
    teacher, cache = samples.parent / "face.onnx", tmp_path / "labels.npz"
    before = pseudo_label_images(tmp_path, teacher, cache)
    content = cache.read_bytes()
    cache.write_bytes(content[: len(content) // 2])
    after = pseudo_label_images(tmp_path, teacher, cache)
    assert [len(image.faces) for image in after] == [len(image.faces) for image in before]
    assert cache.read_bytes() == content


TINY_UNITS = """
epochs = 1
batch_size = 16
[network]
head_channels = 4
head_width = 8
[network.trunk]
widths = [4, 8]
depths = [1, 1]
"""


class Bright:
    """A teacher that reads how bright a face is."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def read(self, image_rgb):
        units = np.full(len(UNITS), image_rgb.mean() / 255, np.float32)
        return UnitReading(units=units, pose_deg=np.zeros(3, np.float32))


@pytest.fixture
def toy_fer(tmp_path, toy_dataset):
    lines = ["emotion,pixels,Usage", *fer_lines(toy_dataset)]
    (tmp_path / "fer2013.csv").write_text("\n".join(lines))
    import_dataset([tmp_path / "fer2013.csv"], tmp_path / "fer")
    return tmp_path / "fer"


def test_units_are_learnt_without_the_teachers_package_once_all_faces_are_read(tmp_path, toy_fer):
    teacher, labels, out = (tmp_path / name for name in ("a.task", "labels.npz", "run"))
    teacher.write_bytes(b"weights")
    (tmp_path / "tiny.toml").write_text(TINY_UNITS)
    label_units(read_dataset(toy_fer), teacher, labels, open_teacher=Bright)
    given = ("--data", toy_fer, "--teacher", teacher, "--labels", labels, "--threads", 1)
    given += ("--recipe", tmp_path / "tiny.toml", "--out", out)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning warns of its own dependencies
        result = CliRunner().invoke(app, ["train", "units", *map(str, given)])
    assert result.exception is None, result.exception
    assert f"{out / 'units.onnx'}: differs from torch by at most" in result.stdout
    spec = UnitModel(out / "units.onnx").spec
    assert spec.provenance["teacher"] == "a.task"
    assert spec.provenance["data"] == "fer"


def test_units_without_their_teacher_leave_no_folder(tmp_path, toy_fer):
    given = ("--data", toy_fer, "--teacher", tmp_path / "gone.task", "--out", tmp_path / "run")
    result = CliRunner().invoke(app, ["train", "units", *map(str, given)])
    with pytest.raises(RecipeError, match=r"gone\.task: cannot be read"):
        raise result.exception
    assert not (tmp_path / "run").exists()
