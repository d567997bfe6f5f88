import dataclasses

import numpy as np
import pytest

from mien.emotions import FER2013_7, SIX, to_six
from mien.errors import InputError
from mien.metrics import (
    CalibrationData,
    LabelledOutputs,
    fit_six,
    fit_temperature,
    unsure_threshold,
)

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
    outputs = LabelledOutputs(
        head_logits={"a": logits, "b": np.zeros((4000, 7), np.float32)},
        labels=to_six(labels, FER2013_7),
    )
    return CalibrationData(
        home={"x": outputs, "y": outputs},
        head_labels={"a": FER2013_7.name, "b": FER2013_7.name},
        head_priors={"a": priors, "b": np.full(7, 1 / 7)},
        confident_in="x",
        leaning="a",
    )


def test_an_overconfident_head_gets_a_temperature_that_undoes_it():
    once, thrice = fit_six(data(1.0)).six, fit_six(data(3.0)).six
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
    bias = fit_six(data(priors=priors)).six.bias
    assert min(bias) == bias[SIX.index("neutral")] < -1


def test_labels_that_only_one_head_knows_draw_the_weight_to_it():
    assert fit_six(dataclasses.replace(data(), leaning="b")).six.weights["a"] > 0


@pytest.mark.parametrize("leaning", ["a", "b"])
def test_of_heads_that_are_equally_good_the_named_one_gets_the_weight(leaning):
    one = data()
    known = one.home["x"]
    twins = dict.fromkeys("ab", known.head_logits["a"])
    home = {"x": dataclasses.replace(known, head_logits=twins)}
    six = fit_six(dataclasses.replace(one, home=home, leaning=leaning)).six
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
    unknown = dataclasses.replace(whole.home["x"], labels=np.full(4000, -1))
    empty = dataclasses.replace(whole, home={"votes": unknown}, confident_in="votes")
    with pytest.raises(InputError, match="no image has a label by votes"):
        fit_six(empty)


def seen(labels, logits):
    return LabelledOutputs(head_logits={"a": logits, "b": np.zeros_like(logits)}, labels=labels)


def test_foreign_images_draw_the_priors_out_and_count_half_of_score_and_temperature():
    priors = np.full(7, 0.05)
    priors[FER2013_7.index("neutral")] = 0.7
    kinds = [simulated(1.0, priors) for _ in range(2)]
    labels = [to_six(each, FER2013_7) for each, _ in kinds]
    # At home most faces are neutral, as in training; elsewhere none of the six is rarer.
    common = np.where(RNG.random(4000) < 0.9, labels[0] == SIX.index("neutral"), True)
    home = seen(np.where(common, labels[0], -1), kinds[0][1])
    foreign = seen(labels[1], 3 * kinds[1][1])
    base = dataclasses.replace(data(priors=priors), home={"x": home}, confident_in="x")
    alone, both = fit_six(base), fit_six(dataclasses.replace(base, foreign={"actors": foreign}))
    assert both.six.temperature > alone.six.temperature
    means = []
    for each in (home, foreign):
        known = each.known()
        answers = both.six.probabilities(known.head_logits, base.head_labels).argmax(axis=1)
        classes = range(len(SIX))
        means.append(np.mean([(answers == c)[known.labels == c].mean() for c in classes]))
    assert both.score == pytest.approx(np.mean(means))


def test_a_foreign_set_without_labels_is_named():
    known = data().home["x"]
    foreign = {"actors": dataclasses.replace(known, labels=np.full(4000, -1))}
    with pytest.raises(InputError, match="actors: no image has one of the labels happy"):
        fit_six(dataclasses.replace(data(), foreign=foreign))
