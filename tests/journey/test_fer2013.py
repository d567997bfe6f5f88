"""What is known of FER-2013 and of the models measured on it is found again in the real data.

These tests are in one file, since it takes ten seconds to import the data.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mien.data import (
    Dataset,
    check_dataset,
    exact_groups,
    fer_pp_split,
    import_dataset,
    read_dataset,
)
from mien.emotions import ferplus_majority, ferplus_soft_labels
from mien.evaluation import evaluate, open_predictor
from mien.metrics import protocol

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


@pytest.fixture(scope="module")
def fer2013(shared, tmp_path_factory) -> Dataset:
    """FER-2013 with its votes, imported."""
    folder = tmp_path_factory.mktemp("real") / "fer2013"
    import_dataset([shared / "data" / "fer2013"], folder)
    return read_dataset(folder)


@pytest.fixture(scope="module")
def measured():
    return json.loads((RESULTS / "accuracy.json").read_text())


def test_all_that_is_known_of_fer2013_is_found(fer2013):
    found = check_dataset(fer2013)
    assert (found.copies, found.copy_groups, found.conflicts) == (1853, 1516, 57)
    leaks = {(leak.other, leak.subset): leak for leak in found.leaks}
    assert (leaks["train", "test"].exact, leaks["train", "val"].exact) == (288, 280)
    assert leaks["train", "test"].near / leaks["train", "test"].images == pytest.approx(
        0.11, abs=0.005
    )
    assert len(found.blank) in (12, 13)
    votes = found.votes
    assert round(100 * votes.agreement, 1) == 67.6
    assert (votes.unsupported, votes.unnamed, votes.mostly_not_a_face) == (5856, 173, 178)
    shares = {label: round(100 * share) for label, share in votes.agreement_by_label.items()}
    # In the order of FER-2013's classes: angry, disgust, fear, happy, sad, surprise, neutral.
    assert list(shares.values()) == [53, 36, 14, 93, 43, 84, 89]


def test_ferpps_split_is_met_row_for_row(shared, fer2013):
    expected = pl.read_parquet(shared / "data" / "seed_baseline" / "seed_split.parquet")
    split = fer_pp_split(fer2013)
    val = (expected["part"].cast(pl.String) == "val").to_numpy()
    np.testing.assert_array_equal(split.assignment == 1, val)
    assert split.counts() == {"train": 32_298, "val": 3_589}
    leaked = np.isin(exact_groups(fer2013.images)[val], exact_groups(fer2013.images)[~val])
    assert leaked.sum() == 306


def test_the_published_counts_and_the_reference_are_met(shared, fer2013):
    labels, keep = ferplus_majority(fer2013.votes)
    assert [int(keep[fer2013.split == subset].sum()) for subset in range(3)] == [
        25_060,
        3_199,
        3_153,
    ]
    location = shared / "tools" / "protocol_counts.py"
    module_spec = importlib.util.spec_from_file_location("protocol_counts", location)
    reference = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(reference)
    expected_labels, expected_keep = reference.majority(fer2013.votes.astype(int))
    np.testing.assert_array_equal(keep, expected_keep)
    np.testing.assert_array_equal(labels[keep], expected_labels[keep])
    soft, usable = ferplus_soft_labels(fer2013.votes)
    expected_soft, expected_usable = reference.soft_labels(fer2013.votes.astype(int))
    np.testing.assert_array_equal(usable, expected_usable)
    np.testing.assert_allclose(soft[usable], expected_soft[usable], rtol=1e-6)


def test_a_known_table_of_the_baseline_gives_its_known_figures(shared, fer2013):
    data = fer_pp_split(fer2013).apply(fer2013)
    table = open_predictor(shared / "data" / "seed_baseline" / "seed_split.parquet")
    found = evaluate([table], data, protocols=protocol("six-fer2013"))
    result = found.results[0]
    assert round(100 * result.score.accuracy, 2) == 69.32
    assert round(result.score.macro_f1, 3) == 0.679
    assert round(result.score.ece, 3) == 0.115
    assert (result.leaked.images, result.leak_free.images) == (306, 3283)
    assert round(100 * result.leaked.accuracy, 1) == 94.1
    assert round(100 * result.leak_free.accuracy, 1) == 67.0


def test_the_shipped_file_gives_the_measured_figures(fer2013, measured):
    assert fer2013.sha256() == measured["data_sha256"]
    asked = protocol("six-ferplus")
    found = evaluate([open_predictor(None)], fer2013, subset="test", protocols=asked)
    expected = next(r for r in measured["results"] if r["protocol"] == "six-ferplus")
    for part in ("score", "leak_free"):
        score = getattr(found.results[0], part)
        assert score.images == expected[part]["images"]
        assert score.accuracy == pytest.approx(expected[part]["accuracy"], abs=5e-4)
        assert score.ece == pytest.approx(expected[part]["ece"], abs=1e-3)
