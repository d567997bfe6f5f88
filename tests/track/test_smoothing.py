import json
from pathlib import Path

import numpy as np
import pytest

from mien.options import SmoothingOptions
from mien.track import Smoother

VECTORS = Path(__file__).parents[1] / "parity" / "smoother.json"


def switching(per_second, *, at_s=2.0, seconds=4.0):
    """One person who changes from one expression to another at once."""
    first, second = np.full((2, 6), 0.04)
    first[1] = second[0] = 0.8
    for number in range(round(seconds * per_second)):
        time = number / per_second
        yield time, first if time < at_s else second


def change_s(per_second, **options):
    smoother = Smoother(SmoothingOptions(**options))
    for time, probabilities in switching(per_second):
        label = smoother.update(0, probabilities, time).label
        if label == 0:
            return time
    return None


def test_a_sudden_change_has_come_through_to_63_percent_after_the_time_constant():
    smoother = Smoother(SmoothingOptions(time_constant_s=0.4))
    a, b = np.array([0.9, 0.1]), np.array([0.1, 0.9])
    smoother.update(0, a, 0.0)
    for number in range(1, 41):
        smoothed = smoother.update(0, b, number / 100).probabilities
    start, end = np.log(9), -np.log(9)
    reached = np.log(smoothed[0] / smoothed[1])
    assert (start - reached) / (start - end) == pytest.approx(1 - np.exp(-1), abs=1e-9)


def test_videos_of_10_25_and_60_frames_a_second_change_together():
    times = [change_s(rate) for rate in (10, 25, 60)]
    assert max(times) - min(times) <= 0.2
    assert 2.1 < min(times) < 2.6


def test_without_smoothing_the_change_is_at_once():
    assert change_s(25, time_constant_s=0.0) == 2.0


def test_a_label_that_is_overtaken_by_little_stays():
    smoother = Smoother(SmoothingOptions(time_constant_s=0, margin=0.1))
    assert smoother.update(0, np.array([0.6, 0.4]), 0.0)[1] == 0
    assert smoother.update(0, np.array([0.46, 0.54]), 0.1)[1] == 0
    assert smoother.update(0, np.array([0.44, 0.56]), 0.2)[1] == 1
    assert smoother.update(0, np.array([0.54, 0.46]), 0.3)[1] == 1


def test_people_do_not_mix_and_one_who_was_away_starts_anew():
    smoother = Smoother()
    happy, sad = np.array([0.9, 0.1]), np.array([0.1, 0.9])
    for number in range(10):
        smoother.update(0, happy, number / 10)
        assert smoother.update(1, sad, number / 10)[1] == 1
    np.testing.assert_allclose(smoother.update(0, sad, 5.0)[0], sad)


def test_zero_probabilities_do_no_harm():
    smoother = Smoother()
    smoothed = smoother.update(0, np.array([1.0, 0.0]), 0.0).probabilities
    assert np.isfinite(smoothed).all()
    assert smoothed.sum() == pytest.approx(1)


def test_the_vectors_for_the_page_are_what_the_smoother_says():
    stored = json.loads(VECTORS.read_text())
    smoother = Smoother(SmoothingOptions(**stored["options"]))
    for step in stored["steps"]:
        smoothed, label, _ = smoother.update(
            step["track"], np.array(step["probabilities"]), step["timestamp_s"]
        )
        np.testing.assert_allclose(smoothed, step["smoothed"], atol=1e-9)
        assert label == step["label"]
    assert len({step["label"] for step in stored["steps"]}) > 1
