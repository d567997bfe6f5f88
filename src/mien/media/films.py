"""Films: frames with their real times, turned upright, straight from the decoder's planes."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from mien.errors import MediaError
from mien.structures import FrameRGB

if TYPE_CHECKING:
    import av

__all__ = ["FILM_SUFFIXES", "Film", "FilmFrame", "is_sequence"]

FILM_SUFFIXES = frozenset(
    (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm", ".wmv")
)
"""The endings by which films are told from pictures."""

_LUMA_FIRST = frozenset(
    ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "gray")
)
"""Pixel formats whose first plane is 8-bit luma."""

_FULL_RANGE = 2
_BLACK, _WHITE = 16, 235
"""Luma of black and white in films of limited range (ITU-R BT.601 and 709)."""

_MAX_PIXELS = 8192 * 4608

_SEQUENCE_RATE = 25
"""Frames a second of a sequence of pictures, which says nothing about time itself."""

_NUMBER = re.compile(r"%(?:0(\d+))?d")


def is_sequence(path: str | Path) -> bool:
    """Say whether a path names numbered pictures as a film: `shot_%04d.png`."""
    return len(_NUMBER.findall(Path(path).name)) == 1 and not Path(path).exists()


@dataclasses.dataclass(slots=True, eq=False)
class FilmFrame:
    """One frame of a film; pixels are made when they are asked for.

    Attributes:
        source: The film's path as the caller gave it.
        frame: Its number within the film, from 0.
        timestamp_s: Seconds from the film's first frame.
        width: In pixels, upright.
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
    def of(cls, source: str, frame: int, timestamp_s: float, decoded: Any) -> Self:
        """Wrap a frame as PyAV decoded it.

        Args:
            source: The film, camera or stream.
            frame: The frame's number.
            timestamp_s: Seconds from the first frame.
            decoded: An `av.VideoFrame`.
        """
        turns = _quarter_turns(decoded)
        sides = (decoded.width, decoded.height)
        width, height = sides[::-1] if turns % 2 else sides
        return cls(source, frame, timestamp_s, width, height, decoded, turns)

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
        if frame.format.name not in _LUMA_FIRST:
            grey = frame.reformat(format="gray").to_ndarray()
            return self._upright(grey), 0.0, 255.0
        plane = frame.planes[0]
        pixels = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        full = frame.color_range == _FULL_RANGE or frame.format.name.startswith(("yuvj", "gray"))
        black, white = (0.0, 255.0) if full else (float(_BLACK), float(_WHITE))
        return self._upright(pixels[:, : plane.width]), black, white

    def _upright(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.rot90(pixels, self._turns) if self._turns else pixels


class Film:
    """A film file that is open for reading.

    Args:
        path: Anything that FFmpeg reads, or numbered pictures as `shot_%04d.png`, which are taken
            for 25 frames a second.

    Attributes:
        source: The path as it was given.
        width: Of the upright frames, in pixels.
        height: Likewise.
        frames_per_second: On average, as the file says; 0 if it does not.
        duration_s: As the file says; None if it does not.

    Raises:
        MediaError: The file is missing, no film, or has no video track.
    """

    def __init__(self, path: str | Path) -> None:
        import av

        self.source = str(path)
        # A play list that somebody calls a film must not make FFmpeg open addresses.
        opened, options = self.source, {"protocol_whitelist": "file"}
        if is_sequence(path):
            opened = _as_ffmpeg_reads(path)
            options |= {"start_number": str(_first_of(path)), "framerate": str(_SEQUENCE_RATE)}
        elif not Path(path).exists():
            raise MediaError(self.source, "no such file or folder. Check the path")
        try:
            self._container = av.open(opened, options=options)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise MediaError(self.source, _why(error)) from error
        if not self._container.streams.video:
            self._container.close()
            raise MediaError(self.source, "has no video track. Give a film")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        context = self._stream.codec_context
        if context.width * context.height > _MAX_PIXELS or not context.width:
            self._container.close()
            size = f"{context.width} x {context.height}"
            raise MediaError(self.source, f"frames of {size} pixels. Scale the film down first")
        sides = (context.width, context.height)
        turned = _quarter_turns(self._peek()) % 2
        self.width, self.height = sides[::-1] if turned else sides
        rate = self._stream.average_rate
        self.frames_per_second = float(rate) if rate else 0.0
        length = self._container.duration
        self.duration_s = length / 1_000_000 if length else None

    def frames(self, *, per_second: float | None = None) -> Iterator[FilmFrame]:
        """Decode the film from its beginning.

        Args:
            per_second: Give at most so many frames a second; None gives every one.

        Raises:
            MediaError: The film is damaged or cut off; the frames before came out whole.
        """
        import av

        self._container.seek(0)
        first_s: float | None = None
        due_s = 0.0
        number = -1
        try:
            for decoded in self._container.decode(self._stream):
                number += 1
                time_s = decoded.time if decoded.time is not None else self._guessed(number)
                first_s = time_s if first_s is None else first_s
                passed_s = time_s - first_s
                if per_second is not None:
                    if passed_s < due_s - 1e-6:
                        continue
                    due_s += max(1 / per_second, 0.0)
                    due_s = max(due_s, passed_s)
                yield FilmFrame.of(self.source, number, passed_s, decoded)
        except (av.FFmpegError, OSError) as error:
            where = f"after {number + 1} frames"
            raise MediaError(self.source, f"damaged or cut off {where}: {_why(error)}") from error
        if number < 0:
            raise MediaError(self.source, "holds no frame that can be decoded. Copy it again")

    def _guessed(self, number: int) -> float:
        return number / (self.frames_per_second or 25.0)

    def _peek(self) -> av.VideoFrame | None:
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


def _as_ffmpeg_reads(pattern: str | Path) -> str:
    """Double every percent sign but that of the number."""
    folder, name = Path(pattern).parent, Path(pattern).name
    number = _NUMBER.search(name)
    assert number is not None  # noqa: S101
    parts = (name[: number.start()].replace("%", "%%"), name[number.end() :].replace("%", "%%"))
    return f"{folder}/".replace("%", "%%") + parts[0] + number[0] + parts[1]


def _first_of(pattern: str | Path) -> int:
    """Return the first number of a sequence.

    Raises:
        MediaError: There is no such picture, or one is missing between others.
    """
    path = Path(pattern)
    before, digits, after = _NUMBER.split(path.name)
    least = int(digits or 1)
    shape = re.compile(re.escape(before) + rf"(\d{{{least},}})" + re.escape(after))
    folder = path.parent
    names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    numbers = sorted(int(found[1]) for name in names if (found := shape.fullmatch(name)))
    if not numbers:
        raise MediaError(str(pattern), "no picture has such a name. Check the path")
    if (count := numbers[-1] - numbers[0] + 1) != len(numbers):
        there = set(numbers)
        missing = next(n for n in range(numbers[0], numbers[-1]) if n not in there)
        reason = f"number {missing} is missing, {count - len(numbers)} in all. Renumber them"
        raise MediaError(str(pattern), reason)
    return numbers[0]


def _quarter_turns(frame: av.VideoFrame | None) -> int:
    """Return how often a frame has to be turned counter-clockwise by 90 degrees to be upright."""
    return round(getattr(frame, "rotation", 0) / 90) % 4 if frame is not None else 0


def _why(error: Exception) -> str:
    reason = str(getattr(error, "strerror", None) or error)
    return f"no film that can be read ({reason}). Copy or convert it again"
