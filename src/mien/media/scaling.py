"""Scaling of frames by FFmpeg's converters, which are several times as fast as Pillow."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mien.structures import FrameRGB

if TYPE_CHECKING:
    from av.video.reformatter import VideoReformatter

__all__ = ["CONVERTERS", "plane_pixels", "scale_rgb"]

_PLANES = (1, 2, 0)
"""The channels of an RGB image in the order of the planes of FFmpeg's `gbrp`."""


class _Converters(threading.local):
    """The converters of a thread, which two may not use at once.

    A new one takes longer to make its tables than to convert a frame.
    """

    @functools.cached_property
    def size(self) -> VideoReformatter:
        """Brings frames to another size."""
        return _converter()

    @functools.cached_property
    def format(self) -> VideoReformatter:
        """Brings frames to another pixel format."""
        return _converter()


def _converter() -> VideoReformatter:
    from av.video.reformatter import VideoReformatter

    return VideoReformatter()


CONVERTERS = _Converters()
"""The converters of the thread that asks."""


def scale_rgb(frame_rgb: FrameRGB, size_hw: tuple[int, int]) -> FrameRGB:
    """Scale an image as Pillow does with `BILINEAR`: by a triangle filter as wide as it has to be.

    Args:
        frame_rgb: `(H, W, 3)` uint8.
        size_hw: The new height and width.

    Returns:
        `size_hw` and 3 channels, uint8; in memory one channel follows the other.
    """
    import av

    height, width = size_hw
    planar = av.VideoFrame(frame_rgb.shape[1], frame_rgb.shape[0], "gbrp")
    for plane, channel in zip(planar.planes, _PLANES, strict=True):
        plane_pixels(plane)[:] = frame_rgb[..., channel]
    scaled = CONVERTERS.size.reformat(planar, width=width, height=height)
    channels = np.empty((3, height, width), np.uint8)
    for plane, channel in zip(scaled.planes, _PLANES, strict=True):
        channels[channel] = plane_pixels(plane)
    return channels.transpose(1, 2, 0)


def plane_pixels(plane: Any) -> NDArray[np.uint8]:
    """Return the pixels of an `av.VideoPlane` of 8 bits, `(H, W)`, in its own memory."""
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]
