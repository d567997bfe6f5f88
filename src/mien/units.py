"""Expression units: what the parts of a face do, by the names of ARKit's blendshapes, and its pose.

A coefficient says how far one part of the face is moved, from 0 (at rest) to 1 (as far as faces
go). Left and right are the person's own, as in ARKit. Of ARKit's 52 coefficients `tongueOut` is
missing: the teacher that the networks learn from does not give it.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["MIRRORED", "POSE_FIELDS", "UNITS", "HeadPose", "head_pose", "mirrored_pose"]

UNITS = (
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "eyeLookDownLeft",
    "eyeLookDownRight",
    "eyeLookInLeft",
    "eyeLookInRight",
    "eyeLookOutLeft",
    "eyeLookOutRight",
    "eyeLookUpLeft",
    "eyeLookUpRight",
    "eyeSquintLeft",
    "eyeSquintRight",
    "eyeWideLeft",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthFunnel",
    "mouthLeft",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "noseSneerLeft",
    "noseSneerRight",
)
"""The coefficients in the order of a network's output `units`."""


def _other_side(name: str) -> str:
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


MIRRORED = tuple(UNITS.index(_other_side(name)) for name in UNITS)
"""For each coefficient the place of the one that it becomes in a mirrored image."""

POSE_FIELDS = ("yaw_deg", "pitch_deg", "roll_deg")
"""The angles in the order of a network's output `pose`, the fields of `HeadPose`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HeadPose:
    """How a head is turned, in degrees; all are 0 for a face that looks into the camera upright.

    The head is turned by the pitch first, then by the yaw, then by the roll in the image.

    Attributes:
        yaw_deg: Above 0 the face looks to the right of the image, which is the person's left.
        pitch_deg: Above 0 the face looks up.
        roll_deg: Above 0 the face is rotated clockwise in the image.
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


def head_pose(rotation: NDArray[np.floating]) -> HeadPose:
    """Return the angles of a head's rotation.

    Args:
        rotation: `(3, 3)`, from the head to the camera, x to the right of the image, y up, z
            towards the camera. The three columns are the directions in which the head's own axes
            point: to its left, up, and forward.
    """
    matrix = np.asarray(rotation, np.float64)
    # matrix = Rz(-roll) Ry(yaw) Rx(-pitch)
    return HeadPose(
        yaw_deg=math.degrees(math.asin(float(np.clip(-matrix[2, 0], -1, 1)))),
        pitch_deg=-math.degrees(math.atan2(matrix[2, 1], matrix[2, 2])),
        roll_deg=-math.degrees(math.atan2(matrix[1, 0], matrix[0, 0])),
    )


def mirrored_pose(angles_deg: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the pose in the mirrored image, `(..., 3)` in the order of `POSE_FIELDS`."""
    return angles_deg * np.array([-1, 1, -1], angles_deg.dtype)
