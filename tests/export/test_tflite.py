"""A network in TensorFlow Lite's format answers as its ONNX file does."""

from __future__ import annotations

import importlib.util
import json
import sys
import zipfile

import numpy as np
import pytest

from mien.errors import ArtefactError, MissingExtraError, OutputError
from mien.export import export_tflite
from mien.export import tflite as module
from mien.inference import EmotionModel
from mien.inference.model import SHIPPED
from mien.preprocess import network_input


@pytest.fixture
def converter():
    if importlib.util.find_spec("litert_torch") is None:
        pytest.skip("needs the extra tflite")


@pytest.mark.usefixtures("converter")
def test_the_file_answers_alike_and_has_the_spec(toy_dataset, tmp_path, capsys):
    out = tmp_path / "new" / "emotion.tflite"
    compared = export_tflite(SHIPPED, toy_dataset, out=out, licence="CC0-1.0")
    assert compared.images == len(toy_dataset.subset("val").images)
    assert compared.max_difference["six"] < 1e-4
    assert [path.name for path in out.parent.iterdir()] == ["emotion.tflite"]
    assert capsys.readouterr().out == ""
    model, images = EmotionModel(SHIPPED), toy_dataset.subset("val").images[:2]
    spec = json.loads(zipfile.ZipFile(out).read("mien.spec.json"))
    assert spec["provenance"]["licence"] == "CC0-1.0"
    assert spec["six"]["bias"] == list(model.spec.six.bias)
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(str(out)).get_signature_runner("serving_default")
    faces = network_input(images, model.spec.input)
    found = np.concatenate([run(faces=faces[row : row + 1])["logits"] for row in range(2)])
    np.testing.assert_allclose(found, model.run(images)["logits"], atol=1e-3)
    with pytest.raises(OutputError, match="exists"):
        export_tflite(SHIPPED, toy_dataset, out=out)


def test_a_file_that_answers_otherwise_is_refused(toy_dataset, tmp_path, monkeypatch):
    def turned(network, model, made):
        made.touch()
        return lambda crops: {name: -value for name, value in model.run(crops).items()}

    monkeypatch.setattr(module, "_convert", turned)
    with pytest.raises(ArtefactError, match="another label"):
        export_tflite(SHIPPED, toy_dataset, out=tmp_path / "emotion.tflite")
    assert not list(tmp_path.iterdir())


def test_a_wrong_name_and_a_missing_converter_are_said(toy_dataset, tmp_path, monkeypatch):
    with pytest.raises(OutputError, match=r"ends in \.tflite"):
        export_tflite(SHIPPED, toy_dataset, out=tmp_path / "emotion.onnx")
    monkeypatch.setitem(sys.modules, "litert_torch", None)
    with pytest.raises(MissingExtraError, match=r"\.\[tflite\]"):
        export_tflite(SHIPPED, toy_dataset, out=tmp_path / "emotion.tflite")
    assert not list(tmp_path.iterdir())
