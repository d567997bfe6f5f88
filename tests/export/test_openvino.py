"""A network in OpenVINO's format answers as its ONNX file does, and its library reports nothing."""

from __future__ import annotations

import importlib
import json
import sys

import numpy as np
import pytest

from mien.errors import ArtefactError, MissingExtraError, OutputError
from mien.export import export_openvino
from mien.export import openvino as module
from mien.inference import EmotionModel
from mien.inference.model import SHIPPED
from mien.preprocess import network_input


@pytest.fixture
def source():
    return SHIPPED


def test_the_file_answers_alike_and_has_the_spec(source, toy_dataset, tmp_path):
    out = tmp_path / "new" / "emotion.xml"
    compared = export_openvino(source, toy_dataset, out=out, licence="CC0-1.0")
    model, images = EmotionModel(source), toy_dataset.subset("val").images
    assert compared.images == min(500, len(images))
    assert compared.max_difference["six"] < 1e-3
    assert sorted(path.name for path in out.parent.iterdir()) == ["emotion.bin", "emotion.xml"]
    core = module._load().Core()
    read = core.read_model(out)
    spec = json.loads(read.get_rt_info("mien.spec").astype(str))
    assert spec["provenance"]["licence"] == "CC0-1.0"
    assert spec["six"]["bias"] == list(model.spec.six.bias)
    compiled = core.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    values = compiled({model.spec.input.name: network_input(images[:4], model.spec.input)})
    np.testing.assert_allclose(values["logits"], model.run(images[:4])["logits"], atol=1e-2)
    with pytest.raises(OutputError, match="exists"):
        export_openvino(source, toy_dataset, out=out)


def test_a_file_that_answers_otherwise_is_refused(source, toy_dataset, tmp_path, monkeypatch):
    def turned(compiled, model):
        return lambda crops: {name: -value for name, value in model.run(crops).items()}

    monkeypatch.setattr(module, "_runner", turned)
    with pytest.raises(ArtefactError, match="another label"):
        export_openvino(source, toy_dataset, out=tmp_path / "emotion.xml")
    assert not list(tmp_path.iterdir())


def test_a_wrong_name_and_a_missing_library_are_said(source, toy_dataset, tmp_path, monkeypatch):
    with pytest.raises(OutputError, match=r"ends in \.xml"):
        export_openvino(source, toy_dataset, out=tmp_path / "emotion.onnx")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match=r"\.\[openvino\]"):
        export_openvino(source, toy_dataset, out=tmp_path / "emotion.xml")


def test_the_library_has_the_part_that_reports_nothing():
    module._load()
    utils = importlib.import_module("openvino.tools.ovc.telemetry_utils")
    assert utils.tm.__name__ == "openvino.tools.ovc.telemetry_stub"
    assert sys.modules.get("openvino_telemetry", module) is not None
