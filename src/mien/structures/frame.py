"""One decoded frame: RGB pixels and where they come from."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mien.errors import FrameError

__all__ = ["Frame", "FrameRGB", "check_frame_rgb"]

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
