"""A person's baseline is taken off, and what somebody expresses throughout stays."""

import json
from pathlib import Path

import numpy as np
import pytest

from mien.emotions import SIX
from mien.metrics import fit_baseline
from mien.options import BaselineOptions
from mien.spec import BaselineSpec, centred_logs
from mien.track import Baselines, Smoother, corrected, mean_offset, neutral_offset
from mien.track.baseline import MAX_STEP_S, NEUTRAL_WEIGHT, OBSERVATION_S, PRIOR

VECTORS = Path(__file__).parents[1] / "parity" / "baseline.json"
NEUTRAL, SAD = SIX.index("neutral"), SIX.index("sad")
SPREAD = 0.9


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def faces(labels, *, seed, offset=0.0):
    """Answers to faces of labels; neutral is less sure than the others, as in real networks."""
    random = np.random.default_rng(seed)
    scores = np.where(np.eye(6)[labels] > 0, 3.5, 0.0)
    scores[labels == NEUTRAL, NEUTRAL] = 2.0
    scores[labels == NEUTRAL, SAD] = 1.0
    return softmax(scores + random.normal(0, SPREAD, scores.shape) + offset)


LABELS = np.repeat(np.arange(6), 500)
VALIDATION = faces(LABELS, seed=0)
SPEC = fit_baseline(VALIDATION, LABELS)
OFFSET = np.array([0.4, -1.2, 1.4, -0.8, 0.6, -0.4])
"""That of somebody who looks sadder, and less neutral and angry, than others."""


def track(probabilities, baselines, *, per_second=2):
    """The shown probabilities of a track with one face at a time."""
    return np.stack(
        [
            corrected(each, baselines.update(0, each, number / per_second))
            for number, each in enumerate(probabilities)
        ]
    )


def balanced(labels, probabilities):
    right = probabilities.argmax(axis=1) == labels
    return np.mean([right[labels == label].mean() for label in np.unique(labels)])


@pytest.mark.parametrize("label", range(6), ids=SIX.labels)
def test_who_shows_one_expression_throughout_keeps_it(label):
    labels = np.full(300, label)
    answers = faces(labels, seed=1)
    shown = track(answers, Baselines(SPEC, BaselineOptions()))
    assert balanced(labels, shown) >= balanced(labels, answers) - 0.02


@pytest.mark.parametrize("label", range(6), ids=SIX.labels)
def test_one_face_that_never_moves_keeps_its_label(label):
    face = np.where(np.eye(6)[label] > 0, 0.6, 0.08)
    shown = track(np.tile(face, (600, 1)), Baselines(SPEC, BaselineOptions()))
    assert (shown.argmax(axis=1) == label).all()


@pytest.mark.parametrize(("share", "gain"), [(0.5, 0.04), (0.8, 0.02), (0.95, 0.005)])
def test_a_person_with_another_resting_face_is_read_better(share, gain):
    random = np.random.default_rng(2)
    labels = np.where(random.random(2000) < share, NEUTRAL, random.integers(0, 6, 2000))
    answers = faces(labels, seed=3, offset=OFFSET)
    shown = track(answers, Baselines(SPEC, BaselineOptions()))
    assert balanced(labels, shown) >= balanced(labels, answers) + gain


def test_an_average_person_loses_nothing():
    labels = np.random.default_rng(4).integers(0, 6, 2000)
    answers = faces(labels, seed=5)
    shown = track(answers, Baselines(SPEC, BaselineOptions()))
    assert balanced(labels, shown) >= balanced(labels, answers) - 0.005


def test_the_mean_residual_of_every_label_is_0():
    for label in range(6):
        np.testing.assert_allclose(
            SPEC.residual(VALIDATION[label == LABELS]).mean(axis=0), 0, atol=1e-9
        )
    np.testing.assert_allclose(
        SPEC.neutral, centred_logs(VALIDATION[LABELS == NEUTRAL]).mean(axis=0)
    )


def test_the_offset_shrinks_by_the_prior_and_grows_with_time():
    face = faces(np.array([SAD]), seed=6)[0]
    residual = SPEC.residual(face)
    baselines = Baselines(SPEC, BaselineOptions())
    np.testing.assert_allclose(baselines.update(0, face, 0.0), 0)
    for seconds in (0.5, 1.0, 1.5, 2.0):
        offset = baselines.update(0, face, seconds)
        weight = seconds / OBSERVATION_S
        np.testing.assert_allclose(offset, residual * weight / (weight + PRIOR))


def test_time_counts_and_not_frames_and_a_pause_counts_little():
    face = faces(np.array([SAD]), seed=7)[0]
    slow, fast = Baselines(SPEC, BaselineOptions()), Baselines(SPEC, BaselineOptions())
    for number in range(11):
        last = slow.update(0, face, number / 5)
    for number in range(121):
        often = fast.update(0, face, number / 60)
    np.testing.assert_allclose(often, last)
    weight = (2 + MAX_STEP_S) / OBSERVATION_S
    residual = SPEC.residual(face)
    np.testing.assert_allclose(slow.update(0, face, 99.0), residual * weight / (weight + PRIOR))


def test_no_frame_knows_those_after_it():
    answers = faces(np.arange(40) % 6, seed=8)
    whole = track(answers, Baselines(SPEC, BaselineOptions()))
    part = track(answers[:20], Baselines(SPEC, BaselineOptions()))
    np.testing.assert_array_equal(whole[:20], part)


def test_people_have_a_baseline_each_and_one_person_keeps_it_in_every_track():
    face, other = faces(np.array([SAD, 0]), seed=9)
    apart, one = (
        Baselines(SPEC, BaselineOptions(people=people)) for people in ("tracks", "one-person")
    )
    for baselines in (apart, one):
        for seconds in range(5):
            baselines.update(0, face, seconds)
        baselines.forget_before(60.0)
    assert not apart.update(3, other, 60.0).any()
    assert one.update(3, other, 60.0).any()


def test_a_known_neutral_face_holds_for_the_person_and_is_not_estimated_away():
    face, other = faces(np.array([SAD, 0]), seed=10)
    baselines = Baselines(SPEC)
    assert not baselines.update(0, face, 0.0).any()
    baselines.set_neutral(0, face, 0.0)
    expected = neutral_offset(face, SPEC)
    share = NEUTRAL_WEIGHT / (NEUTRAL_WEIGHT + PRIOR)
    np.testing.assert_allclose(expected, share * SPEC.neutral_residual(face))
    for seconds in (1.0, 2.0):
        np.testing.assert_array_equal(baselines.update(0, other, seconds), expected)
        assert not baselines.update(1, other, seconds).any()
    sadly = np.array([0.05, 0.35, 0.45, 0.05, 0.05, 0.05])
    assert corrected(sadly, neutral_offset(sadly, SPEC)).argmax() == NEUTRAL
    given = BaselineOptions(people="one-person", neutral=tuple(map(float, face)))
    np.testing.assert_array_equal(Baselines(SPEC, given).update(7, other, 3.0), expected)


def test_a_restored_state_goes_on_to_the_last_bit():
    answers = faces(np.arange(20) % 6, seed=11)
    whole, first, second = (Baselines(SPEC, BaselineOptions()) for _ in range(3))
    for number, each in enumerate(answers):
        expected = whole.update(number % 2, each, number / 4)
        if number < 10:
            first.update(number % 2, each, number / 4)
        else:
            if number == 10:
                second.restore(first.to_document())
            np.testing.assert_array_equal(second.update(number % 2, each, number / 4), expected)


def test_images_of_one_person_count_alike_in_any_order():
    answers = faces(np.arange(12) % 6, seed=12, offset=OFFSET)
    offset = mean_offset(answers, SPEC)
    np.testing.assert_allclose(offset, SPEC.residual(answers).sum(axis=0) / (12 + PRIOR))
    np.testing.assert_allclose(mean_offset(answers[::-1], SPEC), offset)
    assert not mean_offset(np.zeros((0, 6)), SPEC).any()


def test_no_centres_are_fitted_where_a_label_has_no_face_or_labels_look_alike():
    assert fit_baseline(VALIDATION[LABELS > 0], LABELS[LABELS > 0]) is None
    assert fit_baseline(np.full((60, 6), 1 / 6), np.arange(60) % 6) is None


def test_the_vectors_for_the_page_are_what_python_says():
    stored = json.loads(VECTORS.read_text())
    centres = tuple(map(tuple, stored["spec"]["centres"]))
    spec = BaselineSpec(centres=centres, neutral=tuple(stored["spec"]["neutral"]))
    baselines, smoother = Baselines(spec, BaselineOptions()), Smoother()
    for step in stored["steps"]:
        given = step["track"], np.array(step["probabilities"]), step["timestamp_s"]
        offset = baselines.update(*given)
        shown = smoother.update(*given, offset=offset)
        if step["neutral"]:
            baselines.set_neutral(step["track"], shown.uncorrected, step["timestamp_s"])
        baselines.forget_before(step["timestamp_s"])
        np.testing.assert_allclose(offset, step["offset"], atol=1e-9)
        np.testing.assert_allclose(shown.uncorrected, step["uncorrected"], atol=1e-9)
        np.testing.assert_allclose(shown.probabilities, step["corrected"], atol=1e-9)
        assert shown.label == step["label"]
    assert len({step["label"] for step in stored["steps"]}) > 3
