"""One process at a time does some work: a lock of the system on a file.

The system takes a lock away when its process ends, however that ends, so nothing has to be removed
after a kill. Where a file system knows no locks, nothing is refused.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mien._output import cannot_write
from mien.errors import OutputError

__all__ = ["file_lock"]

_HELD = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK, errno.EWOULDBLOCK})

_MAX_TRIES = 100
"""Of opening a file that others remove meanwhile."""


@contextlib.contextmanager
def file_lock(
    path: Path, *, held: str, shared: bool = False, remove: bool = False
) -> Iterator[None]:
    """Hold the lock of a file; its folder is made if it is missing.

    Args:
        path: The file, which holds nothing.
        held: What is wrong if another process holds it, for the message.
        shared: Whether others may hold it at the same time, if they share it too.
        remove: Whether the file is removed at the end. A killed process leaves it, without a lock.

    Raises:
        OutputError: Another process holds it, or the file cannot be written.
    """
    file = _locked(path, held=held, shared=shared)
    try:
        yield
    finally:
        # Windows removes no open file. There, one that another process has opened since stays.
        if remove and sys.platform != "win32":
            _remove(path)
        file.close()
        if remove and sys.platform == "win32":
            _remove(path)


def _locked(path: Path, *, held: str, shared: bool) -> IO[bytes]:
    for _ in range(_MAX_TRIES):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a+b")
        except OSError as error:
            raise cannot_write(path, error) from error
        try:
            _lock(file, shared=shared)
        except OSError as error:
            if error.errno in _HELD:
                file.close()
                raise OutputError(held) from error
        if _is_at(path, file):
            break
        file.close()  # the process that held the lock has removed it: nobody else would see it
    return file


def _is_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes], *, shared: bool) -> None:
        """Lock a file until it is closed; Windows shares no locks, so those that do are none."""
        if not shared:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes], *, shared: bool) -> None:
        """Lock a file until it is closed."""
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
