import dataclasses
import json
import shutil

import numpy as np
import pytest

from mien.data import SUBSETS, Split, read_dataset
from mien.emotions import FER2013_7
from mien.errors import OutputError
from mien.export import write_spec
from mien.inference import EmotionModel
from tests.cli.test_data import run


def test_the_shipped_model_is_evaluated_printed_and_reported(dataset, tmp_path):
    report = tmp_path / "a.html"
    result = run("evaluate", "--data", dataset, "--report", report, "--out", tmp_path / "kept")
    assert result.exit_code == 0, result.output
    for name in ("ferplus-8", "fer2013-7", "fer2013-6", "six-ferplus", "six-fer2013"):
        assert name in result.output
    assert report.exists()
    assert {p.stem for p in (tmp_path / "kept" / "mien").iterdir()} == {
        "ferplus-8", "fer2013-7", "six",
    }  # fmt: skip
    again = run(
        "evaluate", tmp_path / "kept" / "mien", "--data", dataset, "--protocol", "six", "--json"
    )
    kept = json.loads(again.stdout)
    assert [each["protocol"] for each in kept["results"]] == ["six-ferplus", "six-fer2013"]
    with pytest.raises(OutputError, match="--overwrite"):
        run("evaluate", "--data", dataset, "--report", report)


def test_a_subset_without_leaks_prints_one_row_per_protocol(dataset):
    rows = run("evaluate", "--data", dataset, "--subset", "train").stdout.splitlines()
    firsts = [row.split()[0] for row in rows if row.startswith(" ") and "%" in row]
    assert firsts == ["ferplus-8", "fer2013-7", "fer2013-6", "six-ferplus", "six-fer2013"]


def test_models_of_one_name_are_told_apart_and_kept_predictions_are_not_replaced(
    dataset,
    tmp_path,
):
    paths = [tmp_path / run_name / "emotion.onnx" for run_name in ("first", "second")]
    for path in paths:
        path.parent.mkdir()
        shutil.copy(EmotionModel().path, path)
    kept = tmp_path / "kept"
    options = ("--data", dataset, "--protocol", "six-fer2013", "--out", kept)
    result = run("evaluate", *paths, *options, "--json")
    models = [each["model"] for each in json.loads(result.stdout)["results"]]
    assert models == ["first-emotion", "second-emotion"]
    assert sorted(path.name for path in kept.iterdir()) == models
    with pytest.raises(OutputError, match="holds predictions"):
        run("evaluate", *paths, *options)
    found = run("evaluate", *paths, *options, "--overwrite", "--ensemble", "--json")
    results = json.loads(found.stdout)["results"]
    assert [each["model"] for each in results] == [*models, "mean of 2"]
    assert results[2]["score"]["nll"] == pytest.approx(results[0]["score"]["nll"])
    assert (kept / "mean of 2").is_dir()


def test_a_fold_can_be_evaluated_and_calibrated_on(dataset, tmp_path):
    folds = tmp_path / "folds.json"
    assert run("data", "split", dataset, "--kind", "folds", "--out", folds).exit_code == 0
    divided = ("--data", dataset, "--split", folds, "--fold", "1")
    found = json.loads(run("evaluate", *divided, "--json").stdout)
    assert found["split"].endswith("fold 1")
    out = tmp_path / "calibrated.onnx"
    assert run("calibrate", EmotionModel().path, *divided, "--out", out).exit_code == 0
    flattered = "calibrated on about 100% of these images"
    assert flattered in run("evaluate", out, *divided).stderr
    assert flattered not in run("evaluate", out, *divided[:-1], "0").stderr
    renamed = tmp_path / "called otherwise"
    shutil.copytree(dataset, renamed)
    assert flattered in run("evaluate", out, "--data", renamed, *divided[2:]).stderr


def test_calibrating_changes_the_spec_alone_and_spares_the_original(dataset, tmp_path):
    original = tmp_path / "model.onnx"
    shutil.copy(EmotionModel().path, original)
    before = original.read_bytes()
    with pytest.raises(OutputError, match="--out FILE"):
        run("calibrate", original, "--data", dataset)
    out = tmp_path / "calibrated.onnx"
    result = run("calibrate", original, "--data", dataset, "--out", out, "--accuracy", 0.5)
    assert result.exit_code == 0, result.output
    assert original.read_bytes() == before
    old, new = EmotionModel(original), EmotionModel(out)
    assert new.spec.six != old.spec.six
    assert new.spec.provenance["calibrated_on"].startswith("fer, val, ")
    outputs = [
        [dataclasses.replace(output, temperature=1.0) for output in model.spec.outputs]
        for model in (old, new)
    ]
    assert outputs[0] == outputs[1]
    assert not list(tmp_path.glob("*.partial"))


def test_options_that_need_a_report_say_so(dataset, tmp_path):
    result = run("evaluate", "--data", dataset, "--with-faces")
    assert result.exit_code == 2
    assert "--report FILE.html" in result.output


def test_a_model_that_is_never_sure_is_said_to_be(dataset, tmp_path):
    path = tmp_path / "never.onnx"
    shutil.copy(EmotionModel().path, path)
    spec = EmotionModel(path).spec
    write_spec(path, dataclasses.replace(spec, six=dataclasses.replace(spec.six, unsure_below=1.0)))
    result = run("evaluate", path, "--data", dataset, "--protocol", "six")
    assert "six-way output, FER-2013: every prediction is unsure" in result.stdout
    assert "nan" not in result.stdout
    assert "every prediction is unsure" in result.stderr


def test_calibrating_prints_what_changed_and_warns_of_what_was_missing(dataset, tmp_path):
    data = read_dataset(dataset)
    sad = data.labels == FER2013_7.index("sad")
    assignment = np.where(sad & (data.split == 1), -1, data.split).astype(np.int8)
    Split("without", data.sha256(), SUBSETS, assignment).write(tmp_path / "without.json")
    out = tmp_path / "calibrated.onnx"
    result = run(
        "calibrate", EmotionModel().path, "--data", dataset, "--out", out,
        "--split", tmp_path / "without.json", "--accuracy", 1.0,
    )  # fmt: skip
    rows = {line[:25].strip(): line[25:].split() for line in result.stdout.splitlines()}
    six, before = EmotionModel(out).spec.six, EmotionModel().spec.six
    assert rows["temperature"] == [f"{before.temperature:.3f}", f"{six.temperature:.3f}"]
    assert rows["unsure below"] == [f"{before.unsure_below:.1%}", f"{six.unsure_below:.1%}"]
    assert "SixSpec" not in result.output
    assert ("every prediction is unsure" in result.stderr) == (six.unsure_below == 1)
    assert "six-fer2013: val has no image of sad" in result.stderr
