import numpy as np
import pytest
from scipy.stats import binomtest

from mien.metrics import (
    Interval,
    accuracy,
    balanced_accuracy,
    bootstrap_intervals,
    confusion_matrix,
    expected_calibration_error,
    macro_f1,
    mcnemar,
    negative_log_likelihood,
    wilson_interval,
)


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 400)
    logits = rng.normal(0, 1, (400, 3)) + 1.2 * np.eye(3)[labels]
    exponents = np.exp(logits)
    return exponents / exponents.sum(axis=1, keepdims=True), labels


def test_intervals_hold_the_figure_and_narrow_with_more_images(answers):
    probabilities, labels = answers
    intervals = bootstrap_intervals(probabilities, labels)
    matrix = confusion_matrix(labels, probabilities.argmax(axis=1), classes=3)
    figures = {
        "accuracy": accuracy(matrix),
        "balanced_accuracy": balanced_accuracy(matrix),
        "macro_f1": macro_f1(matrix),
        "nll": negative_log_likelihood(probabilities, labels),
    }
    for name, value in figures.items():
        assert intervals[name].low < value < intervals[name].high
    more = bootstrap_intervals(np.tile(probabilities, (9, 1)), np.tile(labels, 9))
    for name in figures:
        width, narrower = (each[name].high - each[name].low for each in (intervals, more))
        assert narrower == pytest.approx(width / 3, rel=0.25)


def test_an_interval_is_that_of_resampling_one_by_one(answers):
    probabilities, labels = answers
    rng = np.random.default_rng(3)
    values = []
    for _ in range(1000):
        chosen = rng.integers(0, len(labels), len(labels))
        values.append(expected_calibration_error(probabilities[chosen], labels[chosen]))
    expected = np.percentile(values, (2.5, 97.5))
    interval = bootstrap_intervals(probabilities, labels)["ece"]
    np.testing.assert_allclose([interval.low, interval.high], expected, atol=0.006)


def test_the_share_right_has_the_binomial_interval(answers):
    probabilities, labels = answers
    right = int((probabilities.argmax(axis=1) == labels).sum())
    expected = binomtest(right, len(labels)).proportion_ci(method="wilson")
    interval = bootstrap_intervals(probabilities, labels)["accuracy"]
    assert interval.low == pytest.approx(expected.low, abs=0.01)
    assert interval.high == pytest.approx(expected.high, abs=0.01)


@pytest.mark.parametrize(
    ("first", "second"), [(0, 0), (5, 5), (1, 9), (30, 12), (700, 620), (0, 3)]
)
def test_mcnemar_is_the_exact_binomial_test(first, second):
    right = [(True, False)] * first + [(False, True)] * second + [(True, True)] * 7
    a, b = (np.array(column) for column in zip(*right, strict=True))
    found = mcnemar(a, b)
    assert (found.only_first, found.only_second) == (first, second)
    differing = first + second
    expected = binomtest(first, differing).pvalue if differing else 1.0
    assert found.p_value == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("correct", "total"), [(0, 10), (5, 10), (10, 10), (37, 90)])
def test_a_shares_interval_is_wilsons(correct, total):
    expected = binomtest(correct, total).proportion_ci(method="wilson")
    found = wilson_interval(correct, total)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_a_share_of_nothing_can_be_anything():
    assert wilson_interval(0, 0) == Interval(0.0, 1.0)
