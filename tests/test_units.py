import dataclasses
import math

import numpy as np
import pytest

from mien.units import MIRRORED, UNITS, HeadPose, head_pose, mirrored_pose


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
