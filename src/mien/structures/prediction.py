"""One face with the expression that it shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from mien._frozen import FrozenDict
from mien.columns import face_row
from mien.emotions import SIX
from mien.errors import FrameError
from mien.units import UNITS, HeadPose, action_units

__all__ = [
    "MAX_PITCH_DEG",
    "MAX_ROLL_DEG",
    "MAX_TRUNCATION",
    "MAX_YAW_PROXY",
    "MIN_BRIGHTNESS",
    "MIN_SIZE_PX",
    "FacePrediction",
    "Quality",
]

MIN_SIZE_PX, MIN_BRIGHTNESS = 32.0, 0.15
MAX_TRUNCATION, MAX_YAW_PROXY, MAX_ROLL_DEG = 0.15, 0.5, 30.0
"""Limits of `Quality`: what lies beyond one is named as the reason for an unsure prediction."""

MAX_PITCH_DEG = 30.0
"""The same for the pitch of a face that was analysed with units."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What makes the expression of a face easy or hard to read.

    Attributes:
        size_px: Shorter side of the box in pixels of the frame.
        sharpness: Mean absolute Laplacian of the crop over its standard deviation, 0 and up;
            low for blurred faces.
        brightness: Mean luma of the crop, 0 (black) to 1 (white).
        yaw_proxy: How far the head is turned to a side: 0 frontal, towards -1 and 1 in profile;
            positive when the nose points to the right of the image. Estimated from the landmarks;
            of a face that is analysed with units, the sine of the yaw that their network reads.
        roll_deg: Rotation of the head in the image plane in degrees, positive clockwise, from -180
            to 180; by the line of the eyes, with units by their network.
        truncation: Share of the box's area outside the frame, 0 to 1.
    """

    size_px: float
    sharpness: float
    brightness: float
    yaw_proxy: float
    roll_deg: float
    truncation: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FacePrediction:
    """One face of one frame with the expression that it shows.

    Attributes:
        source: The path as the caller gave it, or the address without user, password and keys.
        frame: The frame's number within the source, from 0.
        timestamp_s: Seconds from the start of the source; None for an image.
        face: The face's number within the frame, from 0, largest first.
        track: The person's number within one clip; None for an image.
        box_xyxy: Left, top, right and bottom in pixels of the frame.
        landmarks_xy: Five points in pixels of the frame.
        detection_score: How sure the detector is that this is a face, 0 to 1.
        found: `detected` if the face was searched for in the whole frame; `followed` if its place
            comes from the frames around it, or from a search near its last place.
        emotion: The label with the highest probability; in a video one that is overtaken by little
            stays.
        confidence: Its calibrated probability, 0 to 1.
        unsure: Whether the confidence is below the model's threshold.
        probabilities: The six labels with their probabilities, which sum to 1.
        uncorrected: The six labels with their probabilities before the person's baseline was taken
            off; None if none was.
        raw: The six labels with their probabilities in this frame alone, before smoothing and
            baseline; not part of rows; None where neither was applied.
        quality: What makes the face easy or hard to read.
        outputs: The calibrated probabilities of each labelled head of the network, by label, by
            the output's name in the model's spec. They are of this frame alone, not smoothed, and
            not part of rows; empty if they were not computed.
        embedding: The network's embedding of the expression, of unit length; not part of rows;
            empty if it was not computed.
        units: Expression units, `mien.units.UNITS` with their values of 0 to 1, smoothed over time
            in a video; None if they were not asked for, or are missing.
        pose: How the head is turned, smoothed alike; None where `units` is.
        units_missing: Why there are no units, though they were asked for: `small` for a face with a
            side below `mien.units.MIN_UNITS_PX`, `turned away` for one that is turned farther than
            `mien.units.MAX_POSE_DEG`, `rotated` for one that lies on its side or stands on its head
            in the image. None where there are, or where they were not asked for.
        raw_units: The units of this frame alone, before smoothing; not part of rows; None where
            they were not smoothed.
        raw_pose: The pose in this frame alone, by the same rule.
    """

    source: str
    frame: int
    timestamp_s: float | None
    face: int
    track: int | None
    box_xyxy: tuple[float, float, float, float]
    landmarks_xy: tuple[tuple[float, float], ...]
    detection_score: float
    emotion: str
    confidence: float
    unsure: bool
    probabilities: Mapping[str, float]
    quality: Quality
    outputs: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    embedding: tuple[float, ...] = ()
    uncorrected: Mapping[str, float] | None = None
    raw: Mapping[str, float] | None = None
    found: str = "detected"
    units: Mapping[str, float] | None = None
    pose: HeadPose | None = None
    units_missing: str | None = None
    raw_units: Mapping[str, float] | None = None
    raw_pose: HeadPose | None = None

    def __post_init__(self) -> None:
        for name in ("probabilities", "uncorrected", "raw"):
            shares = getattr(self, name)
            if name != "probabilities" and shares is None:
                continue
            if tuple(shares) != SIX.labels:
                found = tuple(shares)
                raise FrameError(f"{name}: expected the labels {SIX.labels}, found {found}")
            object.__setattr__(self, name, FrozenDict(shares))
        outputs = {name: FrozenDict(shares) for name, shares in self.outputs.items()}
        object.__setattr__(self, "outputs", FrozenDict(outputs))
        for name in ("units", "raw_units"):
            values = getattr(self, name)
            if values is None:
                continue
            if tuple(values) != UNITS:
                raise FrameError(f"{name}: expected mien.units.UNITS, found {tuple(values)}")
            object.__setattr__(self, name, FrozenDict(values))

    @property
    def action_units(self) -> Mapping[str, float] | None:
        """FACS' action units by short name (`AU12`), by `mien.units.ACTION_UNITS`; None without.

        They follow from `units` and are no intensities of FACS: no person has coded them.
        """
        return None if self.units is None else FrozenDict(action_units(self.units))

    @property
    def unsure_reason(self) -> str | None:
        """Why the prediction is unsure, in a word or two; None if it is not."""
        if not self.unsure:
            return None
        quality = self.quality
        reasons = (
            (quality.size_px < MIN_SIZE_PX, "small"),
            (quality.truncation > MAX_TRUNCATION, "cut off"),
            (abs(quality.yaw_proxy) > MAX_YAW_PROXY or self._is_pitched, "turned away"),
            (abs(quality.roll_deg) > MAX_ROLL_DEG, "tilted"),
            (quality.brightness < MIN_BRIGHTNESS, "dark"),
        )
        return next((reason for applies, reason in reasons if applies), "ambiguous")

    @property
    def _is_pitched(self) -> bool:
        """Whether the face looks far up or down, which only its units say."""
        if self.pose is None:
            return self.units_missing == "turned away"
        return abs(self.pose.pitch_deg) > MAX_PITCH_DEG

    def to_row(self) -> dict[str, Any]:
        """Return the face as a nested row of `mien.columns`, which JSON can hold."""
        return face_row(self)
