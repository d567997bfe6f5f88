import numpy as np
import pytest

from mien.track.scheduler import DetectionScheduler, detection_interval


@pytest.mark.parametrize(
    ("detection_ms", "redetection_ms", "interval_ms", "every"),
    [
        (20, 5, 33, 1),  # there is time for all
        (26.4, 5, 33, 1),
        (40, 5, 33, 2),  # (40 + 5) / 2 is within 26.4
        (60, 10, 33, 4),  # (60 + 3 * 10) / 4
        (60, 30, 33, 7),  # redetection alone is too slow: four detections a second
        (500, 5, 33, 7),
        (500, 5, 1000, 1),
        (2000, 5, 1000, 1),
    ],
)
def test_faces_are_detected_as_often_as_there_is_time(
    detection_ms, redetection_ms, interval_ms, every
):
    assert detection_interval(detection_ms / 1e3, redetection_ms / 1e3, interval_ms / 1e3) == every


def detected_in(scheduler, frames, *, detection_s):
    """Return the frames in which faces were detected, of a camera of 30 a second."""
    detected = []
    for number in frames:
        detect = scheduler.should_detect(number, number / 30)
        scheduler.record_duration(detection_s if detect else detection_s / 10, detected=detect)
        detected += [number] if detect else []
    return detected


def test_a_quick_machine_detects_in_every_frame():
    assert detected_in(DetectionScheduler(), range(30), detection_s=0.01) == list(range(30))


def test_a_slow_machine_detects_in_fewer():
    detected = detected_in(DetectionScheduler(), range(60), detection_s=0.06)
    # (60 + 2 * 6) / 3 milliseconds are within 0.8 of 33.
    assert set(np.diff(detected[-5:])) == {3}


def test_dropped_frames_count():
    detected = detected_in(DetectionScheduler(), range(0, 60, 3), detection_s=0.06)
    assert detected[-5:] == [45, 48, 51, 54, 57]


def test_what_was_asked_for_is_done():
    assert detected_in(DetectionScheduler(5), range(20), detection_s=0.001) == [0, 5, 10, 15]
