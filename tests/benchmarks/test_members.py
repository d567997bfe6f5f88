"""The networks for a machine with a GPU can be trained, brought back and made model files of."""

import argparse
import importlib.util
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from mien.data import Dataset, import_dataset
from mien.inference import EmotionModel
from mien.training.weights import load_teacher
from tests.conftest import VOTE_HEADER, fer_lines, vote_lines

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "members.py"


@pytest.fixture
def members(monkeypatch):
    spec = importlib.util.spec_from_file_location("members", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "members", module)
    monkeypatch.setattr(sys, "path", [*sys.path])
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def imported(tmp_path):
    """Noise, of which no image is like another but the last of val and the first of train."""
    rng = np.random.default_rng(0)
    count = 160
    labels = np.arange(count) % 7
    images = rng.integers(0, 256, (count, 48, 48), np.uint8)
    images[119] = images[0] // 2
    votes = np.zeros((count, 10), np.uint8)
    votes[np.arange(count), np.array([4, 5, 6, 1, 3, 2, 0])[labels]] = 10
    data = Dataset(
        images=images,
        labels=labels.astype(np.int8),
        votes=votes,
        split=np.repeat(np.array([0, 1, 2], np.int8), [80, 40, 40]),
        rows=np.arange(count, dtype=np.int64),
        source="noise",
    )
    faces, voted = tmp_path / "fer2013.csv", tmp_path / "fer2013new.csv"
    faces.write_text("\n".join(["emotion,pixels,Usage", *fer_lines(data)]) + "\n")
    voted.write_text("\n".join([VOTE_HEADER, *vote_lines(data)]) + "\n")
    import_dataset([faces, voted], tmp_path / "fer")
    return tmp_path / "fer"


def test_the_smoke_run_packs_trains_teaches_and_comes_back(
    tmp_path, members, imported, monkeypatch, capsys
):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["members.py", *map(str, words)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Lightning and the exporter warn of themselves
            members.main()

    packed, work, out = tmp_path / "pack", tmp_path / "work", tmp_path / "out"
    run("pack", "--data", imported, "--out", packed)
    _, measured = members.unpack([packed], "published")
    assert measured.sum() == 39  # one of val has a near copy in train
    assert not measured[119]
    train = ["train", "--pack", packed, "--work", work, "--out", out, "--smoke"]
    run(*train)
    figures = json.loads((out / "figures.json").read_text())
    tasks = members.read_plan(smoke=True)
    kinds = {task.document["network"].get("family", "plain") for task in tasks}
    assert kinds == {"plain", "residual", "separable"}
    assert set(figures) == {"published/all members", "fer-pp/all members"} | {
        task.name for task in tasks
    }
    assert set(figures["published/wide-labels"]["adds"]) == set(members.PROTOCOL_NAMES)
    assert figures["published/all members"]["members"] == 3
    epochs = (out / "log.txt").read_text().splitlines()
    assert len(epochs) == len(tasks)
    assert epochs[0].startswith("published/wide-labels epoch 1/1, ")
    brought = {name: weights for name, _, weights in members.unbundled([out])}
    assert set(brought) == {task.name for task in tasks}
    network = load_teacher(work / "published" / "student")
    for name, value in network.state_dict().items():
        np.testing.assert_allclose(brought["published/student"][name], value.numpy(), rtol=1e-3)
    capsys.readouterr()
    run(*train)
    assert (out / "log.txt").read_text().splitlines() == epochs, (
        "what has ended is not trained again"
    )
    for path in out.glob("weights-*.zip"):
        path.unlink()
    for name in ("published/student", "fer-pp/wide-labels"):
        assert members.bundle(work, name, out)
    run("models", "--data", imported, "--weights", out, "--out", tmp_path / "models")
    student = EmotionModel(tmp_path / "models" / "published-student.onnx")
    assert student.spec.provenance["split"] == "published"
    assert student.spec.provenance["recipe"] == "published/student"
    other = EmotionModel(tmp_path / "models" / "fer-pp-wide-labels.onnx")
    assert other.spec.provenance["split"].startswith("FER-PP random")
    with pytest.raises(SystemExit, match="--only: no published/wide; found fer-pp/wide-labels"):
        run(
            "models", "--data", imported, "--weights", out, "--out", out, "--only", "published/wide"
        )


@pytest.fixture
def side_by_side(tmp_path, members, monkeypatch):
    """A run whose trainings are programs that copy an ended one; returns what was started."""
    over = tmp_path / "over"
    over.mkdir()
    noted = {"parameters": 1, "labels": {name: [0, 1] for name in members.PROTOCOL_NAMES}}
    (over / "facts.json").write_text(json.dumps(noted))
    np.savez(over / "weights.npz", weight=np.zeros(3, np.float32))
    np.savez(over / "answers.npz", **{"ferplus-8": np.eye(8)[:2], "fer2013-7": np.eye(7)[:2]})
    started = []

    def start(task, arguments):
        folder = arguments.work / task.name
        folder.mkdir(parents=True, exist_ok=True)
        started.append(task.name)
        members.output_file(task.name, arguments.work).write_text("no memory left")
        program = {"fails": ["false"], "stays": ["sleep", "60"]}
        own = task.name.partition("/")[2]
        return subprocess.Popen(program.get(own, ["cp", "-r", f"{over}/.", folder]))

    def run(names, *, minutes):
        tasks = [members.Task(name, {}, teachers) for name, teachers in names.items()]
        arguments = argparse.Namespace(
            work=tmp_path / "work", out=tmp_path / "out", minutes=minutes, jobs=2
        )
        arguments.out.mkdir(exist_ok=True)
        members.train_side_by_side(tasks, arguments)
        return started

    monkeypatch.setattr(members, "start", start)
    return run


def test_a_student_waits_for_its_teachers_and_what_failed_is_not_tried_again(side_by_side, capsys):
    both = ("published/a", "published/fails")
    names = {
        **dict.fromkeys(both, ()),
        "published/student": both,
        "fer-pp/b": (),
    }
    started = side_by_side(names, minutes=1)
    assert set(started[:2]) == set(both)
    assert set(started) == set(names)
    said = capsys.readouterr().out
    assert "published/fails: failed\nno memory left" in said
    assert 'published/student: {"parameters": 1, "ferplus-8": 100.0' in said
    assert "3 of 4 done" in said
    assert len(side_by_side(names, minutes=1)) == 4


def test_trainings_end_when_the_minutes_are_over(side_by_side, capsys):
    began = time.monotonic()
    started = side_by_side({"published/stays": (), "published/next": ()}, minutes=0.01)
    assert started == ["published/stays", "published/next"]
    assert time.monotonic() - began < 30
    assert side_by_side({"published/another": ()}, minutes=0) == started


def test_weights_lie_in_files_of_a_limited_size_and_what_has_no_room_waits(
    tmp_path, members, monkeypatch
):
    monkeypatch.setattr(members, "BUNDLE_BYTES", 20_000)
    monkeypatch.setattr(members, "MAX_BUNDLES", 2)
    rng = np.random.default_rng(0)
    for name in ("published/a", "published/b"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "facts.json").write_text("{}")
        weights = {f"layer-{n}.weight": rng.random((2000,)).astype(np.float32) for n in range(3)}
        np.savez(folder / "weights.npz", **weights)
    out = tmp_path / "out"
    out.mkdir()
    assert members.bundle(tmp_path, "published/a", out)
    assert not members.bundle(tmp_path, "published/b", out)
    sizes = [path.stat().st_size for path in sorted(out.iterdir())]
    assert len(sizes) == 2
    assert max(sizes) <= 20_000
    ((name, _, weights),) = members.unbundled([out])
    assert name == "published/a"
    assert set(weights) == {"layer-0.weight", "layer-1.weight", "layer-2.weight"}


def test_every_network_of_the_plan_is_a_recipe_of_at_most_12_million_parameters_or_a_student(
    tmp_path, members
):
    from mien.models import EmotionNet

    tasks = members.read_plan()
    assert {task.split for task in tasks} == {"published", "fer-pp"}
    taught = [task for task in tasks if task.teachers]
    assert taught
    seeds = []
    for task in tasks:
        recipe = task.recipe(tmp_path, task.teachers)
        if not task.teachers:
            count = sum(weight.numel() for weight in EmotionNet(recipe.network).parameters())
            assert 1_300_000 < count < 12_000_000, task.name
            seeds.append((task.split, recipe.seed))
    assert len(set(seeds)) == len(seeds)
