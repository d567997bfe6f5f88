"""The weights of several networks become one network, whose norms fit its own activations."""

import dataclasses
import json
import warnings

import numpy as np
import pytest
import torch

from mien._decode import decode
from mien.data import Dataset
from mien.errors import ArtefactError
from mien.export import export_trained, export_variant
from mien.inference import EmotionModel
from mien.models import EmotionNet, TrunkOptions
from mien.preprocess import network_input
from mien.training.augment import AugmentationOptions

OPTIONS = TrunkOptions(widths=(8, 16), depths=(1, 2), crop_px=44, dense_width=16)


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


def write_network(folder, data, seed, *, options=OPTIONS, like=None):
    """Write a network, at random or near another one, as a training would leave its file."""
    torch.manual_seed(seed)
    network = EmotionNet(options)
    if like is not None:
        network.load_state_dict(like.state_dict())
        for value in network.parameters():
            value.data += 0.02 * torch.randn_like(value)
    full, path = folder / f"{seed}-full.onnx", folder / f"{seed}.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of itself
        export_trained(network.eval(), data, path=full, provenance={"recipe": f"of {seed}"})
        export_variant(full, data, precision="fp16", out=path)
    return path, network


@pytest.fixture(scope="module")
def members(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("members")
    first, network = write_network(folder, data, 1)
    second, _ = write_network(folder, data, 2, like=network)
    return first, second


@pytest.fixture
def average(load):
    return load("average")


def answers(path, images):
    return EmotionModel(path).run(images)


def test_the_mean_lies_between_its_members(average, members, data, tmp_path, recwarn):
    out = tmp_path / "mean.onnx"
    average.write_mean(members, (0.5, 0.5), data, recipe="rendered", out=out)
    images = data.images[:8]
    first, mean, second = (
        answers(path, images)["logits"] for path in (members[0], out, members[1])
    )
    apart = np.abs(first - second).mean()
    assert apart > 0
    for other in (first, second):
        assert np.abs(mean - other).mean() < 3 * apart
    model = EmotionModel(out)
    assert model.spec.provenance["mean of 1.onnx, 1"].startswith("0.500 ")
    assert decode(TrunkOptions, json.loads(model.spec.provenance["network"])) == OPTIONS
    assert "calibrated_on" in model.spec.provenance


def test_the_norms_statistics_are_those_of_the_mean_s_own_activations(average, members, data):
    options = AugmentationOptions()
    batches = list(average.augmented(data, options, EmotionModel(members[0])))
    network = average.mean_network(members, (0.5, 0.5), batches)
    norm = next(each for each in network.modules() if isinstance(each, torch.nn.BatchNorm2d))
    seen = []
    norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(torch.cat(batches))
    found = torch.cat(seen)
    torch.testing.assert_close(norm.running_mean, found.mean(dim=(0, 2, 3)), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(norm.running_var, found.var(dim=(0, 2, 3)), rtol=1e-3, atol=1e-3)


def test_all_of_one_member_is_that_member(average, members, data):
    """Its norms aside, which see other images than those that it learnt from."""
    model = EmotionModel(members[1])
    faces = torch.from_numpy(network_input(data.images, model.spec.input))
    network = average.mean_network(members[1:], (1.0,), [faces])
    with torch.no_grad():
        found = network(faces).logits.numpy()
    expected = answers(members[1], data.images)["logits"]
    np.testing.assert_allclose(found, expected, atol=0.01 * np.abs(expected).max() + 0.01)


def test_another_network_is_refused_by_name(average, members, data, tmp_path):
    other, _ = write_network(tmp_path, data, 3, options=dataclasses.replace(OPTIONS, depths=(1, 1)))
    with pytest.raises(ArtefactError, match=r"3\.onnx: another network than .*1\.onnx"):
        average.mean_network([members[0], other], (0.5, 0.5), [torch.zeros(2, 1, 48, 48)])
