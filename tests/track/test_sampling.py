import numpy as np
import pytest

from mien.structures import Faces
from mien.track import SamplingInterval, Tracker

FACE = Faces(
    boxes_xyxy=np.array([[100, 100, 180, 180]], np.float32),
    landmarks_xy=np.zeros((1, 5, 2), np.float32),
    detection_scores=np.ones(1, np.float32),
)


@pytest.mark.parametrize("least_s", [0.0, 0.2])
def test_the_interval_is_the_longer_of_the_last_two_steps(least_s):
    interval = SamplingInterval(least_s)
    found = [interval.update(time_s) for time_s in (0.0, 0.1, 3.1, 3.2, 3.3, 3.3)]
    short = max(least_s, 0.1)
    assert found == pytest.approx([least_s, short, 3.0, 3.0, short, short])


def test_the_interval_goes_on_from_its_document():
    interval, again = SamplingInterval(), SamplingInterval()
    for time_s in (0.0, 1.3):
        interval.update(time_s)
    again.restore(interval.to_document())
    assert again.update(1.4) == interval.update(1.4) == 1.3


@pytest.mark.parametrize("steps", [(3.0, 0.1), (0.1, 3.0), (3.0, 3.0), (0.1, 0.1)])
def test_who_is_missed_once_stays_however_uneven_the_steps_are(steps):
    tracker, interval = Tracker(), SamplingInterval()
    times = np.cumsum([0.0, 0.1, *steps]).tolist()
    numbers = []
    for time_s, faces in zip(times, (FACE, FACE, Faces.none(), FACE), strict=True):
        tracker.sampling_interval_s = interval.update(time_s)
        numbers.append(tracker.update(faces, time_s))
    assert numbers == [[0], [0], [], [0]]


def test_who_is_away_where_frames_are_dense_is_new_whatever_came_before():
    tracker, interval = Tracker(), SamplingInterval()
    numbers = set()
    for number in range(30):
        time_s = 3.0 * min(number, 4) + 0.1 * max(0, number - 4)
        tracker.sampling_interval_s = interval.update(time_s)
        faces = Faces.none() if 8 <= number < 20 else FACE
        numbers.update(tracker.update(faces, time_s))
    assert numbers == {0, 1}
