"""Videos: frames with their real times, turned upright, read from the decoder's planes."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from mien.errors import MediaError
from mien.media.demuxing import open_sequence, open_video
from mien.media.sequences import is_sequence
from mien.structures import FrameRGB

if TYPE_CHECKING:
    import av

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

_MICROSECONDS = 1_000_000
"""FFmpeg's unit of a container's times, in a second."""

_DECLARE_DURATION = frozenset(("flv", "matroska", "mov", "mp4", "webm"))
"""Containers that declare their duration; for others FFmpeg estimates it."""

_MISSING_TOLERANCE_S, _MISSING_TOLERANCE_SHARE = 1.0, 0.03
"""A video is cut off if more is missing than both: declared durations are often a little wrong."""

_MAX_PIXEL_ASPECT = 4.0
"""A pixel aspect ratio beyond this is taken for an error in the file, and pixels for square."""

_RESTART_S = 0.5
"""Times that go back by more than this start a new recording; by less they are inexact."""

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
    _turns: int

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
        turns = _quarter_turns(decoded)
        sides = (round(decoded.width * aspect), decoded.height)
        width, height = sides[::-1] if turns % 2 else sides
        return cls(source, frame, timestamp_s, width, height, decoded, turns)

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
        height, width = size_hw or (self.height, self.width)
        if self._turns % 2:
            height, width = width, height
        scaled = self._decoded.reformat(width=width, height=height, format="rgb24")
        return self._upright(scaled.to_ndarray())

    def luma(self) -> tuple[NDArray[np.uint8], float, float]:
        """Return the frame's luma without copying where the decoder has it so.

        Returns:
            `(H, W)` uint8, and black and white on its scale: 0 and 255, or 16 and 235.
        """
        frame = self._decoded
        width = self.height if self._turns % 2 else self.width
        if frame.format.name not in _LUMA_FIRST or frame.width != width:
            grey = frame.reformat(width=width, height=frame.height, format="gray").to_ndarray()
            return self._upright(grey), 0.0, 255.0
        plane = frame.planes[0]
        pixels = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        full = frame.color_range == _FULL_RANGE or frame.format.name.startswith(("yuvj", "gray"))
        black, white = (0.0, 255.0) if full else (float(_BLACK), float(_WHITE))
        return self._upright(pixels[:, : plane.width]), black, white

    def _upright(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.rot90(pixels, self._turns) if self._turns else pixels


@dataclasses.dataclass(slots=True)
class _Reading:
    """What reading a video has found so far: where its contents end, and the first damage."""

    end_s: float = 0.0
    damage: str | None = None

    def extend_to(self, packet: Any, start_s: float) -> None:
        """Move the end to that of a packet."""
        if packet.pts is not None and packet.time_base is not None:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base) - start_s
            self.end_s = max(self.end_s, end)


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
        first_s: The first frame's time on the file's own clock, which need not begin at 0.

    Raises:
        MediaError: The file is missing, is no video, or has no video track.
    """

    def __init__(self, path: str | Path) -> None:
        self.source = str(path)
        self._container = open_sequence(path) if is_sequence(path) else open_video(path)
        if not self._container.streams.video:
            self._container.close()
            raise MediaError(self.source, "has no video track. Give a video")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        context = self._stream.codec_context
        if context.width * context.height > _MAX_PIXELS or not context.width:
            self._container.close()
            size = f"frames of {context.width} x {context.height} pixels"
            limit = f"at most {_MAX_PIXELS / 1e6:.0f} million can be read"
            raise MediaError(self.source, f"{size}, {limit}. Scale the video down first")
        aspect = float(self._stream.sample_aspect_ratio or 1)
        self._aspect = aspect if 1 / _MAX_PIXEL_ASPECT <= aspect <= _MAX_PIXEL_ASPECT else 1.0
        sides = (round(context.width * self._aspect), context.height)
        first = self._first_frame()
        turned = _quarter_turns(first) % 2
        self.width, self.height = sides[::-1] if turned else sides
        rate = self._stream.average_rate
        self.frames_per_second = float(rate) if rate else 0.0
        self.first_s = (first.time or 0.0) if first is not None else 0.0
        duration = self._container.duration
        self.duration_s = duration / _MICROSECONDS if duration else None

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
        number = -1
        state = _Reading()
        for decoded in self._decoded(state):
            number += 1
            time_s = decoded.time if decoded.time is not None else self._estimated_time(number)
            first_s = time_s if first_s is None else first_s
            if time_s - first_s < timestamp_s - _RESTART_S:
                # Joined recordings: the times of each start at 0 again.
                first_s = time_s - timestamp_s - self._frame_s
            timestamp_s = time_s - first_s
            if per_second is not None:
                if timestamp_s < due_s - 1e-6:
                    continue
                due_s = max(due_s + 1 / per_second, timestamp_s)
            yield VideoFrame.of(self.source, number, timestamp_s, decoded, aspect=self._aspect)
        if number < 0:
            reason = "holds no frame that can be decoded. Copy or convert it again"
            raise MediaError(self.source, reason)
        if state.damage is not None:
            raise MediaError(self.source, f"damaged: {state.damage}. {_WHAT_WAS_READ}")
        if self._ends_early(state.end_s):
            found = f"ends after {state.end_s:.1f} of {self.duration_s:.1f} seconds"
            raise MediaError(self.source, f"cut off: {found}. {_WHAT_WAS_READ}")

    def _decoded(self, state: _Reading) -> Iterator[av.VideoFrame]:
        """Decode packet by packet; `state` gets where the contents end and what is damaged."""
        import av

        count = 0
        try:
            self._container.seek(0)
            for packet in self._container.demux():
                state.extend_to(packet, self._start_s)
                if packet.stream is not self._stream:
                    continue
                try:
                    frames = self._stream.decode(packet)
                except av.error.InvalidDataError as error:
                    state.damage = state.damage or f"after {count} frames, {_reason(error)}"
                    continue
                count += len(frames)
                yield from frames
        except (av.FFmpegError, OSError) as error:
            state.damage = f"not readable after {count} frames, {_reason(error)}"

    def _ends_early(self, end_s: float) -> bool:
        """Return whether the contents of all tracks end well before the declared duration."""
        names = set(self._container.format.name.split(","))
        if self.duration_s is None or not names & _DECLARE_DURATION:
            return False
        return self.duration_s - end_s > max(
            _MISSING_TOLERANCE_S, _MISSING_TOLERANCE_SHARE * self.duration_s
        )

    @property
    def _start_s(self) -> float:
        return (self._container.start_time or 0) / _MICROSECONDS

    @property
    def _frame_s(self) -> float:
        return 1 / (self.frames_per_second or 25.0)

    def _estimated_time(self, number: int) -> float:
        return number * self._frame_s

    def _first_frame(self) -> av.VideoFrame | None:
        import av

        with contextlib.suppress(av.FFmpegError):
            return next(iter(self._container.decode(self._stream)), None)
        return None

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _quarter_turns(frame: av.VideoFrame | None) -> int:
    """Return by how many quarter turns counter-clockwise a frame becomes upright."""
    return round(getattr(frame, "rotation", 0) / 90) % 4 if frame is not None else 0


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
