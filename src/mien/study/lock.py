"""One process at a time writes a study, or a shard of it.

The files of the locks stay, since a study's folder is one's own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from mien._locking import file_lock

__all__ = ["study_lock"]

_OF_ALL = "study.lock"
_OF_SHARD = "shard-{}-of-{}.lock"


@contextlib.contextmanager
def study_lock(
    folder: Path, shard: tuple[int, int] | None, *, alone: bool = False
) -> Iterator[None]:
    """Hold the lock of a study, or of a shard of it; other shards may be written meanwhile.

    Args:
        folder: The study's folder; it is made if it is missing.
        shard: The number of the shard, from 1, and how many there are; None for a whole study.
        alone: Whether no other shard may be written meanwhile either.

    Raises:
        OutputError: Another process holds it, or the folder cannot be written.
    """
    names = {_OF_ALL: shard is not None and not alone}
    if shard is not None:
        names[_OF_SHARD.format(*shard)] = False
    held = (
        f"{folder}: another process is writing this study. Wait for its end, or choose another "
        "folder"
    )
    with contextlib.ExitStack() as stack:
        for name, shared in names.items():
            stack.enter_context(file_lock(folder / name, held=held, shared=shared))
        yield
