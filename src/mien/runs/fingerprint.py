"""Fingerprints of inputs, by which a resumed run notices that a file was replaced."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import stat
from pathlib import Path

from mien.media.sequences import is_sequence

__all__ = ["Fingerprint", "fingerprint"]

Fingerprint = tuple[int, int, str] | None
"""Size in bytes, modification time in nanoseconds, and a hash of both ends; None for no file."""

_END_BYTES = 1 << 16


def fingerprint(source: str, *, end_bytes: int = _END_BYTES) -> Fingerprint:
    """Return the fingerprint of an image, a video or an image sequence.

    The middle of a file is not read: it may have gigabytes. A change there shows in the
    modification time.

    Args:
        source: The path; that of a sequence stands for all its images.
        end_bytes: How much of both ends is hashed.

    Returns:
        The fingerprint; None if there is no such file or it cannot be read.
    """
    if not is_sequence(source):
        return _of_file(source, end_bytes)
    path = Path(source)
    pattern = re.sub(r"%(?:0\d+)?d", "*", glob.escape(path.name))
    members = [(each.name, _of_file(each, end_bytes)) for each in sorted(path.parent.glob(pattern))]
    known = [found for _, found in members if found is not None]
    if not known:
        return None
    sizes, times = [found[0] for found in known], [found[1] for found in known]
    return sum(sizes), max(times), hashlib.sha256(repr(members).encode()).hexdigest()


def _of_file(path: str | Path, end_bytes: int) -> Fingerprint:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - opening a pipe would wait
            return None
        with open(path, "rb") as file:  # noqa: PTH123 - Path raises for a name with a zero byte
            status = os.fstat(file.fileno())
            digest = hashlib.sha256(file.read(end_bytes))
            if status.st_size > end_bytes:
                file.seek(-min(end_bytes, status.st_size - end_bytes), os.SEEK_END)
                digest.update(file.read())
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns, digest.hexdigest()
