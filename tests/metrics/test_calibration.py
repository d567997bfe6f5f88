import dataclasses

import numpy as np
import pytest

from mien.emotions import FER2013_7, SIX, to_six
from mien.errors import InputError
from mien.metrics import CalibrationData, fit_six, fit_temperature, unsure_threshold

RNG = np.random.default_rng(0)


def simulated(sharpness, priors):
    """A head whose posterior is right under its training priors, made too sharp or too soft."""
    labels = RNG.integers(0, 7, 4000)
    likelihood = RNG.normal(0, 1, (4000, 7))
    likelihood[np.arange(4000), labels] += 1.5
    logits = 1.5 * likelihood + np.log(priors)
    return labels, (sharpness * logits).astype(np.float32)


def data(sharpness=1.0, priors=None):
    priors = np.full(7, 1 / 7) if priors is None else priors
    labels, logits = simulated(sharpness, priors)
    six = to_six(labels, FER2013_7)
    return CalibrationData(
        head_logits={"a": logits, "b": np.zeros((4000, 7), np.float32)},
        head_labels={"a": FER2013_7.name, "b": FER2013_7.name},
        head_priors={"a": priors, "b": np.full(7, 1 / 7)},
        six_labels={"x": six, "y": six},
        confident_in="x",
        leaning="a",
    )


def test_an_overconfident_head_gets_a_temperature_that_undoes_it():
    once, thrice = fit_six(data(1.0)), fit_six(data(3.0))
    # The useless head halves what it is averaged with, so only the ratio is known.
    share = {six.weights["a"] for six in (once, thrice)}
    assert len(share) == 1
    assert thrice.temperature / once.temperature == pytest.approx(3.0, rel=0.1)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0])
def test_a_head_gets_the_temperature_that_makes_it_right_as_often_as_it_says(sharpness):
    labels, logits = simulated(sharpness, np.full(7, 1 / 7))
    unknown = np.where(np.arange(len(labels)) % 3, labels, -1)
    assert fit_temperature(logits, unknown) == pytest.approx(sharpness, rel=0.1)
    assert fit_temperature(logits, np.full_like(labels, -1)) == 1.0


def test_a_head_that_saw_too_much_of_one_class_is_corrected():
    priors = np.full(7, 0.02)
    priors[FER2013_7.index("neutral")] = 0.88
    bias = fit_six(data(priors=priors)).bias
    assert min(bias) == bias[SIX.index("neutral")] < -1


def test_labels_that_only_one_head_knows_draw_the_weight_to_it():
    assert fit_six(dataclasses.replace(data(), leaning="b")).weights["a"] > 0


@pytest.mark.parametrize("leaning", ["a", "b"])
def test_of_heads_that_are_equally_good_the_named_one_gets_the_weight(leaning):
    one = data()
    twins = dict.fromkeys("ab", one.head_logits["a"])
    six = fit_six(dataclasses.replace(one, head_logits=twins, leaning=leaning))
    assert six.weights[leaning] == 1


@pytest.mark.parametrize(
    ("right", "accuracy", "threshold"),
    [
        ([1, 1, 1, 0], 0.75, 0.6),
        ([1, 1, 1, 0], 0.9, 0.7),
        ([0, 0, 0, 0], 0.9, 1.0),
        ([1, 0, 1, 1], 0.75, 0.6),
    ],
)
def test_the_threshold_is_the_lowest_that_reaches_the_accuracy(right, accuracy, threshold):
    top = np.array([0.9, 0.8, 0.7, 0.6])
    probabilities = np.stack((top, 1 - top), axis=1)
    labels = 1 - np.array(right)
    found = unsure_threshold(probabilities, labels, accuracy=accuracy)
    assert found == pytest.approx(threshold)


def test_a_label_system_without_labels_is_named():
    whole = data()
    empty = CalibrationData(
        head_logits=whole.head_logits,
        head_labels=whole.head_labels,
        head_priors=whole.head_priors,
        six_labels={"votes": np.full(4000, -1)},
        confident_in="votes",
        leaning="a",
    )
    with pytest.raises(InputError, match="no image has a label by votes"):
        fit_six(empty)
