import numpy as np
import pytest

from mien.track.scheduler import DetectionScheduler, detections_apart


@pytest.mark.parametrize(
    ("looking_ms", "following_ms", "interval_ms", "every"),
    [
        (20, 5, 33, 1),  # there is time for all
        (26.4, 5, 33, 1),
        (40, 5, 33, 2),  # (40 + 5) / 2 is within 26.4
        (60, 10, 33, 4),  # (60 + 3 * 10) / 4
        (60, 30, 33, 7),  # following alone is too slow: four detections a second
        (500, 5, 33, 7),
        (500, 5, 1000, 1),
        (2000, 5, 1000, 1),
    ],
)
def test_faces_are_looked_for_as_often_as_there_is_time(
    looking_ms, following_ms, interval_ms, every
):
    assert detections_apart(looking_ms / 1e3, following_ms / 1e3, interval_ms / 1e3) == every


def looked_in(pace, frames, *, looking_s):
    """Return the frames in which faces were looked for, of a camera of 30 a second."""
    looked = []
    for number in frames:
        looks = pace.looks(number, number / 30)
        pace.took(looking_s if looks else looking_s / 10, looked=looks)
        looked += [number] if looks else []
    return looked


def test_a_quick_machine_looks_in_every_frame():
    assert looked_in(DetectionScheduler(), range(30), looking_s=0.01) == list(range(30))


def test_a_slow_machine_looks_in_fewer():
    looked = looked_in(DetectionScheduler(), range(60), looking_s=0.06)
    # (60 + 2 * 6) / 3 milliseconds are within 0.8 of 33.
    assert set(np.diff(looked[-5:])) == {3}


def test_dropped_frames_count():
    looked = looked_in(DetectionScheduler(), range(0, 60, 3), looking_s=0.06)
    assert looked[-5:] == [45, 48, 51, 54, 57]


def test_what_was_asked_for_is_done():
    assert looked_in(DetectionScheduler(5), range(20), looking_s=0.001) == [0, 5, 10, 15]
