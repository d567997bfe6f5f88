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
    share_interval,
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
    high, low = 2 * expected_calibration_error(probabilities, labels) - np.percentile(
        values, (2.5, 97.5)
    )
    interval = bootstrap_intervals(probabilities, labels)["ece"]
    np.testing.assert_allclose([interval.low, interval.high], [low, high], atol=0.006)


def test_the_interval_of_a_calibration_error_holds_the_estimate_and_0_where_there_is_none():
    """Resamples of sure answers that are right as often as they say err more than these do."""
    without = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        confidence = rng.uniform(0.5, 1, 750)
        labels = (rng.uniform(size=750) > confidence).astype(np.int64)
        probabilities = np.stack([confidence, 1 - confidence], axis=1)
        interval = bootstrap_intervals(probabilities, labels, resamples=250)["ece"]
        assert interval.low <= expected_calibration_error(probabilities, labels) <= interval.high
        without += interval.low < 0.005
    assert without >= 8


@pytest.mark.parametrize("correct", [True, False])
def test_all_right_and_all_wrong_are_not_certain(correct):
    labels = np.array([0, 1, 1])
    answered = np.eye(2)[labels if correct else 1 - labels]
    intervals = bootstrap_intervals(answered, labels)
    share = 3 if correct else 0
    assert intervals["accuracy"] == wilson_interval(share, 3)
    # Of classes of one image and of two the mean recall is as sure as of 8 / 3 images.
    low, high = (wilson_interval(n if correct else 0, n) for n in (2, 3))
    found = intervals["balanced_accuracy"]
    assert low.low <= found.low <= high.low or high.high <= found.high <= low.high
    assert found == intervals["macro_f1"]


def of_people(seed, people=20, images=30):
    """Return answers to two classes whose accuracy depends on the person, and who is shown."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), images)
    chance = rng.beta(2, 1, people)[who]  # of being right: 2/3 on average
    labels = rng.integers(0, 2, len(who))
    right = rng.uniform(size=len(who)) < chance
    return np.eye(2)[np.where(right, labels, 1 - labels)], labels, who


def test_intervals_of_people_hold_the_figure_of_all_people():
    held = {False: 0, True: 0}
    for seed in range(40):
        probabilities, labels, who = of_people(seed)
        for known in held:
            groups = who if known else None
            intervals = bootstrap_intervals(probabilities, labels, groups=groups, resamples=250)
            held[known] += intervals["accuracy"].low <= 2 / 3 <= intervals["accuracy"].high
    assert held[True] >= 35
    assert held[False] <= 28


def test_a_share_of_people_has_the_interval_of_their_accuracy():
    probabilities, labels, who = of_people(0)
    expected = bootstrap_intervals(probabilities, labels, groups=who)["accuracy"]
    assert share_interval(probabilities.argmax(axis=1) == labels, groups=who) == expected


def test_images_of_different_people_have_the_intervals_of_images(answers):
    probabilities, labels = answers
    numbers = np.arange(len(labels))
    assert bootstrap_intervals(probabilities, labels, groups=numbers) == bootstrap_intervals(
        probabilities, labels
    )


def test_of_one_person_nothing_is_told_of_others(answers):
    probabilities, labels = answers
    groups = np.zeros(len(labels), np.int64)
    assert bootstrap_intervals(probabilities, labels, groups=groups)["accuracy"] == Interval(0, 1)
    assert share_interval(np.ones(5, np.bool_), groups=groups[:5]) == Interval(0, 1)
    assert share_interval(np.ones(6, np.bool_), groups=np.arange(6) % 3) == wilson_interval(3, 3)


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


def test_mcnemar_of_many_images_is_quick():
    first = np.arange(20_000) < 9_800
    found = mcnemar(first, ~first)
    assert found.p_value == pytest.approx(binomtest(9_800, 20_000).pvalue, rel=1e-6)


def test_people_change_sides_as_a_whole():
    # The differences by person are 3, 2 and -1: of 8 signs, 4 give a sum of 4 or more from 0.
    first = np.array([1, 1, 1, 1, 1, 0], np.bool_)
    groups = np.array([0, 0, 0, 1, 1, 2])
    found = mcnemar(first, ~first, groups=groups)
    assert (found.only_first, found.only_second, found.p_value) == (5, 1, 0.5)
    alone = mcnemar(first, ~first, groups=np.arange(6))
    assert alone.p_value == pytest.approx(mcnemar(first, ~first).p_value)
    assert mcnemar(first, first, groups=groups).p_value == 1


@pytest.mark.parametrize(("correct", "total"), [(0, 10), (5, 10), (10, 10), (37, 90)])
def test_a_shares_interval_is_wilsons(correct, total):
    expected = binomtest(correct, total).proportion_ci(method="wilson")
    found = wilson_interval(correct, total)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_a_share_of_nothing_can_be_anything():
    assert wilson_interval(0, 0) == Interval(0.0, 1.0)
