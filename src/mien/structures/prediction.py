"""One face with the expression that it shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from mien._frozen import FrozenDict
from mien.columns import face_row
from mien.emotions import SIX
from mien.errors import FrameError

__all__ = [
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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What makes the expression of a face easy or hard to read.

    Attributes:
        size_px: Shorter side of the box in pixels of the frame.
        sharpness: Mean absolute Laplacian of the crop over its standard deviation, 0 and up;
            low for blurred faces.
        brightness: Mean luma of the crop, 0 (black) to 1 (white).
        yaw_proxy: How far the head is turned to a side, estimated from the landmarks: 0 frontal,
            towards -1 and 1 in profile; positive when the nose points to the right of the image.
        roll_deg: Rotation of the head in the image plane in degrees, positive clockwise, from -180
            to 180.
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
        source: The path or address as the caller gave it.
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

    @property
    def unsure_reason(self) -> str | None:
        """Why the prediction is unsure, in a word or two; None if it is not."""
        if not self.unsure:
            return None
        quality = self.quality
        reasons = (
            (quality.size_px < MIN_SIZE_PX, "small"),
            (quality.truncation > MAX_TRUNCATION, "cut off"),
            (abs(quality.yaw_proxy) > MAX_YAW_PROXY, "turned away"),
            (abs(quality.roll_deg) > MAX_ROLL_DEG, "tilted"),
            (quality.brightness < MIN_BRIGHTNESS, "dark"),
        )
        return next((reason for applies, reason in reasons if applies), "ambiguous")

    def to_row(self) -> dict[str, Any]:
        """Return the face as a nested row of `mien.columns`, which JSON can hold."""
        return face_row(self)
