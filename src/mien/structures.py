"""The values that travel between the parts: frozen, checked, the same names everywhere.

Boxes are `xyxy` in pixels of the original frame after its EXIF rotation; the pixel in column 0 of
row 0 covers 0 to 1 both ways. Landmarks are the person's right eye, left eye, nose, right and left
mouth corner.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien._frozen import FrozenDict
from mien.emotions import SIX
from mien.errors import FrameError

__all__ = [
    "Face",
    "FacePrediction",
    "Faces",
    "Frame",
    "FrameRGB",
    "FrameResult",
    "Quality",
    "check_frame_rgb",
]

SMALL_PX, MUCH_CUT, MUCH_TURNED, MUCH_TILTED_DEG, DARK = 32.0, 0.15, 0.5, 30.0, 0.15
"""From where on a quality is named as the reason for an unsure answer; see `Quality`."""

FrameRGB = NDArray[np.uint8]
"""One decoded frame, `(H, W, 3)` uint8, RGB, top row first."""


def check_frame_rgb(frame_rgb: object) -> FrameRGB:
    """Return `frame_rgb` if it is one.

    Raises:
        FrameError: It is no `(H, W, 3)` uint8 array with pixels; the message says what it is.
    """
    if not isinstance(frame_rgb, np.ndarray):
        raise FrameError(
            "frame_rgb: expected a numpy array (H, W, 3) of uint8, "
            f"found {type(frame_rgb).__name__}"
        )
    if frame_rgb.ndim != 3 or frame_rgb.shape[2] != 3 or frame_rgb.dtype != np.uint8:
        raise FrameError(
            f"frame_rgb: expected (H, W, 3) of uint8, found {frame_rgb.shape} of {frame_rgb.dtype}"
            f"{_how_to_convert(frame_rgb)}"
        )
    if frame_rgb.size == 0:
        raise FrameError(f"frame_rgb: it has no pixels, its shape is {frame_rgb.shape}")
    return frame_rgb


def _how_to_convert(pixels: NDArray[np.generic]) -> str:
    """Return what makes a frame of the usual other forms."""
    if pixels.dtype != np.uint8:
        return ". Bring it to whole numbers of 0 to 255: .astype(np.uint8)"
    if pixels.ndim == 2 or pixels.shape[2:] == (1,):
        return ". Repeat a grey image: np.dstack([grey] * 3)"
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        return ". Leave out the transparency: [..., :3]"
    return ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One decoded frame and where it comes from.

    Attributes:
        frame_rgb: `(H, W, 3)` uint8, RGB, already turned upright by its EXIF rotation.
        source: The path or address as the caller gave it.
        frame: Its number within the source, from 0.
        timestamp_s: Seconds from the start of the source; None for a single image.
        notes: What a reader should know, for example that only the first of several was read.
    """

    frame_rgb: FrameRGB
    source: str
    frame: int = 0
    timestamp_s: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_frame_rgb(self.frame_rgb)

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.frame_rgb.shape[0])

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.frame_rgb.shape[1])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Face:
    """One detected face.

    Attributes:
        box_xyxy: `(4,)` float32, pixels of the frame.
        landmarks_xy: `(5, 2)` float32, pixels of the frame.
        detection_score: 0 to 1.
    """

    box_xyxy: NDArray[np.float32]
    landmarks_xy: NDArray[np.float32]
    detection_score: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Faces:
    """The faces of one frame as parallel arrays of length F; F is 0 when there is none.

    Attributes:
        boxes_xyxy: `(F, 4)` float32, pixels of the frame.
        landmarks_xy: `(F, 5, 2)` float32, pixels of the frame.
        detection_scores: `(F,)` float32, 0 to 1.
    """

    boxes_xyxy: NDArray[np.float32]
    landmarks_xy: NDArray[np.float32]
    detection_scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        count = len(self.detection_scores)
        expected = {
            "boxes_xyxy": (count, 4),
            "landmarks_xy": (count, 5, 2),
            "detection_scores": (count,),
        }
        for name, shape in expected.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != np.float32:
                raise FrameError(
                    f"{name}: expected {shape} of float32, found {array.shape} of {array.dtype}"
                )

    @classmethod
    def none(cls) -> Faces:
        """Return the faces of a frame without one."""
        return cls(
            boxes_xyxy=np.zeros((0, 4), np.float32),
            landmarks_xy=np.zeros((0, 5, 2), np.float32),
            detection_scores=np.zeros(0, np.float32),
        )

    def __len__(self) -> int:
        return len(self.detection_scores)

    def __getitem__(self, index: int) -> Face:
        return Face(
            box_xyxy=self.boxes_xyxy[index],
            landmarks_xy=self.landmarks_xy[index],
            detection_score=float(self.detection_scores[index]),
        )

    def __iter__(self) -> Iterator[Face]:
        return (self[index] for index in range(len(self)))

    def select(self, index: NDArray[Any]) -> Faces:
        """Return the faces that a numpy index (numbers or a mask) picks, in its order."""
        return Faces(
            boxes_xyxy=self.boxes_xyxy[index],
            landmarks_xy=self.landmarks_xy[index],
            detection_scores=self.detection_scores[index],
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What about a face makes its expression easy or hard to read.

    Attributes:
        size_px: Shorter side of the box in pixels of the frame.
        sharpness: Mean absolute Laplacian of the crop over its standard deviation, 0 and up;
            blurred faces lie low.
        brightness: Mean luma of the crop, 0 (black) to 1 (white).
        turn: Head turn from the landmarks: 0 frontal, towards -1 and 1 in profile; positive when
            the nose points to the right of the image.
        tilt_deg: Head tilt in the image plane in degrees, positive clockwise, from -180 to 180.
        cut: Share of the box's area outside the frame, 0 to 1.
    """

    size_px: float
    sharpness: float
    brightness: float
    turn: float
    tilt_deg: float
    cut: float


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
        emotion: The label with the highest probability; in a video one that is overtaken by little
            stays.
        confidence: Its calibrated probability, 0 to 1.
        unsure: Whether the confidence is below the model's threshold.
        probabilities: The six labels with their probabilities, which sum to 1.
        quality: What makes the face easy or hard to read.
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

    def __post_init__(self) -> None:
        if tuple(self.probabilities) != SIX.labels:
            found = tuple(self.probabilities)
            raise FrameError(f"probabilities: expected the labels {SIX.labels}, found {found}")
        object.__setattr__(self, "probabilities", FrozenDict(self.probabilities))

    @property
    def unsure_reason(self) -> str | None:
        """What makes the face hard to read if the answer is unsure, in a word or two."""
        if not self.unsure:
            return None
        quality = self.quality
        reasons = (
            (quality.size_px < SMALL_PX, "small"),
            (quality.cut > MUCH_CUT, "cut off"),
            (abs(quality.turn) > MUCH_TURNED, "turned away"),
            (abs(quality.tilt_deg) > MUCH_TILTED_DEG, "tilted"),
            (quality.brightness < DARK, "dark"),
        )
        return next((reason for true, reason in reasons if true), "ambiguous")

    def to_row(self) -> dict[str, Any]:
        """Return the result contract's row: plain values that JSON can hold, in contract order."""
        return {
            "source": self.source,
            "frame": self.frame,
            "timestamp_s": self.timestamp_s,
            "face": self.face,
            "track": self.track,
            "box_xyxy": list(self.box_xyxy),
            "detection_score": self.detection_score,
            "emotion": self.emotion,
            "confidence": self.confidence,
            "unsure": self.unsure,
            "probabilities": dict(self.probabilities),
            "quality": dataclasses.asdict(self.quality),
        }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FrameResult:
    """What was found in one frame.

    Attributes:
        source: The path or address as the caller gave it.
        frame: The frame's number within the source, from 0.
        timestamp_s: Seconds from the start of the source; None for an image.
        width: Width of the frame in pixels; 0 if it could not be read.
        height: Height of the frame in pixels; 0 if it could not be read.
        faces: One prediction per face, largest first; empty when there is none.
        notes: What a reader should know about how the frame was read.
        error: Why the frame could not be read, or None.
    """

    source: str
    frame: int = 0
    timestamp_s: float | None = None
    width: int = 0
    height: int = 0
    faces: tuple[FacePrediction, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None

    def to_rows(self) -> list[dict[str, Any]]:
        """Return one row per face, or a single row with `error`; none when there is no face."""
        if self.error is not None:
            row = {"source": self.source, "frame": self.frame, "timestamp_s": self.timestamp_s}
            return [{**row, "error": self.error}]
        return [face.to_row() for face in self.faces]
