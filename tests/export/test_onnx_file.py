import dataclasses
import shutil
import warnings
from pathlib import Path

import onnx
import pytest
import torch

from mien.errors import ArtefactError, SpecError
from mien.export import export_network, write_spec
from mien.inference import EmotionModel
from mien.spec import ModelSpec
from tests.networks import detector_file
from tests.test_spec import EMOTION


class Heads(torch.nn.Module):
    def __init__(self, labels=(8, 7)):
        super().__init__()
        self.heads = torch.nn.ModuleList(torch.nn.Linear(48 * 48, size) for size in (*labels, 16))

    def forward(self, faces):
        flat = faces.flatten(1)
        return tuple(head(flat) for head in self.heads)


@pytest.fixture(autouse=True)
def _library_warnings():
    # The exporter warns of its own dependencies.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def export(path, network=None):
    example = torch.rand(2, 1, 48, 48)
    export_network(network or Heads(), example, spec=EMOTION, path=path, dynamic={0: "batch"})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a network's file, and nothing else."""
    folder = tmp_path_factory.mktemp("made")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export(folder / "a.onnx")
    return folder


@pytest.fixture
def path(made, tmp_path):
    """A copy of the network's file."""
    return Path(shutil.copy(made / "a.onnx", tmp_path))


def test_a_file_carries_its_spec_and_takes_any_batch(made):
    model = EmotionModel(made / "a.onnx")
    assert model.spec == EMOTION
    assert model.probabilities(torch.rand(5, 48, 48).numpy()).shape == (5, 6)
    assert [file.name for file in made.iterdir()] == ["a.onnx"]


def test_a_spec_can_be_replaced_without_touching_the_graph(path):
    graph = onnx.load(path).graph
    write_spec(path, dataclasses.replace(EMOTION, name="other"))
    assert EmotionModel(path).spec.name == "other"
    assert onnx.load(path).graph == graph


def test_labels_that_do_not_fit_the_graph_are_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(SpecError, match=r"'outputs\.logits\.labels'"):
        export(tmp_path / "a.onnx", Heads(labels=(6, 7)))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_differs_from_torch_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("mien.export.onnx_file.MAX_DIFFERENCE", 0.0)
    with pytest.raises(ArtefactError, match="differs from torch by"):
        export(tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_detector_is_no_emotion_network(tmp_path):
    path = detector_file(tmp_path / "a.onnx")
    with pytest.raises(SpecError, match="expected 'emotion', found 'detection'"):
        EmotionModel(path)


def test_a_file_without_a_spec_is_refused(path):
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)
    with pytest.raises(SpecError, match=r"has no 'mien\.spec'"):
        EmotionModel(path)


def test_what_the_metadata_says_is_what_the_spec_says(path):
    entries = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert ModelSpec.from_metadata(entries, "a.onnx") == EMOTION


def test_no_path_of_the_exporting_machine_is_left_in_the_file(path):
    model = onnx.load(path)
    # Weights are random bytes: any short text turns up in them now and then.
    for weights in model.graph.initializer:
        weights.ClearField("raw_data")
    text = model.SerializeToString()
    assert b"site-packages" not in text
    assert b".py" not in text
