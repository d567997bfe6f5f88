import dataclasses
import shutil
import warnings

import numpy as np
import onnx
import pytest
import torch

from mien.errors import ArtefactError, OutputError
from mien.export import comparison, export_emotion, export_variant, variants, write_spec
from mien.inference import EmotionModel
from mien.models import EmotionNet, TrunkOptions
from mien.preprocess import network_input


@pytest.fixture(autouse=True)
def _library_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory, data):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("whole") / "whole.onnx"
    network = EmotionNet(TrunkOptions(widths=(32, 128), depths=(1, 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_emotion(network.eval(), data, path=path, provenance={})
    spec = EmotionModel(path).spec
    figures = {"fer, test, six-fer2013: accuracy": 0.7}
    write_spec(path, dataclasses.replace(spec, figures=figures))
    return path


@pytest.fixture(scope="module")
def data(toy_dataset):
    return toy_dataset


@pytest.mark.parametrize(("precision", "largest"), [("fp16", 0.01), ("int8", 0.2)])
def test_a_variant_is_smaller_and_answers_alike(
    whole, data, tmp_path, monkeypatch, precision, largest
):
    monkeypatch.setattr(comparison, "MAX_FLIPPED", 0.5)  # an untrained network is undecided
    out = tmp_path / "new" / "small.onnx"
    compared = export_variant(whole, data, precision=precision, out=out, licence="CC0-1.0")
    images = data.subset("val").images
    before, after = (EmotionModel(path).probabilities(images) for path in (whole, out))
    assert compared.images == len(images)
    difference = compared.max_difference["six"]
    assert difference == pytest.approx(np.abs(before - after).max(), abs=1e-6)
    assert 0 < difference < largest
    assert compared.flipped["six"] == (before.argmax(1) != after.argmax(1)).mean()
    assert set(compared.flipped) == {"six", "logits", "fer2013_logits"}
    spec = EmotionModel(out).spec
    assert spec.provenance["precision"] == precision
    assert spec.provenance["licence"] == "CC0-1.0"
    where = f"{data.source}, val, {precision} against torch"
    assert spec.figures[f"{where}: flipped, logits"] == compared.flipped["logits"]
    assert all(name.startswith(where) for name in spec.figures)
    assert spec.six == EmotionModel(whole).spec.six
    assert [path.name for path in out.parent.iterdir()] == ["small.onnx"]


def test_ranges_are_those_of_images_in_the_networks_own_crop(whole, data, tmp_path):
    model = EmotionModel(whole)
    crop = model.crop.zoomed(1.2)
    zoomed = shutil.copy(whole, tmp_path / "zoomed.onnx")
    write_spec(zoomed, dataclasses.replace(model.spec, crop=crop))
    train = data.subset("train")
    batch = variants._CalibrationReader(EmotionModel(zoomed), train).get_next()
    expected = network_input(train.crops(crop).astype(np.float32), model.spec.input)
    np.testing.assert_array_equal(batch[model.spec.input.name], expected)


def test_float16_weights_take_half_the_room(whole, data, tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "MAX_FLIPPED", 1.0)
    out = tmp_path / "half.onnx"
    export_variant(whole, data, precision="fp16", out=out)
    assert out.stat().st_size < 0.55 * whole.stat().st_size
    kinds = {
        tensor.data_type for tensor in onnx.load(out).graph.initializer if len(tensor.dims) > 1
    }
    assert kinds == {onnx.TensorProto.FLOAT16}


def test_a_variant_that_answers_otherwise_is_refused_and_not_written(
    whole, data, tmp_path, monkeypatch
):
    monkeypatch.setattr(comparison, "MAX_FLIPPED", -1.0)
    out = tmp_path / "small.onnx"
    with pytest.raises(ArtefactError, match=r"another label for \d"):
        export_variant(whole, data, precision="fp16", out=out)
    assert list(tmp_path.iterdir()) == []


def test_a_variant_of_a_variant_is_refused(whole, data, tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "MAX_FLIPPED", 1.0)
    export_variant(whole, data, precision="fp16", out=tmp_path / "half.onnx")
    with pytest.raises(ArtefactError, match=r"is fp16 already\. Give the float32 file"):
        export_variant(tmp_path / "half.onnx", data, precision="int8", out=tmp_path / "b.onnx")


def test_an_existing_file_stays_unless_told(whole, data, tmp_path):
    out = tmp_path / "there.onnx"
    out.write_text("kept")
    with pytest.raises(OutputError, match="exists already"):
        export_variant(whole, data, precision="fp16", out=out)
    assert out.read_text() == "kept"
    assert dataclasses.asdict(EmotionModel(whole).spec)
