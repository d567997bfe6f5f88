import numpy as np
import pytest

from mien.structures import Faces
from mien.track import Tracker


def faces(*boxes):
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return Faces(
        boxes_xyxy=array,
        landmarks_xy=np.zeros((len(array), 5, 2), np.float32),
        detection_scores=np.ones(len(array), np.float32),
    )


def box(x, y=100.0, side=60.0):
    return (x, y, x + side, y + side)


def test_people_keep_their_numbers_whatever_the_order():
    tracker = Tracker()
    assert tracker.update(faces(box(0), box(200)), 0.0) == [0, 1]
    assert tracker.update(faces(box(205), box(4)), 0.1) == [1, 0]
    assert tracker.update(faces(box(8)), 0.2) == [0]
    assert tracker.update(faces(box(500), box(212)), 0.3) == [2, 1]
    assert tracker.update(faces(), 0.4) == []


@pytest.mark.parametrize(("away_s", "number"), [(0.9, 0), (1.1, 1)])
def test_a_person_away_for_less_than_a_second_comes_back_as_the_same(away_s, number):
    tracker = Tracker()
    tracker.update(faces(box(100)), 0.0)
    assert tracker.update(faces(box(104)), away_s) == [number]


@pytest.mark.parametrize("per_second", [10, 25, 60])
def test_two_people_who_cross_keep_their_numbers(per_second):
    tracker = Tracker()
    seen = []
    for number in range(2 * per_second):
        time = number / per_second
        left_to_right, right_to_left = box(150 * time), box(300 - 150 * time, y=110)
        seen.append(tracker.update(faces(left_to_right, right_to_left), time))
    assert all(numbers == [0, 1] for numbers in seen)


def test_a_crossing_with_one_face_hidden_keeps_the_numbers():
    tracker = Tracker()
    seen = []
    for number in range(50):
        time = number / 25
        a, b = box(150 * time), box(300 - 150 * time, y=110)
        hidden = abs(a[0] - b[0]) < 30
        seen.append(tracker.update(faces(a) if hidden else faces(a, b), time))
    assert seen[0] == seen[-1] == [0, 1]
    assert {number for numbers in seen for number in numbers} == {0, 1}


def test_another_face_elsewhere_or_of_another_size_is_another_person():
    tracker = Tracker()
    tracker.update(faces(box(0)), 0.0)
    assert tracker.update(faces(box(400)), 0.1) == [1]
    assert tracker.update(faces(box(380, 80, 200)), 0.2) == [2]
