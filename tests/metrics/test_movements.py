import numpy as np
import pytest

from mien.metrics import count_blinks, count_nods

RATE = 25


def eyes(closed_from_to, *, seconds=10, usual=0.1, closed=0.8):
    times = np.arange(seconds * RATE) / RATE
    values = np.full(len(times), usual)
    for start, end in closed_from_to:
        values[(times >= start) & (times < end)] = closed
    return times, values


def test_short_closures_are_blinks_and_long_ones_are_not():
    assert count_blinks(*eyes([(1, 1.2), (3, 3.12), (6, 6.4)])) == 3
    assert count_blinks(*eyes([(1, 1.2), (4, 6)])) == 1
    assert count_blinks(*eyes([])) == 0


def test_eyes_that_look_down_do_not_blink_all_the_time():
    assert count_blinks(*eyes([(2, 2.2)], usual=0.45, closed=0.9)) == 1
    assert count_blinks(*eyes([(2, 2.2)], usual=0.45, closed=0.55)) == 0


def test_a_blink_that_ends_in_a_gap_is_not_counted():
    times, values = eyes([(2, 2.2)])
    values[(times >= 2.1) & (times < 3)] = np.nan
    assert count_blinks(times, values) == 0


def test_a_head_that_goes_down_and_up_nods():
    times = np.arange(0, 10, 1 / RATE)
    still = np.random.default_rng(0).normal(0, 0.8, len(times))
    nods = np.where((times > 4) & (times < 6), -6 * np.sin(2 * np.pi * (times - 4)) ** 2, 0)
    assert count_nods(times, still) == 0
    assert count_nods(times, 1.5 * nods + still / 2) == 4
    slow = -15 * np.sin(np.pi * times / 10)
    assert count_nods(times, slow) == 0
    assert count_nods(times, 10 * (times > 5)) == 0  # it looks up, and stays there


@pytest.mark.parametrize("count", [count_blinks, count_nods])
def test_nothing_is_counted_where_frames_are_far_apart_or_nothing_is_known(count):
    times, values = eyes([(1, 1.2)])
    assert count(times[::5], values[::5]) is None
    assert count(times, np.full(len(times), np.nan)) is None
    assert count(times[:1], values[:1]) is None
