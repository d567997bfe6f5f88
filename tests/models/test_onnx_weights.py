import dataclasses
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.detect import OnnxDetector
from mien.errors import ArtefactError
from mien.export import export_emotion, export_variant
from mien.models import DetectorNet, DetectorOptions, EmotionNet, TrunkOptions, load_onnx_weights
from mien.models.onnx_weights import load_onnx_network
from mien.runtime import onnxruntime

SHAPES = [
    TrunkOptions(widths=(8, 16), depths=(2, 1)),
    TrunkOptions(widths=(8, 16), depths=(2, 1), pool_first=True),
    TrunkOptions(family="residual", squeeze_excite=True, widths=(8, 16), depths=(2, 2)),
    TrunkOptions(family="separable", widths=(8, 16), depths=(1, 2)),
    TrunkOptions(crop_px=44, widths=(8, 16), depths=(2, 1), dense_width=24),
]


@pytest.fixture(autouse=True)
def _library_warnings():
    # torch's exporter warns of its own dependencies.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def lived(network, example):
    """A network whose weights and norms are those of some training."""
    torch.manual_seed(3)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.3)
    for _ in range(3):
        network.train()(example)
    return network.eval()


FACES = torch.randn(64, 1, 48, 48, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module", params=SHAPES, ids=lambda options: options.family)
def exported(request, tmp_path_factory, toy_dataset):
    """A network and its model file, for each shape."""
    path = tmp_path_factory.mktemp("exported") / "emotion.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = lived(EmotionNet(request.param), FACES)
        export_emotion(network, toy_dataset, path=path, provenance={})
    return network, path


def test_an_emotion_network_comes_back_from_its_file(exported):
    network, path = exported
    restored = EmotionNet(network.options)
    load_onnx_weights(restored, path, example=FACES)
    with torch.no_grad():
        for output, expected in zip(restored.eval()(FACES), network(FACES), strict=True):
            torch.testing.assert_close(output, expected, atol=1e-3, rtol=1e-3)


def test_half_precision_weights_come_back_too(tmp_path, toy_dataset, exported, monkeypatch):
    network, path = exported
    monkeypatch.setattr("mien.export.comparison.MAX_FLIPPED", 1.0)  # it is not trained
    export_variant(path, toy_dataset, precision="fp16", out=tmp_path / "half.onnx")
    restored = EmotionNet(network.options)
    load_onnx_weights(restored, tmp_path / "half.onnx")
    with torch.no_grad():
        logits = restored.eval()(FACES).logits
        torch.testing.assert_close(logits, network(FACES).logits, atol=0.01, rtol=0.01)


def test_its_norms_answer_in_training_as_the_file_does():
    images = 4 * torch.rand(4, 3, 96, 96, generator=torch.Generator().manual_seed(1)) - 2
    path = OnnxDetector(None).path
    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    expected = session.run(names, {session.get_inputs()[0].name: images.numpy()})
    restored = DetectorNet(DetectorOptions(context_depth=2))
    load_onnx_weights(restored, path, example=images)
    with torch.no_grad():
        for mode in (restored.eval(), restored.train()):
            for output, wanted in zip(mode(images), expected, strict=True):
                wanted = torch.from_numpy(wanted)
                torch.testing.assert_close(output, wanted, atol=1e-3, rtol=1e-3)


def test_weights_of_another_network_are_refused_by_name_and_shape(exported):
    network, path = exported
    options = network.options
    other = EmotionNet(dataclasses.replace(options, widths=(8, 24)))
    with pytest.raises(ArtefactError, match=r"should be \(24, 8, .*, the file has \(16, 8"):
        load_onnx_weights(other, path)


@pytest.mark.parametrize("network", ["{", '{"widths": [8], "invented_later": 1}', '{"widths": 3}'])
def test_a_network_that_a_later_version_wrote_is_refused(network):
    with pytest.raises(ArtefactError, match="does not know"):
        load_onnx_network(Path("emotion.onnx"), {"network": network})


def test_what_is_no_model_file_is_refused(tmp_path):
    path = tmp_path / "emotion.onnx"
    with pytest.raises(ArtefactError, match="no ONNX file"):
        load_onnx_weights(EmotionNet(SHAPES[0]), path)
    path.write_bytes(np.arange(100, dtype=np.uint8).tobytes())
    with pytest.raises(ArtefactError, match="no ONNX file"):
        load_onnx_weights(EmotionNet(SHAPES[0]), path)
