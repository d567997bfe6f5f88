"""One decoded frame: RGB pixels and where they come from."""

from __future__ import annotations

import dataclasses
import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mien.errors import FrameError

__all__ = ["Frame", "FrameRGB", "check_frame_rgb", "plain_array", "uint8_advice"]

FrameRGB = NDArray[np.uint8]
"""One decoded frame, `(H, W, 3)` uint8, RGB, top row first."""

_Scalar = TypeVar("_Scalar", bound=np.generic)

_FEW_LEVELS = 16.0
"""Numbers of 0 to 255 that end below would be a black image; they are brighter than white, or of
another range."""

_TOLERANCE = 1e-3
"""Scaled images may exceed the range 0 to 1 by this much, which rounding takes away."""


def check_frame_rgb(frame_rgb: object) -> FrameRGB:
    """Return `frame_rgb` if it is a frame, as a plain array whose rows follow each other.

    Raises:
        FrameError: It is not an `(H, W, 3)` uint8 array with pixels; the message says what it is.
    """
    if not isinstance(frame_rgb, np.ndarray):
        raise FrameError(
            "frame_rgb: expected a numpy array (H, W, 3) of uint8, "
            f"found {type(frame_rgb).__name__}"
        )
    if frame_rgb.ndim != 3 or frame_rgb.shape[2] != 3 or frame_rgb.dtype != np.uint8:
        raise FrameError(
            f"frame_rgb: expected (H, W, 3) of uint8, found {frame_rgb.shape} of {frame_rgb.dtype}."
            " mien.media.as_frame takes arrays of more forms, or says how to convert them"
        )
    if frame_rgb.size == 0:
        raise FrameError(f"frame_rgb: it has no pixels, its shape is {frame_rgb.shape}")
    return plain_array(frame_rgb, "frame_rgb")


def plain_array(array: NDArray[_Scalar], name: str) -> NDArray[_Scalar]:
    """Return an array of any of numpy's classes as a plain one, in C order.

    The others behave differently, down to crashes: a matrix stays two-dimensional.

    Args:
        array: Any array.
        name: What to call it in the message.

    Raises:
        FrameError: It is a masked array, which has no value where it is masked.
    """
    if isinstance(array, np.ma.MaskedArray):
        raise FrameError(
            f"{name}: expected a plain array, found a masked one. Give its hidden pixels a value: "
            f"{name}.filled(0)"
        )
    return np.ascontiguousarray(array)


def uint8_advice(low: float, high: float, *, whole: bool, code: str, cast: str) -> str:
    """Return how to bring numbers of another type to 8 bits, as a sentence with code.

    Args:
        low: The smallest of the numbers.
        high: The largest.
        whole: Whether their type is one of whole numbers.
        code: The expression that stands for the numbers, for example `image`.
        cast: What makes 8-bit numbers of it, for example `.astype(np.uint8)`.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return "Some of its values are not finite numbers. Replace them first"
    if whole and low >= 0 and high <= 65535:
        return _whole_advice(int(low), int(high), code, cast)
    if not whole and low >= -_TOLERANCE:
        if high <= 1 + _TOLERANCE:
            return f"Convert it: ({code} * 255).round(){cast}"
        if _FEW_LEVELS <= high <= 255 + _TOLERANCE:
            return f"Convert it: {code}.round(){cast}"
    return (
        f"Its values go from {low:g} to {high:g}. Bring them to 0 (black) to 255 (white) first, "
        f"then convert it: {code}.round(){cast}"
    )


def _whole_advice(low: int, high: int, code: str, cast: str) -> str:
    if high <= 1:
        return f"Its values are 0 and 1. Convert it: {code}{cast} * 255"
    if high <= 255:
        return f"Convert it: {code}{cast}"
    # Sensors have 10, 12, 14 or 16 bits.
    white = next(2**bits - 1 for bits in (10, 12, 14, 16) if high < 2**bits)
    convert = f"({code} * (255 / {white})).round(){cast}"
    return f"Its values go from {low} to {high}. If {white} is white, convert it: {convert}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One decoded frame and where it comes from.

    Attributes:
        frame_rgb: `(H, W, 3)` uint8, RGB, already turned upright by its EXIF rotation.
        source: The path as the caller gave it, or the address without user, password and keys.
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
        object.__setattr__(self, "frame_rgb", check_frame_rgb(self.frame_rgb))

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.frame_rgb.shape[0])

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.frame_rgb.shape[1])
