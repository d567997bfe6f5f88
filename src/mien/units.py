"""Expression units: what the parts of a face do, by the names of ARKit's blendshapes, and its pose.

A coefficient says how far one part of the face is moved, from 0 (at rest) to 1 (as far as faces
go). Left and right are the person's own, as in ARKit. Of ARKit's 52 coefficients `tongueOut` is
missing: the teacher that the networks learn from does not give it.

Action units are those of FACS (Ekman, Friesen and Hager, Facial Action Coding System, 2002). Which
coefficient shows which is read off FACS' descriptions and Apple's of each coefficient
(`ARFaceAnchor.BlendShapeLocation`); M. Ozel's "ARKit to FACS: Blendshape Cheat Sheet" compares the
two. `ACTION_UNITS` is the table.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from mien._frozen import FrozenDict
from mien.errors import InputError

__all__ = [
    "ACTION_UNITS",
    "MAX_POSE_DEG",
    "MAX_UNITS_ROLL_DEG",
    "MIN_UNITS_PX",
    "MIRRORED",
    "MIRRORED_POSE_SIGNS",
    "POSE_FIELDS",
    "UNITS",
    "UNIT_REMARKS",
    "ActionUnit",
    "HeadPose",
    "UnitValues",
    "action_units",
    "head_pose",
    "merged_sides",
    "mirrored_pose",
    "strongest_units",
]

MIN_UNITS_PX = 24.0
"""Units of faces whose box has a shorter side than this are not given: there is nothing to see."""

MAX_POSE_DEG = 60.0
"""Units and pose of faces that are turned farther, to a side, up or down, are not given: half of
such a face is hidden."""

MAX_UNITS_ROLL_DEG = 50.0
"""Units and pose of faces that are rotated farther in the image are not given: their landmarks are
placed as if they were nearer to upright, and units that follow from them look plausible and are
wrong (`docs/units.md` has how often)."""

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


_NEVER = "always near 0, since the networks' teacher never raises it"
_INNER_BROWS = "hardly tells sad and fearful faces from others on photos"

UNIT_REMARKS = {
    "browInnerUp": _INNER_BROWS,
    "cheekPuff": _NEVER,
    "cheekSquintLeft": _NEVER,
    "cheekSquintRight": _NEVER,
    "jawForward": _NEVER,
    "noseSneerLeft": _NEVER,
    "noseSneerRight": _NEVER,
}
"""What to know about some coefficients; `docs/units.md` and the model card have the numbers."""


def _other_side(name: str) -> str:
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


MIRRORED = tuple(UNITS.index(_other_side(name)) for name in UNITS)
"""For each coefficient the place of the one that it becomes in a mirrored image."""

POSE_FIELDS = ("yaw_deg", "pitch_deg", "roll_deg")
"""The angles in the order of a network's output `pose`, the fields of `HeadPose`."""

MIRRORED_POSE_SIGNS = (-1.0, 1.0, -1.0)
"""What each of these angles is multiplied by in a mirrored image."""


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
    return angles_deg * np.array(MIRRORED_POSE_SIGNS, angles_deg.dtype)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ActionUnit:
    """An action unit of FACS, and the coefficients that show it.

    Attributes:
        number: Its number in FACS.
        name: Its name in FACS.
        units: The coefficients; the value is their mean, which for two sides is that of both.
        match: `one-to-one` if the coefficients mean this action and no other; `shared` if they mean
            another one, too, from which it cannot be told; `derived` if it follows from several
            coefficients by a rule of its own.
        remark: What to know about it; may be empty.
    """

    number: int
    name: str
    units: tuple[str, ...]
    match: Literal["one-to-one", "shared", "derived"] = "one-to-one"
    remark: str = ""

    @property
    def label(self) -> str:
        """Its short name, such as `AU12`."""
        return f"AU{self.number}"


def _sides(name: str) -> tuple[str, str]:
    return f"{name}Left", f"{name}Right"


ACTION_UNITS = (
    ActionUnit(number=1, name="inner brow raiser", units=("browInnerUp",), remark=_INNER_BROWS),
    ActionUnit(number=2, name="outer brow raiser", units=_sides("browOuterUp")),
    ActionUnit(number=4, name="brow lowerer", units=_sides("browDown")),
    ActionUnit(number=5, name="upper lid raiser", units=_sides("eyeWide")),
    ActionUnit(
        number=7,
        name="lid tightener",
        units=_sides("eyeSquint"),
        match="shared",
        remark="also rises with AU6, which lifts the lower lid",
    ),
    ActionUnit(number=10, name="upper lip raiser", units=_sides("mouthUpperUp")),
    ActionUnit(number=12, name="lip corner puller", units=_sides("mouthSmile")),
    ActionUnit(number=14, name="dimpler", units=_sides("mouthDimple")),
    ActionUnit(number=15, name="lip corner depressor", units=_sides("mouthFrown")),
    ActionUnit(
        number=17,
        name="chin raiser",
        units=("mouthShrugLower",),
        match="shared",
        remark="any push of the lower lip upwards",
    ),
    ActionUnit(number=18, name="lip pucker", units=("mouthPucker",)),
    ActionUnit(number=20, name="lip stretcher", units=_sides("mouthStretch")),
    ActionUnit(
        number=23,
        name="lip tightener",
        units=_sides("mouthPress"),
        match="shared",
        remark="the same value as AU24",
    ),
    ActionUnit(
        number=24,
        name="lip pressor",
        units=_sides("mouthPress"),
        match="shared",
        remark="the same value as AU23",
    ),
    ActionUnit(
        number=25,
        name="lips part",
        units=(*_sides("mouthLowerDown"), *_sides("mouthUpperUp"), "jawOpen", "mouthClose"),
        match="derived",
        remark="the largest of mouthLowerDown, mouthUpperUp and jawOpen less mouthClose",
    ),
    ActionUnit(
        number=26,
        name="jaw drop",
        units=("jawOpen",),
        match="shared",
        remark="the same value as AU27: one coefficient for all openings of the jaw",
    ),
    ActionUnit(
        number=27,
        name="mouth stretch",
        units=("jawOpen",),
        match="shared",
        remark="the same value as AU26",
    ),
    ActionUnit(
        number=43,
        name="eyes closed",
        units=_sides("eyeBlink"),
        match="shared",
        remark="the same value as AU45: only their duration differs",
    ),
    ActionUnit(
        number=45,
        name="blink",
        units=_sides("eyeBlink"),
        match="shared",
        remark="the same value as AU43",
    ),
)
"""The action units that coefficients show, by number. AU6 (cheekSquint) and AU9 (noseSneer) are
missing: the teacher's values of these two are 0 for every face, so nothing could be learnt."""

_NO_TEACHER = "the networks' teacher never raises {}, so nothing could be learnt"
_MISSING = {
    "tongueOut": "the networks' teacher does not give this coefficient of ARKit",
    "AU6": _NO_TEACHER.format("cheekSquint"),
    "AU9": _NO_TEACHER.format("noseSneer"),
}


class UnitValues(FrozenDict[str, float]):
    """Coefficients or action units of a face by name, which cannot be changed.

    Raises:
        UnknownNameError: One is asked for that there is not; the message says why, and which
            there are.
    """

    def _advice(self, name: object) -> str:
        text, labels = str(name), [each.label for each in ACTION_UNITS]
        if sides := [side for side in _sides(text) if side in self]:
            return f"expected one side, {' or '.join(sides)}"
        if name in UNITS:
            return "is a coefficient; these stand in `units`"
        if name in labels:
            return "is an action unit; these stand in `action_units`"
        if text.startswith("AU") and text.removeprefix("AU").isdecimal():
            why = _MISSING.get(text, "`ACTION_UNITS` has no rule for it")
            return f"is missing: {why}. There are {', '.join(labels)}"
        if text in _MISSING:
            return f"is missing: {_MISSING[text]}. `mien.units.UNITS` has those that there are"
        return f"{super()._advice(name)}. `mien.units.UNITS` and `ACTION_UNITS` have all"


def action_units(units: Mapping[str, float]) -> dict[str, float]:
    """Return the action units of FACS that coefficients show, by `ACTION_UNITS`.

    Args:
        units: All coefficients of a face by name, 0 to 1.

    Returns:
        A value of 0 to 1 for each, by its short name (`AU12`). It is no intensity of FACS.

    Raises:
        InputError: A coefficient is missing.
    """
    if missing := [name for name in UNITS if name not in units]:
        raise InputError(
            f"units: expected all {len(UNITS)} coefficients of `UNITS`, {missing[0]} is missing"
        )
    return {
        each.label: _lips_part(units)
        if each.match == "derived"
        else sum(units[name] for name in each.units) / len(each.units)
        for each in ACTION_UNITS
    }


def _lips_part(units: Mapping[str, float]) -> float:
    lower, upper = (
        sum(units[side] for side in _sides(name)) / 2 for name in ("mouthLowerDown", "mouthUpperUp")
    )
    return max(lower, upper, units["jawOpen"] - units["mouthClose"])


_Value = TypeVar("_Value", float, NDArray[np.floating])


def merged_sides(units: Mapping[str, _Value], *, within: float | None = 0.1) -> dict[str, _Value]:
    """Return coefficients for people to read: two sides that are about the same are one.

    Args:
        units: All coefficients by name, numbers or arrays of one shape.
        within: Two sides that differ by no more become their mean, under the name without a side;
            None merges all, which arrays need.
    """
    merged: dict[str, _Value] = {}
    for name, value in units.items():
        part = name.removesuffix("Left").removesuffix("Right")
        left, right = _sides(part)
        if left not in units or part in _DIRECTIONS:
            merged[name] = value
        elif within is None or abs(units[left] - units[right]) <= within:
            merged[part] = (units[left] + units[right]) / 2
        else:
            merged[name] = value
    return merged


_DIRECTIONS = ("jaw", "mouth")
"""To the left and to the right are no two sides of these."""


def strongest_units(
    units: Mapping[str, float], most: int, *, least: float = 0.1
) -> dict[str, float]:
    """Return the coefficients that are most active, largest first.

    Directions of the eyes are left out: some of them are active in every face.

    Args:
        units: Coefficients by name.
        most: How many, at most.
        least: Smaller ones are left out.
    """
    shown = (
        (name, value)
        for name, value in units.items()
        if value >= least and not name.startswith("eyeLook")
    )
    return dict(sorted(shown, key=lambda each: -each[1])[:most])
