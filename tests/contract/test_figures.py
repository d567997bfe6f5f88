"""What documents and the model say of themselves is what the benchmarks measured."""

import hashlib
import importlib.util
import inspect
import json
import shutil
import sys
from pathlib import Path

import pytest

from mien.inference import EmotionModel, UnitModel
from mien.metrics import fit_six

ROOT = Path(__file__).parents[2]


RESULTS = ROOT / "benchmarks" / "results"


def load(name, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def benchmark(monkeypatch):
    return load("accuracy", monkeypatch)


@pytest.fixture(scope="module")
def measured():
    return json.loads((RESULTS / "accuracy.json").read_text())


def marked(document, name):
    text = (ROOT / document).read_text(encoding="utf-8")
    return text.split(f"<!-- {name} -->\n")[1].split(f"\n<!-- /{name} -->")[0]


@pytest.mark.parametrize("document", ["docs/benchmarks.md", "MODEL_CARD.md"])
def test_the_documents_show_what_was_measured(benchmark, measured, document):
    assert marked(document, "accuracy") == benchmark.accuracy_table(measured)


def test_the_small_table_of_the_readme_is_taken_from_the_measured_figures(monkeypatch):
    table = load("summary", monkeypatch).summary()
    assert marked("README.md", "summary") == table
    assert table.count("\n") >= 6


def test_the_model_card_shows_every_block(benchmark, measured):
    for name, text in benchmark.blocks(measured).items():
        assert marked("MODEL_CARD.md", name) == text, name


@pytest.mark.parametrize(
    ("figure", "target", "value", "said"),
    [
        ("accuracy", 0.88, 0.88, "met"),
        ("accuracy", 0.88, 0.8655, "1.4 points"),
        ("balanced_accuracy", 0.70, 0.69999, "0.1 points"),
        ("macro_f1", 0.72, 0.73, "met"),
        ("macro_f1", 0.72, 0.7, "0.020"),
        ("ece", 0.02, 0.015, "met"),
        ("ece", 0.02, 0.035, "0.015"),
    ],
)
def test_a_target_is_met_or_missed_by_something(benchmark, figure, target, value, said):
    assert benchmark.Target("ferplus-8", figure, figure, target).missed_by(value) == said


def test_every_target_is_of_something_measured(benchmark, measured):
    results = {result["protocol"]: result["score"] for result in measured["results"]}
    assert all(target.figure in results[target.protocol] for target in benchmark.TARGETS)
    assert benchmark.targets_table(measured).count("\n") == 1 + len(benchmark.TARGETS)


def test_the_promise_is_that_of_the_fit(benchmark):
    assert inspect.signature(fit_six).parameters["accuracy"].default == benchmark.PROMISE


def test_failures_as_worked_out_on_paper(benchmark):
    def result(protocol, *points):
        score = {
            "classes": [{"label": label} for label in ("happy", "sad", "fear")],
            "confusion": [[6, 3, 1], [0, 18, 2], [4, 0, 4]],
        }
        return {"protocol": protocol, "title": protocol, "score": score, "quality": list(points)}

    third = {"measure": "contrast", "third": "lowest", "low": 0.1, "high": 0.25}
    third |= {"images": 100, "accuracy": 0.8, "balanced_accuracy": 0.7}
    full = {"results": [result(name, third) for name in benchmark.SIX]}
    lines = benchmark.failures_text(full).splitlines()
    assert lines[2] == "| fear called happy | 4 | 50 % | fear called happy | 4 | 50 % |"
    assert lines[3].startswith("| happy called sad | 3 | 30 % |")
    assert "| contrast: lowest third | 0.10 to 0.25 | 80.0 % | 80.0 % |" in lines
    assert "up to 7.8 points" in lines[-1]


def test_the_model_card_shows_the_spread_over_seeds(monkeypatch):
    found = json.loads((RESULTS / "seeds.json").read_text())
    assert marked("MODEL_CARD.md", "seeds") == load("seeds", monkeypatch).seeds_table(found)


def test_the_model_card_shows_what_the_embedding_costs(monkeypatch):
    found = json.loads((RESULTS / "embedding.json").read_text())
    load("seeds", monkeypatch)
    table = load("embedding", monkeypatch).cost_table(found)
    assert marked("MODEL_CARD.md", "embedding-cost") == table


@pytest.mark.parametrize("name", ["cluster", "study"])
def test_the_pages_of_studies_show_what_was_measured(monkeypatch, name):
    found = json.loads((RESULTS / f"{name}.json").read_text())
    load("video", monkeypatch)
    assert marked(f"docs/{name}.md", f"{name}-speed") == load(name, monkeypatch).table(found)


def test_the_model_card_shows_how_other_people_are_told(monkeypatch):
    found = json.loads((RESULTS / "foreign.json").read_text())
    assert marked("MODEL_CARD.md", "foreign") == load("foreign", monkeypatch).foreign_table(found)


def test_the_model_card_shows_skin_tones(monkeypatch):
    found = json.loads((RESULTS / "fairness.json").read_text())
    table = load("fairness", monkeypatch).fairness_table(found)
    assert marked("MODEL_CARD.md", "fairness") == table


def test_figures_of_seeds_are_kept_even_if_a_document_has_no_marks(
    monkeypatch, tmp_path, fer_csv, votes_csv
):
    from mien.data import import_dataset

    seeds = load("seeds", monkeypatch)
    import_dataset([fer_csv, votes_csv], tmp_path / "toy")
    models = [tmp_path / f"{seed}.onnx" for seed in (1, 2)]
    for model in models:
        shutil.copy(EmotionModel().path, model)
    bare = tmp_path / "bare.md"
    bare.write_text("no marks\n")
    kept = tmp_path / "seeds.json"
    options = ["--data", tmp_path / "toy", "--json", kept, "--write", bare]
    monkeypatch.setattr(sys, "argv", list(map(str, ["seeds.py", *models, *options])))
    with pytest.raises(ValueError, match="has no marks <!-- seeds -->"):
        seeds.main()
    table = seeds.seeds_table(json.loads(kept.read_text()))
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in table.splitlines()[2:]}
    assert "±" in rows["FER+ 8 classes, majority: macro-F1"]
    assert " %" not in rows["FER+ 8 classes, majority: ECE"]
    assert rows["six-way output, FER-2013: balanced accuracy"].count(" %") == 4
    assert "FER-2013 6 classes" in rows


def test_the_shipped_file_carries_the_same_figures(benchmark, measured):
    spec = EmotionModel().spec
    expected = benchmark.spec_figures(measured)
    assert {name: spec.figures[name] for name in expected} == pytest.approx(expected)
    compared = {name: value for name, value in spec.figures.items() if name not in expected}
    labelled = ("six", "logits", "fer2013_logits")
    flipped, differs = "flipped", "largest difference"
    assert set(compared) == {
        f"fer2013, val, fp16 against torch: {kind}, {output}"
        for kind, outputs in {
            flipped: labelled,
            differs: (*labelled, "embedding", "activation"),
        }.items()
        for output in outputs
    }
    assert all(value <= 0.003 for name, value in compared.items() if flipped in name)
    assert measured["subset"] == "test"
    assert spec.provenance["data_sha256"] == measured["data_sha256"]


@pytest.mark.parametrize("document", ["docs/units.md", "MODEL_CARD.md"])
def test_the_documents_show_what_was_measured_of_the_shipped_network_of_units(
    monkeypatch, document
):
    script = load("units", monkeypatch)
    measured = json.loads((RESULTS / "units.json").read_text())
    shipped = hashlib.sha256(UnitModel().path.read_bytes()).hexdigest()
    advice = "run python benchmarks/units.py ... --json benchmarks/results/units.json --write ..."
    assert measured["model_sha256"] == shipped, advice
    texts = script.blocks(measured)
    shown = [name for name in texts if f"<!-- {name} -->" in (ROOT / document).read_text()]
    assert len(shown) >= 1
    for name in shown:
        assert marked(document, name) == texts[name], advice


def test_what_is_said_of_rotated_faces_is_what_was_measured(monkeypatch):
    found = json.loads((RESULTS / "rotated.json").read_text())
    assert marked("docs/units.md", "units rotated") == load("rotated", monkeypatch).table(found)
