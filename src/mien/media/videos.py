"""Videos: frames with their real times, turned upright, read from the decoder's planes."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from mien.errors import MediaError
from mien.media.demuxing import open_sequence, open_video, reason_of
from mien.media.depth import SAVE_LEVELS, partial_levels
from mien.media.orientation import Orientation, orientation_of
from mien.media.reading import Reading, declared_duration_s
from mien.media.scaling import CONVERTERS, plane_pixels
from mien.media.sequences import is_sequence
from mien.media.tracks import TrackError, pixel_aspect, read_packets, video_packets
from mien.structures import FrameRGB

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

__all__ = ["VIDEO_SUFFIXES", "Video", "VideoFrame"]

VIDEO_SUFFIXES = frozenset(
    (
        *(".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
        *(".mts", ".ogv", ".ts", ".vob", ".webm", ".wmv"),
    )
)
"""The endings by which videos are distinguished from images."""

_LUMA_FIRST = frozenset(
    ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "gray")
)
"""Pixel formats whose first plane is 8-bit luma."""

_FULL_RANGE = 2
_BLACK, _WHITE = 16, 235
"""Luma of black and white in videos of limited range (ITU-R BT.601 and 709)."""

_MAX_PIXELS = 8192 * 4608

_MAX_DARK_FRAMES = 25
"""So many frames of 16 bits in which no level needs more than 14 are of fewer bits."""

_NO_FRAME = "holds no frame that can be decoded. Copy or convert it again"
_WHAT_WAS_READ = "The frames before were read. Copy the file again to get the rest"


@dataclasses.dataclass(slots=True, eq=False)
class VideoFrame:
    """One frame of a video; pixels are made when they are asked for.

    Attributes:
        source: The video's path as the caller gave it.
        frame: Its number within the video, from 0.
        timestamp_s: Seconds from the video's first frame.
        width: In pixels, upright and of square pixels.
        height: In pixels, upright.
    """

    source: str
    frame: int
    timestamp_s: float
    width: int
    height: int
    _decoded: Any
    _orientation: Orientation

    @classmethod
    def of(
        cls, source: str, frame: int, timestamp_s: float, decoded: Any, *, aspect: float = 1.0
    ) -> Self:
        """Wrap a frame as PyAV decoded it.

        Args:
            source: The video, camera or stream.
            frame: The frame's number.
            timestamp_s: Seconds from the first frame.
            decoded: An `av.VideoFrame`.
            aspect: How wide its pixels are, in heights.
        """
        orientation = orientation_of(decoded)
        width, height = orientation.size((round(decoded.width * aspect), decoded.height))
        return cls(source, frame, timestamp_s, width, height, decoded, orientation)

    @classmethod
    def from_rgb(cls, frame_rgb: FrameRGB, source: str, frame: int, timestamp_s: float) -> Self:
        """Wrap a frame that is decoded already, `(H, W, 3)` uint8 RGB; see `of`."""
        import av

        return cls.of(source, frame, timestamp_s, av.VideoFrame.from_ndarray(frame_rgb, "rgb24"))

    def rgb(self, size_hw: tuple[int, int] | None = None) -> FrameRGB:
        """Return the frame as RGB, `(H, W, 3)` uint8.

        Args:
            size_hw: Height and width to scale to on the way; None keeps the frame's.
        """
        height, width = self._orientation.size(size_hw or (self.height, self.width))
        return self._orientation.apply(self._reformatted(width, height, "rgb24"))

    def luma(self) -> tuple[NDArray[np.uint8], float, float]:
        """Return the frame's luma without copying where the decoder has it so.

        Returns:
            `(H, W)` uint8, and black and white on its scale: 0 and 255, or 16 and 235.
        """
        frame = self._decoded
        width, _ = self._orientation.size((self.width, self.height))
        if frame.format.name not in _LUMA_FIRST or frame.width != width:
            grey = self._reformatted(width, frame.height, "gray")
            return self._orientation.apply(grey), 0.0, 255.0
        full = frame.color_range == _FULL_RANGE or frame.format.name.startswith(("yuvj", "gray"))
        black, white = (0.0, 255.0) if full else (float(_BLACK), float(_WHITE))
        return self._orientation.apply(plane_pixels(frame.planes[0])), black, white

    def _reformatted(self, width: int, height: int, kind: str) -> NDArray[np.uint8]:
        """Return the decoded pixels in another size and format."""
        frame = self._decoded
        if kind == "rgb24" and (width, height) != (frame.width, frame.height):
            # By planes: with pixels in one plane it takes twice as long, and colours are coarser.
            frame = CONVERTERS.size.reformat(frame, width=width, height=height, format="gbrp")
        frame = CONVERTERS.format.reformat(frame, width=width, height=height, format=kind)
        return np.asarray(frame.to_ndarray(), np.uint8)


class Video:
    """A video file that is open for reading.

    Args:
        path: A video in one of the containers of `open_video`, or an image sequence as
            `shot_%04d.png`, which has 25 frames a second.

    Attributes:
        source: The path as it was given.
        width: Of the upright frames, in square pixels.
        height: In pixels, upright.
        frames_per_second: On average, as declared by the file; 0 if unknown.
        duration_s: As declared by the file; None if unknown.
        frame_bytes: Of a decoded frame in memory.
        first_s: The first frame's time on the file's own clock, which need not begin at 0.

    Raises:
        MediaError: The file is missing, is no video, or has no video track.
    """

    def __init__(self, path: str | Path) -> None:
        self.source = str(path)
        self._container = self._open()
        try:
            self._stream, _ = video_packets(self._container)
        except TrackError as error:
            self._container.close()
            raise MediaError(self.source, str(error)) from error
        self._stream.thread_type = "AUTO"
        context = self._stream.codec_context
        if not context.width:
            self._container.close()
            raise MediaError(self.source, _NO_FRAME)
        if context.width * context.height > _MAX_PIXELS:
            self._container.close()
            size = f"frames of {context.width} x {context.height} pixels"
            limit = f"at most {_MAX_PIXELS / 1e6:.0f} million can be read"
            raise MediaError(self.source, f"{size}, {limit}. Scale the video down first")
        self._aspect = pixel_aspect(self._stream)
        sides = (round(context.width * self._aspect), context.height)
        first, reason = self._first_frame()
        if reason is not None:
            self._container.close()
            raise MediaError(self.source, reason)
        self.width, self.height = orientation_of(first).size(sides)
        rate = self._stream.average_rate
        self.frames_per_second = float(rate) if rate else 0.0
        self.frame_bytes = sum(plane.buffer_size for plane in first.planes) if first else 0
        self.first_s = (first.time or 0.0) if first is not None else 0.0
        self.duration_s = declared_duration_s(self._container, self._stream)

    def frames(self, *, per_second: float | None = None) -> Generator[VideoFrame, None, None]:
        """Decode the video from its beginning.

        Parts that cannot be decoded are skipped.

        Args:
            per_second: Yield at most this many frames a second; None yields every frame.

        Raises:
            MediaError: At the end, if the video is damaged or shorter than it declares.
        """
        first_s: float | None = None
        timestamp_s = due_s = 0.0
        number, restarts = -1, 0
        self._reopen()
        reading = Reading(self._container, self._stream)
        for decoded in self._decoded(reading):
            number += 1
            time_s = decoded.time
            if time_s is None:
                time_s = (first_s or 0.0) + timestamp_s + self._frame_s * (number > 0)
            elif first_s is None:
                # Those before, if there are any, had no times.
                first_s = time_s - number * self._frame_s
            elif reading.restarts > restarts and time_s - first_s < timestamp_s:
                # Joined recordings: the times of each start at 0 again.
                restarts = reading.restarts
                first_s = time_s - timestamp_s - self._frame_s
            # Of a damaged video some images come too late.
            timestamp_s = max(timestamp_s, time_s - (first_s or 0.0))
            if per_second is not None:
                if timestamp_s < due_s - 1e-6:
                    continue
                due_s = max(due_s + 1 / per_second, timestamp_s)
            yield VideoFrame.of(self.source, number, timestamp_s, decoded, aspect=self._aspect)
        if number < 0:
            raise MediaError(self.source, _NO_FRAME)
        if reading.fault is not None:
            raise MediaError(self.source, f"{reading.fault}. {_WHAT_WAS_READ}")

    def _decoded(self, reading: Reading) -> Iterator[av.VideoFrame]:
        """Decode packet by packet; `reading` is told what is found."""
        import av

        try:
            for packet in read_packets(self._container):
                reading.add_packet(packet)
                if packet.stream is not self._stream:
                    continue
                try:
                    frames = self._stream.decode(packet)
                except av.error.InvalidDataError as error:
                    reading.add_error(reason_of(error), packet)
                    continue
                for frame in frames:
                    reading.add_frame(frame)
                    yield frame
        except (av.FFmpegError, OSError) as error:
            reading.add_error(f"not readable: {reason_of(error)}")

    def _open(self) -> InputContainer:
        return open_sequence(self.source) if is_sequence(self.source) else open_video(self.source)

    def _reopen(self) -> None:
        """Open the file again: seeking to the beginning leads past frames of negative times."""
        number = self._stream.index
        self._container.close()
        self._container = self._open()
        self._stream = self._container.streams[number]
        self._stream.thread_type = "AUTO"

    @property
    def _frame_s(self) -> float:
        return 1 / (self.frames_per_second or 25.0)

    def _first_frame(self) -> tuple[av.VideoFrame | None, str | None]:
        """Return the first frame, and why its levels cannot be read, if that is so."""
        import av

        first: av.VideoFrame | None = None
        reason = None
        with contextlib.suppress(av.FFmpegError, IndexError):
            for frame in itertools.islice(self._container.decode(self._stream), _MAX_DARK_FRAMES):
                first, reason = first or frame, partial_levels(frame)
                if reason is None:
                    break
        return first, None if reason is None else f"{reason}. {SAVE_LEVELS}"

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
