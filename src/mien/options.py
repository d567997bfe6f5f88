"""How faces, videos and runs are analysed: the options that Python, command line and API share.

Every default stands here once.
"""

from __future__ import annotations

import dataclasses
import math

from mien.errors import InputError

__all__ = ["FaceOptions", "SmoothingOptions", "VideoOptions"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FaceOptions:
    """Which faces count, and which answers are sure.

    Attributes:
        min_face_px: Faces whose shorter side is below this many pixels are left out.
        min_score: Faces with a detection score below are left out, 0 to 1; None keeps all that the
            detector finds. The detector's own threshold always holds.
        unsure_below: Answers with a confidence below are marked unsure, 0 to 1; None takes the
            model's own threshold.

    Raises:
        InputError: A number is out of its range.
    """

    min_face_px: int = 24
    min_score: float | None = None
    unsure_below: float | None = None

    def __post_init__(self) -> None:
        if not self.min_face_px >= 1:
            raise InputError(f"min_face_px: expected 1 or more, found {self.min_face_px}")
        for name in ("min_score", "unsure_below"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise InputError(f"{name}: expected 0 to 1, found {value}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SmoothingOptions:
    """How much the probabilities of a track are smoothed over time.

    Attributes:
        time_constant_s: After this many seconds a sudden change has come through to 63 %; 0 turns
            smoothing off.
        margin: By how much another label has to be more probable before it is shown.
        forget_s: A track that was away for longer starts anew.

    Raises:
        InputError: A number is negative or not finite.
    """

    time_constant_s: float = 0.4
    margin: float = 0.08
    forget_s: float = 1.0

    def __post_init__(self) -> None:
        for name in ("time_constant_s", "margin", "forget_s"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise InputError(f"{name}: expected 0 or more, found {value}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VideoOptions:
    """How a video, a camera or a stream is analysed.

    Attributes:
        detect_every: Frames from one detection to the next; None takes about eight detections a
            second in a video, and as many as time allows in a camera or stream.
        max_fps: Analyse at most so many frames a second; None analyses every frame.
        smoothing: How much the probabilities are smoothed over time.
        max_gap_s: A person who was not detected for longer gets a new track number; where
            detections are far apart, after two and a half of their intervals.

    Raises:
        InputError: A number is out of its range.
    """

    detect_every: int | None = None
    max_fps: float | None = None
    smoothing: SmoothingOptions = dataclasses.field(default_factory=SmoothingOptions)
    max_gap_s: float = 1.0

    def __post_init__(self) -> None:
        if self.detect_every is not None and not self.detect_every >= 1:
            raise InputError(f"detect_every: expected 1 or more, found {self.detect_every}")
        if self.max_fps is not None and not 0 < self.max_fps < math.inf:
            raise InputError(f"max_fps: expected more than 0, found {self.max_fps}")
        if not 0 <= self.max_gap_s < math.inf:
            raise InputError(f"max_gap_s: expected 0 or more, found {self.max_gap_s}")
