"""One process at a time writes a study, or a shard of it.

The system takes a lock away when its process ends, however that ends, so nothing has to be removed
after a kill. The files of the locks stay, since removing one could hide a lock that is held. Where
a file system knows no locks, nothing is refused.
"""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mien._output import cannot_write
from mien.errors import OutputError

__all__ = ["study_lock"]

_OF_ALL = "study.lock"
_OF_SHARD = "shard-{}-of-{}.lock"
_HELD = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK, errno.EWOULDBLOCK})


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
    with contextlib.ExitStack() as stack:
        for name, shared in names.items():
            path = folder / name
            try:
                folder.mkdir(parents=True, exist_ok=True)
                file = stack.enter_context(path.open("a+b"))
            except OSError as error:
                raise cannot_write(path, error) from error
            try:
                _lock(file, shared=shared)
            except OSError as error:
                if error.errno in _HELD:
                    raise OutputError(
                        f"{folder}: another process is writing this study. Wait for its end, or "
                        "choose another folder"
                    ) from error
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes], *, shared: bool) -> None:
        """Lock a file until it is closed; Windows shares no locks, so shards do not wait."""
        if not shared:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes], *, shared: bool) -> None:
        """Lock a file until it is closed."""
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
