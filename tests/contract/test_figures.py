"""What documents and the model say of themselves is what `make evaluate` measured."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from mien.inference import EmotionModel

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def benchmark():
    folder = str(ROOT / "benchmarks")
    sys.path.insert(0, folder)
    try:
        spec = importlib.util.spec_from_file_location("accuracy", ROOT / "benchmarks/accuracy.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    return module


@pytest.fixture(scope="module")
def measured():
    return json.loads((ROOT / "benchmarks" / "results" / "accuracy.json").read_text())


def marked(document, name):
    text = (ROOT / document).read_text(encoding="utf-8")
    return text.split(f"<!-- {name} -->\n")[1].split(f"\n<!-- /{name} -->")[0]


@pytest.mark.parametrize("document", ["README.md", "MODEL_CARD.md"])
def test_the_documents_show_what_was_measured(benchmark, measured, document):
    assert marked(document, "accuracy") == benchmark.accuracy_table(measured)


def test_the_model_card_shows_classes_and_robustness(benchmark, measured):
    assert marked("MODEL_CARD.md", "classes") == benchmark.classes_table(measured)
    assert marked("MODEL_CARD.md", "robustness") == benchmark.robustness_table(measured)
    assert marked("MODEL_CARD.md", "embedding") == benchmark.embedding_sentence(measured)


def test_the_shipped_file_carries_the_same_figures(benchmark, measured):
    spec = EmotionModel().spec
    expected = benchmark.spec_figures(measured)
    assert {name: spec.figures[name] for name in expected} == pytest.approx(expected)
    compared = {name: value for name, value in spec.figures.items() if name not in expected}
    assert {name.rpartition(", ")[2] for name in compared} == {
        "fp32 against torch: flipped",
        "fp32 against torch: largest_difference",
        "fp16: flipped",
        "fp16: largest_difference",
    }
    assert all(value <= 0.003 for value in compared.values())
    assert measured["split"] == "test"
    assert spec.provenance["data_sha256"] == measured["data_sha256"]


def test_the_shipped_file_gives_the_measured_figures(shared, measured, tmp_path):
    from mien.data import import_dataset, read_dataset
    from mien.evaluation import protocol
    from mien.reports import evaluate, open_predictor

    import_dataset([shared / "data" / "fer2013"], tmp_path / "fer2013")
    data = read_dataset(tmp_path / "fer2013")
    assert data.sha256() == measured["data_sha256"]
    found = evaluate([open_predictor(None)], data, split="test", protocols=protocol("six-ferplus"))
    expected = next(r for r in measured["results"] if r["protocol"] == "six-ferplus")
    for part in ("score", "leak_free"):
        score = getattr(found.judged[0], part)
        assert score.pictures == expected[part]["pictures"]
        assert score.accuracy == pytest.approx(expected[part]["accuracy"], abs=5e-4)
        assert score.ece == pytest.approx(expected[part]["ece"], abs=1e-3)
