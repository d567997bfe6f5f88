"""Bounds on the work that an image file can cause: scans of a JPEG, counted pages."""

from __future__ import annotations

import itertools
import re
from typing import IO

from PIL import Image

from mien.errors import MediaError

__all__ = ["MAX_COUNTED_PAGES", "MAX_SCANS", "check_scans", "describe_frames"]

MAX_SCANS = 100
"""Limit of the scans of a JPEG. Encoders write 10 to 20. Each scan passes over all pixels, so a
small file with many scans can keep a decoder busy for minutes."""

_MIN_LIMIT, _MAX_SCANNED_PIXELS = 20, 1_000_000_000
"""A large JPEG may have fewer scans: as many as pass over so many pixels, but at least 20."""

MAX_COUNTED_PAGES = 100
"""Limit up to which the pages of a TIFF are counted."""

_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")
"""A marker between or in scans: FF 00 is data, and FF D0 to D7 belong to a scan (ITU-T T.81)."""

_WITHOUT_LENGTH = frozenset((0x01, 0xD8))
_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = frozenset((0xC0, 0xC1, 0xC9))
_SCAN, _END = 0xDA, 0xD9


def check_scans(file: IO[bytes], source: str, *, pixels: int) -> None:
    """Check that a JPEG has at most `MAX_SCANS` scans, or fewer if it is large.

    Args:
        file: The JPEG; its position is kept.
        source: What to call it in messages.
        pixels: How many pixels it declares.

    Raises:
        MediaError: It has more.
    """
    position = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(position)
    limit = min(MAX_SCANS, max(_MIN_LIMIT, _MAX_SCANNED_PIXELS // max(1, pixels)))
    if _has_more_scans(data, limit):
        raise MediaError(source, f"a JPEG with more than {limit} scans. Save it as a baseline JPEG")


def _has_more_scans(data: bytes, limit: int) -> bool:
    scans, position, frame_kind, components = 0, 2, 0, 0
    while (found := _MARKER.search(data, position)) is not None:
        kind, position = found[1][0], found.end()
        if kind == _END:
            break
        if kind in _WITHOUT_LENGTH:
            continue
        if kind in _FRAME:
            frame_kind, components = kind, data[position + 7] if position + 7 < len(data) else 0
        if kind == _SCAN:
            scans += 1
            if scans > limit:
                return True
            if frame_kind in _SEQUENTIAL and data[position + 2 : position + 3] == bytes(
                (components,)
            ):
                break  # all components are in this scan, and decoders read no other
        position += int.from_bytes(data[position : position + 2])
    return False


def describe_frames(image: Image.Image) -> str | None:
    """Return how many frames or pages an image has, for example `3` or `more than 100`.

    The time of Pillow's `n_frames` grows with the square of the pages of a TIFF: 40,000 pages in a
    small file take half a minute.

    Args:
        image: An image at its first frame, where it is left.

    Returns:
        None if there is one.
    """
    if not getattr(image, "is_animated", False):
        return None
    if image.format != "TIFF":
        return str(getattr(image, "n_frames", 1))
    for number in itertools.count(1):
        if number > MAX_COUNTED_PAGES:
            count = f"more than {MAX_COUNTED_PAGES}"
            break
        try:
            image.seek(number)
        except EOFError:
            count = str(number)
            break
    image.seek(0)
    return count
