"""Numbered images that stand for a video: `shot_%04d.png`."""

from __future__ import annotations

import re
from pathlib import Path

from mien.errors import MediaError

__all__ = ["is_sequence", "sequence_options"]

_FRAMES_PER_SECOND = 25
"""Of a sequence of images, which says nothing about time itself."""

_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Of the promised images those that FFmpeg reads by number."""

_NUMBER = re.compile(r"%(?:0(\d+))?d")


def is_sequence(path: str | Path) -> bool:
    """Say whether a path names face_at images as a video: `shot_%04d.png`."""
    return len(_NUMBER.findall(Path(path).name)) == 1 and not Path(path).exists()


def sequence_options(path: str | Path) -> tuple[str, dict[str, str]]:
    """Return what FFmpeg has to open for a sequence, and with which options.

    Raises:
        MediaError: There is no such image, one is missing between others, or they are of another
            format.
    """
    if (suffix := Path(path).suffix.lower()) not in _SUFFIXES:
        expected = ", ".join(_SUFFIXES)
        raise MediaError(str(path), f"face_at images end in {expected}, found {suffix or 'none'}")
    first = {"start_number": str(_first_of(path)), "framerate": str(_FRAMES_PER_SECOND)}
    return _as_ffmpeg_reads(path), first


def _as_ffmpeg_reads(pattern: str | Path) -> str:
    """Double every percent sign but that of the number."""
    folder, name = Path(pattern).parent, Path(pattern).name
    number = _NUMBER.search(name)
    assert number is not None  # noqa: S101
    parts = (name[: number.start()].replace("%", "%%"), name[number.end() :].replace("%", "%%"))
    return f"{folder}/".replace("%", "%%") + parts[0] + number[0] + parts[1]


def _first_of(pattern: str | Path) -> int:
    """Return the first number of a sequence."""
    path = Path(pattern)
    before, digits, after = _NUMBER.split(path.name)
    least = int(digits or 1)
    shape = re.compile(re.escape(before) + rf"(\d{{{least},}})" + re.escape(after))
    folder = path.parent
    names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    written = [found[1] for name in names if (found := shape.fullmatch(name))]
    if not written:
        raise MediaError(str(pattern), "no image has such a name. Check the path")
    if not digits and (filled := [each for each in written if each != str(int(each))]):
        length = len(filled[0])
        reason = f"the numbers have {length} digits, filled up with zeros. Write %0{length}d"
        raise MediaError(str(pattern), reason)
    numbers = sorted(map(int, written))
    if (count := numbers[-1] - numbers[0] + 1) != len(numbers):
        there = set(numbers)
        missing = next(n for n in range(numbers[0], numbers[-1]) if n not in there)
        reason = f"number {missing} is missing, {count - len(numbers)} in all. Renumber them"
        raise MediaError(str(pattern), reason)
    return numbers[0]
