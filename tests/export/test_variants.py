import dataclasses
import warnings

import numpy as np
import onnx
import pytest
import torch

from mien.errors import ArtefactError, OutputError
from mien.export import export_network, export_variant, variants
from mien.inference import EmotionModel
from tests.test_spec import EMOTION


class Net(torch.nn.Module):
    """A convolution, so that there is something to quantise, and three heads."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 16, 3, stride=4)
        self.heads = torch.nn.ModuleList(torch.nn.Linear(16 * 12 * 12, size) for size in (8, 7, 16))

    def forward(self, faces):
        flat = self.conv(faces).relu().flatten(1)
        return tuple(head(flat) for head in self.heads)


@pytest.fixture(autouse=True)
def _library_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def whole(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "whole.onnx"
    example = torch.rand(2, 1, 48, 48)
    export_network(Net(), example, spec=EMOTION, path=path, dynamic={0: "batch"})
    return path


@pytest.fixture
def data(toy_dataset):
    return toy_dataset


@pytest.mark.parametrize(("precision", "largest"), [("fp16", 0.01), ("int8", 0.2)])
def test_a_variant_is_smaller_and_answers_alike(
    whole, data, tmp_path, monkeypatch, precision, largest
):
    monkeypatch.setattr(variants, "MOST_FLIPPED", 0.5)  # an untrained network is undecided
    out = tmp_path / "new" / "small.onnx"
    report = export_variant(whole, data, precision=precision, out=out)
    images = data.part("val").images
    before, after = (EmotionModel(path).probabilities(images) for path in (whole, out))
    assert report.pictures == len(images)
    assert report.largest_difference == pytest.approx(np.abs(before - after).max())
    assert 0 < report.largest_difference < largest
    assert report.flipped == (before.argmax(1) != after.argmax(1)).mean()
    assert report.bytes == out.stat().st_size
    spec = EmotionModel(out).spec
    assert spec.provenance["precision"] == precision
    assert spec.figures[f"{data.source}, val, {precision}: flipped"] == report.flipped
    assert spec.six == EMOTION.six
    assert [path.name for path in out.parent.iterdir()] == ["small.onnx"]


def test_float16_weights_take_half_the_room(whole, data, tmp_path, monkeypatch):
    monkeypatch.setattr(variants, "MOST_FLIPPED", 1.0)
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
    monkeypatch.setattr(variants, "MOST_FLIPPED", -1.0)
    out = tmp_path / "small.onnx"
    with pytest.raises(ArtefactError, match=r"another label for \d"):
        export_variant(whole, data, precision="fp16", out=out)
    assert [path.name for path in tmp_path.iterdir()] == ["whole.onnx"]


def test_an_existing_file_stays_unless_told(whole, data, tmp_path):
    out = tmp_path / "there.onnx"
    out.write_text("kept")
    with pytest.raises(OutputError, match="exists already"):
        export_variant(whole, data, precision="fp16", out=out)
    assert out.read_text() == "kept"
    assert dataclasses.asdict(EmotionModel(whole).spec)
