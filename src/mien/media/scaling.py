"""Scaling of frames by FFmpeg's converters, which are several times as fast as Pillow."""

from __future__ import annotations

import threading

import numpy as np

from mien.structures import FrameRGB

__all__ = ["CONVERTERS", "scale_rgb"]

_PLANES = (1, 2, 0)
"""The channels of an RGB image in the order of the planes of FFmpeg's `gbrp`."""


class _Converters(threading.local):
    """The converters of a thread, which two may not use at once.

    A new one takes longer to make its tables than to convert a frame.

    Attributes:
        size: Brings frames to another size.
        format: Brings frames to another pixel format.
    """

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        self.size, self.format = VideoReformatter(), VideoReformatter()


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
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        rows[:, : plane.width] = frame_rgb[..., channel]
    scaled = CONVERTERS.size.reformat(planar, width=width, height=height)
    channels = np.empty((3, height, width), np.uint8)
    for plane, channel in zip(scaled.planes, _PLANES, strict=True):
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        channels[channel] = rows[:, : plane.width]
    return channels.transpose(1, 2, 0)
