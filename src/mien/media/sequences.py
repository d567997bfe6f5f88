"""Image sequences: numbered images as a video, `shot_%04d.png`."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mien.errors import MediaError
from mien.media.images import partial_range

__all__ = ["is_sequence", "sequence_options"]

_FRAMES_PER_SECOND = 25
"""Rate of an image sequence, whose files hold no times."""

_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Of the promised images those that FFmpeg reads by number."""

_NUMBER = re.compile(r"%(?:0(\d+))?d")


def is_sequence(path: str | Path) -> bool:
    """Return whether a path names an image sequence: `shot_%04d.png`, and no file is called so."""
    # Path.exists raises where a folder or a link's target may not be looked at.
    is_pattern = len(_NUMBER.findall(Path(path).name)) == 1
    return is_pattern and not os.path.exists(path)  # noqa: PTH110


def sequence_options(path: str | Path) -> tuple[str, dict[str, str]]:
    """Return the name by which FFmpeg opens a sequence, and the options.

    Raises:
        MediaError: There is no such image, one is missing between others, two have one number, they
            are of another format, or their 16 bits hold levels of fewer, by which FFmpeg would not
            scale them.
    """
    if (suffix := Path(path).suffix.lower()) not in _SUFFIXES:
        expected = ", ".join(_SUFFIXES)
        raise MediaError(str(path), f"numbered images end in {expected}, found {suffix or 'none'}")
    number, text = _first_number(path)
    before, _, after = _NUMBER.split(Path(path).name)
    if (found := partial_range(Path(path).with_name(before + text + after))) is not None:
        raise MediaError(str(path), f"each image {found}. Save them with 8 bits")
    first = {"start_number": str(number), "framerate": str(_FRAMES_PER_SECOND)}
    return _ffmpeg_name(path), first


def _ffmpeg_name(pattern: str | Path) -> str:
    """Double every percent sign except that of the number."""
    folder, name = Path(pattern).parent, Path(pattern).name
    number = _NUMBER.search(name)
    assert number is not None  # noqa: S101
    parts = (name[: number.start()].replace("%", "%%"), name[number.end() :].replace("%", "%%"))
    return f"{folder}/".replace("%", "%%") + parts[0] + number[0] + parts[1]


def _first_number(pattern: str | Path) -> tuple[int, str]:
    """Return the first number of a sequence and its text, and check that none is missing."""
    path = Path(pattern)
    before, digits, after = _NUMBER.split(path.name)
    min_digits = int(digits or 1)
    name_pattern = re.compile(re.escape(before) + rf"(\d{{{min_digits},}})" + re.escape(after))
    folder = path.parent
    names = sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []
    texts = [found[1] for name in names if (found := name_pattern.fullmatch(name))]
    if not texts:
        raise MediaError(str(pattern), "no image has such a name. Check the path")
    # By such a name FFmpeg does not find an image.
    if padded := [text for text in texts if text != f"{int(text):0{min_digits}d}"]:
        length, wanted = len(padded[0]), f"{int(padded[0]):0{min_digits}d}"
        reason = f"the numbers have {length} digits, padded with zeros. Write %0{length}d"
        if wanted in texts:
            both = " and ".join(f"{before}{text}{after}" for text in (wanted, padded[0]))
            reason = f"{both} have the same number. Rename one of them"
        raise MediaError(str(pattern), reason)
    numbers = sorted(map(int, texts))
    if (count := numbers[-1] - numbers[0] + 1) != len(numbers):
        known = set(numbers)
        missing = next(n for n in range(numbers[0], numbers[-1]) if n not in known)
        reason = f"number {missing} is missing, {count - len(numbers)} in all. Renumber them"
        raise MediaError(str(pattern), reason)
    return numbers[0], f"{numbers[0]:0{min_digits}d}"
