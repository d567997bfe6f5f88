import dataclasses
import json
import sys

import numpy as np
import pytest
import torch
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

import mien
from mien.cli import app
from mien.columns import row_schema
from mien.data import image_sketch, merged_sketches
from mien.emotions import FER2013_7, SIX
from mien.errors import InputError, OutputError
from mien.finetuning import entry, fine_tune, run
from mien.inference import EmotionModel
from mien.models.onnx_weights import load_onnx_network
from mien.preprocess import network_input
from mien.webpage import page_contract
from tests.finetuning.conftest import shorten, striped


def test_it_learns_the_users_classes_and_says_so(tuned):
    result, said = tuned
    assert result.changed
    assert result.own_written
    assert result.own_balanced > 0.9
    assert [(each.name, each.images) for each in result.classes] == [("happy", 8), ("sad", 8)]
    own = [(each.name, each.images, each.before) for each in result.own]
    assert own == [("happy", 8, None), ("sad", 8, None), ("bored", 8, None)]
    assert result.own_measured_on == result.measured_on
    assert result.measured_on == "by the file on 24 images of test"
    assert "use it" in result.recommendation
    assert said[0] == "learning from 48 images of 8 people (happy 16, sad 16, bored 16); 24 to test"
    assert "no face is found" in said[1]  # stripes
    assert said[2].startswith("this takes about ")
    assert said[-1] == "trial 3 of 3"


def test_what_the_images_lack_is_named_and_kept(tuned):
    result, _ = tuned
    assert result.absent == ("neutral", "angry", "fear", "surprise")
    assert {each.name for each in result.old} == set(mien.SIX.labels)
    for each in result.old:
        assert each.after > 0.95, each.name


def test_a_class_that_test_alone_shows_is_measured_by_the_six_answers(mixed, tmp_path, monkeypatch):
    shorten(monkeypatch, steps=10)
    labels = np.where((mixed.split == 2) & (mixed.labels == 4), 2, mixed.labels)  # sad to fear
    labels[-1] = len(mixed.label_names)
    names = (*mixed.label_names, "shy")
    data = dataclasses.replace(mixed, labels=labels.astype(np.int8), label_names=names)
    said = []
    result = fine_tune(data, out=tmp_path, threads=1, on_message=said.append)
    assert {each.name: each.images for each in result.classes} == {"happy": 8, "fear": 8}
    assert {each.name: each.images for each in result.own} == {"happy": 8, "bored": 7}
    assert "fear" in result.absent
    assert result.unmeasured == ("neutral", "sad", "angry", "surprise")
    text = "\n".join(result.lines())
    assert "no images of neutral, sad, angry, surprise were measured: whether" in text
    left = "1 image of test left out: of own classes that train and val have no image of"
    assert f"WARNING: {left}" in said


def test_the_table_and_the_file_beside_it_say_the_same(tuned):
    result, _ = tuned
    lines = result.lines()
    assert lines[0] == "the six answers, by the file on 24 images of test"
    own = lines.index("your classes by their own head, by the file on 24 images of test")
    assert lines[own + 4].split()[:2] == ["bored", "8"]
    assert not any(line.startswith("bored") for line in lines[:own])
    assert "own classes are in outputs['own_logits']" in result.recommendation
    assert lines[-1] == result.recommendation
    written = json.loads((result.path.parent / "fine-tuning.json").read_text())
    assert written["recommendation"] == result.recommendation
    assert written["balanced_after"] == result.balanced_after


def test_the_file_is_ready_for_the_analyzer(tuned, samples):
    result, _ = tuned
    face = mien.Analyzer(result.path).analyze(samples / "grace_hopper.jpg").faces[0]
    assert set(face.outputs) == {"logits", "fer2013_logits", "own_logits"}
    assert set(face.outputs["own_logits"]) == {"happy", "sad", "bored"}
    assert sum(face.outputs["own_logits"].values()) == pytest.approx(1)
    assert set(face.probabilities) == set(mien.SIX.labels)


def test_the_line_of_an_analysis_has_the_likeliest_own_class(tuned, samples):
    photo = samples / "grace_hopper.jpg"
    face = mien.Analyzer(tuned[0].path).analyze(photo).faces[0]
    label, share = max(face.outputs["own_logits"].items(), key=lambda item: item[1])
    done = CliRunner().invoke(app, ["analyze", str(photo), "--model", str(tuned[0].path)])
    assert (
        f"{face.emotion:<8} {face.confidence:>4.0%}  own: {label} {share:.0%}  box" in done.stdout
    )
    plain = CliRunner().invoke(app, ["analyze", str(photo)])
    assert "own:" not in plain.stdout


def test_rows_of_json_have_the_own_classes(tuned, samples):
    face = mien.Analyzer(tuned[0].path).analyze(samples / "grace_hopper.jpg").faces[0]
    row = face.to_row()
    assert row["own_classes"] == {"own_logits": face.outputs["own_logits"]}
    Draft202012Validator(row_schema("face")).validate(row)
    plain = mien.Analyzer().analyze(samples / "grace_hopper.jpg").faces[0].to_row()
    assert "own_classes" not in plain


def test_the_file_is_ready_for_the_page(tuned):
    result, _ = tuned
    detector = mien.Analyzer().detector
    contract = page_contract(EmotionModel(result.path), detector)
    assert contract["label_sets"]["own"] == {"labels": ["happy", "sad", "bored"], "six": [None] * 3}


def test_own_probabilities_are_calibrated_on_what_was_not_learned(tuned):
    result, _ = tuned
    heads = {output.name: output for output in EmotionModel(result.path).spec.outputs}
    assert heads["own_logits"].labels == "own"
    assert heads["own_logits"].temperature != 1.0


def test_the_file_says_where_it_comes_from(tuned, mixed):
    result, _ = tuned
    spec, start = EmotionModel(result.path).spec, EmotionModel().spec
    assert spec.provenance["fine_tuned_on_sha256"] == mixed.sha256()
    assert spec.provenance["start"].startswith("emotion.onnx ")
    assert spec.provenance["fine_tuned_on"] == "stripes"
    assert json.loads(spec.provenance["network"])["own_classes"] == 3
    assert not spec.figures
    learned = image_sketch(mixed.select(mixed.split < 2).images)
    both = merged_sketches([start.provenance["training_sketch"], learned])
    assert spec.provenance["training_sketch"] == both
    assert "training_sketch_lacks" not in spec.provenance
    assert (spec.crop, spec.six, spec.input) == (start.crop, start.six, start.input)


def test_a_fine_tuned_file_can_be_loaded_to_learn_further(tuned, mixed):
    result, _ = tuned
    model = EmotionModel(result.path)
    network = load_onnx_network(result.path, model.spec.provenance)
    faces = mixed.images[:8].astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(network_input(faces, model.spec.input)))
    found = model.run(faces)
    for name, value in zip((o.name for o in model.spec.outputs), expected, strict=True):
        np.testing.assert_allclose(found[name], value.numpy(), atol=2e-3)


def test_files_that_are_there_are_not_replaced(tuned, mixed):
    result, _ = tuned
    with pytest.raises(OutputError, match="exists already"):
        fine_tune(mixed, out=result.path.parent)


@pytest.fixture
def senseless():
    """Images whose labels say nothing about them: half have the one that the network gives all."""
    drawn = striped(np.full(96, 3), np.arange(96))
    answers = EmotionModel().probabilities(drawn.images.astype(np.float32)).argmax(axis=1)
    most = np.bincount(answers).argmax()
    data = drawn.select(np.flatnonzero(answers == most)[:24])
    said = FER2013_7.index(SIX.labels[most])
    other = (said + 1) % len(FER2013_7)
    labels = np.random.default_rng(3).permutation(np.repeat([said, other], 12))
    return dataclasses.replace(data, labels=labels.astype(np.int8))


def test_where_nothing_can_be_learned_the_file_is_the_start(senseless, tmp_path, monkeypatch):
    shorten(monkeypatch, steps=20)
    result = fine_tune(senseless, out=tmp_path / "out", threads=1)
    assert not result.changed
    assert result.path.read_bytes() == EmotionModel().path.read_bytes()
    assert result.recommendation.startswith("not better than chance; the file is the start")
    assert "more images of" in result.recommendation
    assert result.balanced_after == result.balanced_before


def test_own_classes_that_are_guessed_get_no_head(tmp_path, monkeypatch):
    shorten(monkeypatch, steps=20)
    names = (*FER2013_7.labels, "bored", "keen", "shy")
    data = striped(np.full(36, 3), np.arange(36))
    labels = np.random.default_rng(3).permutation(np.repeat([7, 8, 9], 12))
    data = dataclasses.replace(data, labels=labels.astype(np.int8), label_names=names)
    result = fine_tune(data, out=tmp_path, threads=1)
    assert (result.changed, result.own_written) == (False, False)
    assert result.path.read_bytes() == EmotionModel().path.read_bytes()
    assert "right (chance 33.3 %); the file is the start unchanged" in result.recommendation
    assert result.lines()[0].endswith("left out of the file")


def versions(count):
    """Versions of two images of different classes, by unknown people."""
    data = striped(np.arange(count) % 2 + 3, [""] * count)
    images = data.images[np.arange(count) % 2] // np.linspace(1, 1.5, count)[:, None, None]
    return dataclasses.replace(data, images=images.astype(np.uint8))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (striped([3, 4] * 4, range(8)), "8 images are too few"),
        (striped([3, 4] * 9, ["a"] * 18), "all 18 images show one person: nothing can be measured"),
        (striped([3, 4] * 9, ["a", "b"] * 9), "fewer than two classes show more than one person"),
        (versions(13), "the 13 images are versions of 2 pictures, and who they show is unknown"),
    ],
)
def test_what_no_trial_can_judge_keeps_the_start(data, reason, tmp_path):
    said = []
    result = fine_tune(data, out=tmp_path, threads=1, on_message=said.append)
    assert not result.changed
    assert result.recommendation.startswith(f"not measured: {reason}")
    assert not result.tried
    assert "(there was no trial)" in result.lines()[0]
    assert not any("this takes about" in line for line in said)


def test_where_people_are_unknown_none_are_called_unseen(tmp_path, monkeypatch):
    shorten(monkeypatch, steps=40)
    data = striped(np.tile([3, 4], 12), [""] * 24)
    noise = np.random.default_rng(1).integers(0, 256, data.images.shape)
    data = dataclasses.replace(data, images=(data.images // 2 + noise // 2).astype(np.uint8))
    said = []
    result = fine_tune(data, out=tmp_path, threads=1, on_message=said.append)
    both = "the same people may be on both sides: give --group at the import"
    assert f"WARNING: {both}" in said
    assert result.recommendation.startswith("better on these images: ")
    assert both in result.recommendation
    assert "use it" not in result.recommendation
    text = "\n".join(result.lines())
    assert "on images that the trial did not see" in text
    assert "people that" not in text


@pytest.mark.parametrize(
    ("labels", "split", "message"),
    [
        ([3] * 6, 0, "all 6 images to learn from are happy, expected at least two classes"),
        ([3, 4] * 3, 2, "no labelled image in train or val"),
    ],
)
def test_images_that_cannot_teach_are_refused(labels, split, message, tmp_path):
    with pytest.raises(InputError, match=message):
        fine_tune(striped(labels, range(6), split=split), out=tmp_path, threads=1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seed": 10**20}, "seed: expected a whole number from 0 to 4294967295, found 1000"),
        ({"seed": 1.5}, "seed: expected a whole number"),
        ({"seed": -1}, "seed: expected a whole number"),
        ({"threads": -1}, "threads: expected a whole number from 0 to 1024, found -1"),
        ({"data": None}, "data: expected the folder of a dataset or a dataset, found None"),
        ({"out": None}, "out: expected a path, found NoneType"),
        ({"start": 1}, "start: expected a path, found int"),
        ({"replay": 1}, "replay: expected a dataset, its folder or None, found 1"),
    ],
)
def test_wrong_arguments_are_refused_in_a_line(wrong, message, senseless, tmp_path):
    with pytest.raises(InputError, match=message):
        fine_tune(**({"data": senseless, "out": tmp_path} | wrong))


def test_a_folder_that_cannot_be_written_is_said_first(senseless):
    said = []
    with pytest.raises(OutputError, match="/proc/mien: cannot write"):
        fine_tune(senseless, out="/proc/mien", on_message=said.append)
    assert not said


def test_ctrl_c_says_that_nothing_is_written(toy_dataset, tmp_path, monkeypatch):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    data, out = tmp_path / "data", tmp_path / "out"
    module = sys.modules["mien.cli.fine_tune"]  # the package has the verb by this name
    monkeypatch.setattr(module, "read_split_dataset", lambda *_: (toy_dataset, ("", "")))
    monkeypatch.setattr(run, "write_network", interrupt)
    monkeypatch.setattr(run.shutil, "copyfile", interrupt)
    shorten(monkeypatch, steps=10)
    done = CliRunner().invoke(app, ["fine-tune", str(data), "--out", str(out)])
    assert done.exit_code == 130
    assert f"stopped; nothing is written, {out} is as it was" in done.stderr
    assert not list(out.iterdir())


def test_a_replayed_dataset_measures_what_is_forgotten(senseless, toy_dataset, tmp_path):
    few = dataclasses.replace(senseless, split=np.where(np.arange(24) < 8, 0, -1).astype(np.int8))
    result = fine_tune(few, out=tmp_path, replay=toy_dataset, threads=1)
    assert result.old_measured_on == "on 16 images of val of toy"
    assert sum(each.images for each in result.old) == 16


def test_without_the_extra_its_command_is_named(monkeypatch, senseless, tmp_path):
    monkeypatch.setattr(entry.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(mien.MienError, match=r'pip install "\.\[train\]"'):
        fine_tune(senseless, out=tmp_path)


def test_the_verb_refuses_a_folder_that_is_no_dataset(tmp_path):
    result = CliRunner().invoke(app, ["fine-tune", str(tmp_path), "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, mien.MienError)
    assert "mien data import" in str(result.exception)


@pytest.mark.parametrize(
    "verb", [["fine-tune", "a", "--out", "b"], ["data", "split", "a", "--out", "b"]]
)
def test_a_seed_that_no_generator_takes_is_wrong_usage(verb):
    done = CliRunner().invoke(app, [*verb, "--seed", "99999999999999999999"])
    assert done.exit_code == 2
    assert "4294967295" in done.stderr
