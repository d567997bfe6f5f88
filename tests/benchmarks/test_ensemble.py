"""Members become one model file that gives the mean of what they say of both mirror images."""

import importlib.util
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

import mien
from mien import Analyzer
from mien.data import Dataset
from mien.inference import EmotionModel
from mien.models import EmotionNet, TrunkOptions
from mien.preprocess import network_input

SAMPLES = Path(mien.__file__).parent / "assets" / "samples"
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def ensemble():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        spec = importlib.util.spec_from_file_location("ensemble", BENCHMARKS / "ensemble.py")
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, "ensemble", module)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def networks():
    """Two networks that differ in family and in what they see of a face."""
    torch.manual_seed(0)
    plain = TrunkOptions(widths=(8, 8), depths=(1, 1), crop_px=44)
    residual = TrunkOptions(widths=(8, 16), depths=(2, 1), family="residual", squeeze_excite=True)
    found = [EmotionNet(options).eval() for options in (plain, residual)]
    for network in found:  # so that their answers are not all alike
        for head in (network.ferplus_head, network.fer2013_head):
            head.weight.data *= 20
    return found


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    labels = np.arange(84) % 7
    votes = np.zeros((84, 10), np.uint8)
    votes[np.arange(84), np.array([4, 5, 6, 1, 3, 2, 0])[labels]] = 10
    return Dataset(
        images=rng.integers(0, 256, (84, 48, 48), np.uint8),
        labels=labels.astype(np.int8),
        votes=votes,
        split=np.repeat(np.array([0, 1], np.int8), 42),
        rows=np.arange(84, dtype=np.int64),
        source="noise",
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory, ensemble, networks, data):
    path = tmp_path_factory.mktemp("ensemble") / "ensemble.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of itself
        compared = ensemble.export_ensemble(networks, data, path=path, provenance={"recipe": "two"})
    return path, compared


@torch.no_grad()
def test_the_file_gives_the_mean_over_members_and_mirror_images(exported, networks, data):
    path, compared = exported
    model = EmotionModel(path)
    images = data.images[:5]
    faces = torch.from_numpy(network_input(images, model.spec.input))
    said = [network(view) for network in networks for view in (faces, faces.flip(3))]
    found = model.run(images)
    for name in ("logits", "fer2013_logits"):
        each = torch.stack([getattr(answer, name).softmax(dim=1) for answer in said])
        assert each.std(dim=0).max() > 0.01, "the answers differ"
        np.testing.assert_allclose(np.exp(found[name]), each.mean(dim=0).numpy(), atol=5e-3)
        np.testing.assert_allclose(
            model.run(images[:, :, ::-1])[name], found[name], atol=1e-4, err_msg="mirrored"
        )
    assert compared.images == 42
    assert compared.flipped["fer2013_logits"] <= 0.003
    assert model.spec.provenance["recipe"] == "two"
    assert "calibrated_on" in model.spec.provenance


def test_its_weights_are_stored_as_float16(exported):
    weights = onnx.load(exported[0]).graph.initializer
    large = [weight for weight in weights if np.prod(weight.dims) >= 64]
    stored = {TensorProto.FLOAT16, TensorProto.INT64}
    assert large
    assert {weight.data_type for weight in large} <= stored


def test_an_analyzer_takes_the_file(exported):
    result = Analyzer(model=exported[0]).analyze(SAMPLES / "grace_hopper.jpg")
    (face,) = result.faces
    assert sum(face.probabilities.values()) == pytest.approx(1, abs=1e-3)


def test_members_that_are_not_there_are_named(ensemble, tmp_path, monkeypatch):
    monkeypatch.setattr(
        sys, "argv", ["ensemble.py", "build", *f"--data {tmp_path} --weights {tmp_path}".split()]
    )
    sys.argv += ["--out", str(tmp_path / "out.onnx")]
    with pytest.raises(SystemExit, match=r"--weights: no .*wide-mixed; found none"):
        ensemble.main()
    assert not (tmp_path / "out.onnx").exists()


def test_subsets_that_fit_are_ranked_by_the_loss_of_their_mean(ensemble):
    labels = np.array([0, 1, 0, 1] * 5)
    right = np.eye(2)[labels] * 0.8 + 0.1
    guess = np.full((20, 2), 0.5)
    answers = {"right": right, "guess": guess, "wrong": right[:, ::-1]}
    sizes = {"right": 3, "guess": 1, "wrong": 9}
    rows = ensemble.ranked(answers, sizes, labels, most=4)
    found = {names: (accuracy, size) for _, accuracy, size, names in rows}
    # Those together with the large one do not fit; all of them are shown for comparison.
    assert found.keys() == {"right", "guess", "guess + right", "guess + right + wrong"}
    assert found["guess + right"] == (1.0, 4)
    assert rows[-1][0] == pytest.approx(np.log(2), abs=1e-3)
    assert rows[0][0] < 0.05
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
