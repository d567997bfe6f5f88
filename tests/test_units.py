import dataclasses
import math

import numpy as np
import pytest

from mien.errors import InputError
from mien.units import (
    ACTION_UNITS,
    MIRRORED,
    UNITS,
    HeadPose,
    action_units,
    head_pose,
    merged_sides,
    mirrored_pose,
    strongest_units,
)


def rotation(yaw, pitch, roll):
    """The rotation of a head that turns up, then to the right of the image, then clockwise."""
    yaw, pitch, roll = map(math.radians, (yaw, pitch, roll))
    up = [[1, 0, 0], [0, math.cos(pitch), math.sin(pitch)], [0, -math.sin(pitch), math.cos(pitch)]]
    right = [[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]]
    clock = [[math.cos(roll), math.sin(roll), 0], [-math.sin(roll), math.cos(roll), 0], [0, 0, 1]]
    return np.array(clock) @ np.array(right) @ np.array(up)


def test_units_are_different_names_and_mirroring_twice_changes_nothing():
    assert len(set(UNITS)) == len(UNITS) == 51
    assert [MIRRORED[place] for place in MIRRORED] == list(range(51))
    assert UNITS[MIRRORED[UNITS.index("mouthSmileLeft")]] == "mouthSmileRight"
    assert UNITS[MIRRORED[UNITS.index("jawOpen")]] == "jawOpen"


def test_the_directions_of_the_angles_are_those_that_are_described():
    forward = rotation(30, 0, 0)[:, 2]
    assert forward[0] > 0.4  # to the right of the image
    assert rotation(0, 30, 0)[1, 2] > 0.4  # up
    assert rotation(0, 0, 30)[1, 0] < -0.4  # the head's left, at the right of the image, goes down


@pytest.mark.parametrize("angles", [(0, 0, 0), (25, -10, 5), (-50, 20, -30), (10, 35, 80)])
def test_a_rotation_gives_its_angles(angles):
    found = dataclasses.astuple(head_pose(rotation(*angles)))
    assert found == pytest.approx(angles, abs=1e-9)


def test_a_mirrored_head_has_the_mirrored_pose():
    mirror = np.diag([-1.0, 1.0, 1.0])
    matrix = rotation(20, 10, -15)
    found = head_pose(mirror @ matrix @ mirror)
    expected = HeadPose(yaw_deg=-20, pitch_deg=10, roll_deg=15)
    assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(expected))
    angles = np.array([20.0, 10.0, -15.0])
    np.testing.assert_allclose(mirrored_pose(angles), dataclasses.astuple(expected))


def test_action_units_follow_from_the_coefficients_by_the_table():
    units = dict.fromkeys(UNITS, 0.0) | {
        "mouthSmileLeft": 0.2,
        "mouthSmileRight": 0.6,
        "jawOpen": 0.9,
        "mouthClose": 0.2,
        "mouthLowerDownLeft": 0.5,
        "browInnerUp": 0.3,
    }
    found = action_units(units)
    assert found["AU12"] == pytest.approx(0.4)
    assert found["AU1"] == 0.3
    assert found["AU25"] == pytest.approx(
        0.7
    )  # the jaw is open and the lips are not closed over it
    assert found["AU26"] == found["AU27"] == 0.9
    assert found["AU4"] == 0.0


def test_the_table_of_action_units_names_real_coefficients_each_number_once():
    numbers = [each.number for each in ACTION_UNITS]
    assert numbers == sorted(set(numbers))
    assert {name for each in ACTION_UNITS for name in each.units} <= set(UNITS)
    # What cannot be told from another says from which.
    assert all(each.remark for each in ACTION_UNITS if each.match != "one-to-one")
    assert not {6, 9}.intersection(numbers)  # the teacher never raises their coefficients


def test_the_strongest_units_are_the_most_active_first_without_the_directions_of_the_eyes():
    units = {"jawOpen": 0.4, "eyeLookDownLeft": 0.9, "mouthPucker": 0.05, "browInnerUp": 0.6}
    assert list(strongest_units(units, 3)) == ["browInnerUp", "jawOpen"]
    assert list(strongest_units(units, 1)) == ["browInnerUp"]


def test_two_sides_that_are_about_the_same_are_read_as_one():
    units = dict.fromkeys(UNITS, 0.0) | {
        "mouthSmileLeft": 0.5,
        "mouthSmileRight": 0.55,
        "browDownLeft": 0.5,
        "browDownRight": 0.1,
    }
    merged = merged_sides(units)
    assert merged["mouthSmile"] == pytest.approx(0.525)
    assert (merged["browDownLeft"], merged["browDownRight"]) == (0.5, 0.1)
    assert {"jawLeft", "jawRight", "mouthLeft", "mouthRight"} <= set(merged)
    assert "mouthSmileLeft" not in merged


def test_action_units_need_every_coefficient():
    units = dict.fromkeys(UNITS, 0.0)
    del units["jawOpen"]
    with pytest.raises(InputError, match="all 51 coefficients of `UNITS`, jawOpen is missing"):
        action_units(units)
