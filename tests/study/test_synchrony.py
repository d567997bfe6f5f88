import dataclasses

import numpy as np
import pytest

from mien.study.synchrony import MIN_OVERLAP_S, synchrony_rows
from tests.study.series import series_of

RNG = np.random.default_rng(4)
COMMON = np.convolve(RNG.normal(size=660), np.ones(20) / 20, "same")


def smiling(values, times_s=None):
    times_s = np.arange(len(values)) / 10 if times_s is None else times_s
    series = series_of(times_s, ["happy"] * len(values))
    probabilities = series.probabilities.copy()
    probabilities[:, 0] = 0.5 + 0.4 * values / np.abs(values).max()
    return dataclasses.replace(series, probabilities=probabilities)


def happy_row(a, b):
    return next(row for row in synchrony_rows("a.mp4", {0: a, 4: b}) if row["emotion"] == "happy")


def test_who_follows_the_other_is_found_with_the_lag():
    row = happy_row(smiling(COMMON[20:620]), smiling(COMMON[12:612]))
    assert (row["person_a"], row["person_b"]) == (0, 4)
    assert row["overlap_s"] == pytest.approx(59.9, abs=0.2)
    assert row["peak_lag_s"] == pytest.approx(0.8)
    assert row["peak_r"] > 0.99 > row["r"]
    assert row["peak_r"] > row["chance_peak_r"] + 0.3


def test_two_who_have_nothing_in_common_are_no_more_alike_than_by_chance():
    other = np.convolve(RNG.normal(size=600), np.ones(20) / 20, "same")
    row = happy_row(smiling(COMMON[:600]), smiling(other))
    assert abs(row["r"]) < 0.4
    assert abs(row["peak_r"] - row["chance_peak_r"]) < 0.3
    assert row["chance_peak_r"] > 0


def test_only_the_time_in_which_both_are_visible_counts():
    away = np.concatenate([np.arange(200), np.arange(400, 600)]) / 10
    row = happy_row(smiling(COMMON[:600]), smiling(np.delete(COMMON[:600], slice(200, 400)), away))
    assert row["overlap_s"] == pytest.approx(40, abs=0.2)
    assert row["r"] > 0.99


def test_short_meetings_and_constant_faces_have_no_row():
    short = round(10 * MIN_OVERLAP_S) - 5
    assert not list(synchrony_rows("a", {0: smiling(COMMON[:short]), 1: smiling(COMMON[:short])}))
    constant = series_of(np.arange(300) / 10, ["happy"] * 300)
    assert not list(synchrony_rows("a", {0: constant, 1: smiling(COMMON[:300])}))


def test_a_lag_at_which_one_face_does_not_change_is_not_the_peak():
    early, late = np.zeros(150), np.zeros(150)
    early[:5] = late[120:125] = 1  # too far apart for any lag to bring them together
    row = happy_row(smiling(early), smiling(late))
    assert row["r"] == pytest.approx(-5 / 145, abs=1e-3)
    assert -0.1 < row["peak_r"] < 0
