import numpy as np
import pytest
from sklearn import metrics as reference

from mien.metrics import (
    average_precision,
    precision_recall_curve,
    reliability,
    risk_coverage,
    roc_auc,
    roc_curve,
)

SCORES = np.array([0.9, 0.8, 0.7, 0.6])
POSITIVE = np.array([True, False, True, False])


def test_a_roc_curve_as_drawn_by_hand():
    false_rate, true_rate = roc_curve(SCORES, POSITIVE)
    assert false_rate.tolist() == [0, 0, 0.5, 0.5, 1]
    assert true_rate.tolist() == [0, 0.5, 0.5, 1, 1]
    assert roc_auc(SCORES, POSITIVE) == 0.75


def test_equal_scores_are_one_threshold():
    same = np.full(4, 0.5)
    assert roc_auc(same, POSITIVE) == 0.5
    recall, precision = precision_recall_curve(same, POSITIVE)
    assert (recall.tolist(), precision.tolist()) == ([1.0], [0.5])


def test_precision_and_recall_as_worked_out_by_hand():
    recall, precision = precision_recall_curve(SCORES, POSITIVE)
    assert recall.tolist() == [0.5, 0.5, 1, 1]
    np.testing.assert_allclose(precision, [1, 1 / 2, 2 / 3, 1 / 2])
    assert average_precision(SCORES, POSITIVE) == pytest.approx(0.5 + 0.5 * 2 / 3)


@pytest.mark.parametrize("seed", range(5))
def test_areas_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    scores, positive = rng.integers(0, 30, 300) / 30, rng.random(300) < 0.3
    assert roc_auc(scores, positive) == pytest.approx(reference.roc_auc_score(positive, scores))
    expected = reference.average_precision_score(positive, scores)
    assert average_precision(scores, positive) == pytest.approx(expected)


def test_one_kind_alone_has_no_area():
    assert np.isnan(roc_auc(SCORES, np.ones(4, bool)))
    assert np.isnan(average_precision(SCORES, np.zeros(4, bool)))


def test_bins_hold_what_falls_into_them():
    probabilities = np.array([[0.55, 0.45], [0.58, 0.42], [0.95, 0.05], [1.0, 0.0]])
    bins = reliability(probabilities, np.array([0, 1, 0, 0]), bins=10)
    assert bins.counts.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 2]
    assert (bins.accuracy[5], bins.accuracy[9]) == (0.5, 1.0)
    assert bins.confidence[5] == pytest.approx(0.565)
    assert np.isnan(bins.accuracy[0])


def test_the_least_sure_answers_are_withheld_first():
    probabilities = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.45, 0.55]])
    coverage, risk = risk_coverage(probabilities, np.array([1, 0, 1, 1]))
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    np.testing.assert_allclose(risk, [0, 0, 1 / 3, 1 / 4])
