"""Writing H.264 videos with exact times; a video gets its name when it is complete."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from PIL import Image, ImageOps

from mien._output import cannot_write, partial_path
from mien.structures import FrameRGB

__all__ = ["VideoWriter"]

_TICKS_PER_S = 90_000
"""Enough for the time of every frame of every usual rate to be exact (MPEG's own clock)."""

_RATE_FACTOR = "20"
"""x264's constant rate factor: 18 looks like the original, 23 is its default."""


class VideoWriter:
    """Writes frames as an MP4.

    Args:
        path: Where the video goes; missing folders are made.
        size_hw: Height and width of the frames; an odd one loses its last row or column, one of a
            single pixel is doubled.
        frames_per_second: The average rate to declare; frames are shown at their own times.

    Attributes:
        path: Where the finished video will be.
        container: The open container; further tracks are added before the first frame.

    Raises:
        OutputError: The video cannot be written.
    """

    def __init__(
        self, path: Path, *, size_hw: tuple[int, int], frames_per_second: float = 25.0
    ) -> None:
        import av

        self.path = path
        self._partial = partial_path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # In fragments until the end, so that the partial file after a crash can be played.
            options = {"movflags": "hybrid_fragmented"}
            self.container: Any = av.open(str(self._partial), "w", format="mp4", options=options)
        except (OSError, av.FFmpegError) as error:
            raise cannot_write(self._partial, error) from error
        rate = Fraction(frames_per_second).limit_denominator(1001)
        # B-frames would start before time 0, which shifts the sound.
        coding = {"crf": _RATE_FACTOR, "bf": "0"}
        self._video = self.container.add_stream("libx264", rate=rate, options=coding)
        self._size_hw = size_hw
        # H.264 in its usual form halves the colours: sides have to be even.
        self._video.height, self._video.width = (max(2, side // 2 * 2) for side in size_hw)
        self._video.pix_fmt = "yuv420p"
        self._video.time_base = Fraction(1, _TICKS_PER_S)
        self._video.codec_context.time_base = Fraction(1, _TICKS_PER_S)
        self._last_pts = -1

    def write(self, frame_rgb: FrameRGB, timestamp_s: float) -> None:
        """Add a frame.

        Args:
            frame_rgb: `(H, W, 3)` uint8; one that is not of the video's size is scaled to fit into
                it, with black borders.
            timestamp_s: When it is shown; a time that is not after the last frame's is raised.

        Raises:
            OutputError: The disk is full or the folder went away.
        """
        import av

        if frame_rgb.shape[:2] != self._size_hw or min(self._size_hw) < 2:
            size = (self._video.width, self._video.height)
            frame_rgb = np.asarray(ImageOps.pad(Image.fromarray(frame_rgb), size))
        cropped = frame_rgb[: self._video.height, : self._video.width]
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(cropped), "rgb24")
        self._last_pts = max(round(timestamp_s * _TICKS_PER_S), self._last_pts + 1)
        frame.pts, frame.time_base = self._last_pts, Fraction(1, _TICKS_PER_S)
        try:
            self.container.mux(self._video.encode(frame))
        except (OSError, av.FFmpegError) as error:
            raise cannot_write(self._partial, error) from error

    def close(self) -> None:
        """Finish the video and give it its name.

        Raises:
            OutputError: The disk is full or the folder went away.
        """
        import av

        try:
            self.container.mux(self._video.encode(None))
            self.container.close()
            self._partial.replace(self.path)
        except (OSError, av.FFmpegError) as error:
            raise cannot_write(self._partial, error) from error

    def abandon(self) -> None:
        """Stop writing; what was written can be played and stays under its partial name."""
        with contextlib.suppress(Exception):
            self.container.close()

    def discard(self) -> None:
        """Stop writing and leave nothing behind."""
        self.abandon()
        with contextlib.suppress(OSError):
            self._partial.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, KeyboardInterrupt):
            self.close()
        else:
            self.discard()
