import warnings

import numpy as np
import pytest
import torch

from mien.errors import ArtefactError
from mien.export import export_detector, export_emotion, export_variant
from mien.models import DetectorNet, DetectorOptions, EmotionNet, TrunkOptions, load_onnx_weights
from mien.models.onnx_weights import load_onnx_network

DETECTOR = DetectorOptions(stem=(4, 8), width=8, depths=(1, 2, 1))
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


@pytest.mark.parametrize("options", SHAPES, ids=lambda options: options.family)
def test_an_emotion_network_comes_back_from_its_file(tmp_path, toy_dataset, options):
    faces = torch.randn(64, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    network = lived(EmotionNet(options), faces)
    export_emotion(network, toy_dataset, path=tmp_path / "emotion.onnx", provenance={})
    restored = EmotionNet(options)
    load_onnx_weights(restored, tmp_path / "emotion.onnx", example=faces)
    with torch.no_grad():
        for answer, expected in zip(restored.eval()(faces), network(faces), strict=True):
            torch.testing.assert_close(answer, expected, atol=1e-3, rtol=1e-3)


def test_half_precision_weights_come_back_too(tmp_path, toy_dataset):
    faces = torch.randn(64, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    network = lived(EmotionNet(SHAPES[1]), faces)
    whole, half = tmp_path / "whole.onnx", tmp_path / "half.onnx"
    export_emotion(network, toy_dataset, path=whole, provenance={})
    export_variant(whole, toy_dataset, precision="fp16", out=half)
    restored = EmotionNet(SHAPES[1])
    load_onnx_weights(restored, half)
    with torch.no_grad():
        answer = restored.eval()(faces).logits
        torch.testing.assert_close(answer, network(faces).logits, atol=0.01, rtol=0.01)


def test_its_norms_answer_in_training_as_the_file_does(tmp_path):
    images = 255 * torch.rand(4, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    network = lived(DetectorNet(DETECTOR), images)
    path = tmp_path / "face.onnx"
    export_detector(network, path=path, provenance={}, score_threshold=0.5)
    restored = DetectorNet(DETECTOR)
    load_onnx_weights(restored, path, example=images)
    with torch.no_grad():
        expected = network(images)
        for mode in (restored.eval(), restored.train()):
            for answer, wanted in zip(mode(images), expected, strict=True):
                torch.testing.assert_close(answer, wanted, atol=1e-3, rtol=1e-3)


def test_weights_of_another_network_are_refused_by_name_and_shape(tmp_path, toy_dataset):
    path = tmp_path / "emotion.onnx"
    export_emotion(EmotionNet(SHAPES[0]), toy_dataset, path=path, provenance={})
    other = EmotionNet(TrunkOptions(widths=(8, 24), depths=(2, 1)))
    with pytest.raises(ArtefactError, match=r"should be \(24, 8, 3, 3\), the file has \(16, 8"):
        load_onnx_weights(other, path)


@pytest.mark.parametrize("said", ["{", '{"widths": [8], "invented_later": 1}', '{"widths": 3}'])
def test_a_network_that_a_later_version_wrote_is_refused(tmp_path, toy_dataset, said):
    path = tmp_path / "emotion.onnx"
    export_emotion(EmotionNet(SHAPES[0]), toy_dataset, path=path, provenance={})
    with pytest.raises(ArtefactError, match="does not know"):
        load_onnx_network(path, {"network": said})


def test_what_is_no_model_file_is_refused(tmp_path):
    path = tmp_path / "emotion.onnx"
    with pytest.raises(ArtefactError, match="no ONNX file"):
        load_onnx_weights(EmotionNet(SHAPES[0]), path)
    path.write_bytes(np.arange(100, dtype=np.uint8).tobytes())
    with pytest.raises(ArtefactError, match="no ONNX file"):
        load_onnx_weights(EmotionNet(SHAPES[0]), path)
