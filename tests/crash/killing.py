"""Work in a child process that kills itself at a chosen event of the file system.

Every change that Python makes in a folder is an event: a file is opened for writing, renamed,
removed or truncated, a folder is made. A kill comes before the event. The same number kills at the
same place each time, and nothing has to be timed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

__all__ = ["run"]

_CHANGES = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}


def run(work: Callable[[], int], folder: Path, log: Path, *, kill_at: int = 0) -> tuple[int, int]:
    """Run some work in a forked process, which takes no time to start.

    Args:
        work: Returns the exit status, or raises `SystemExit`.
        folder: The folder whose changes count.
        log: Takes what the work prints.
        kill_at: The number of the event, from 1 on, before which the process is killed; 0 for none.

    Returns:
        The exit status, which is -9 after a kill, and the number of events; 0 after a kill.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os._exit(_work(work, folder, log, kill_at, writer))
    os.close(writer)
    with os.fdopen(reader) as told:
        counted = told.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), int(counted or 0)


def _work(work: Callable[[], int], folder: Path, log: Path, kill_at: int, writer: int) -> int:
    events, prefix = 0, os.fspath(folder)

    def hook(name: str, details: tuple[object, ...]) -> None:
        nonlocal events
        if name == "open":
            path, _, flags = details
            is_change = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
        else:
            path, is_change = (details[0] if name in _CHANGES else None), True
        if not is_change or not isinstance(path, str | bytes | os.PathLike):
            return
        if os.fsdecode(path).startswith(prefix):
            events += 1
            if events == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    with log.open("a") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.addaudithook(hook)
    try:
        status = work()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 99
    with contextlib.suppress(ValueError, OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os.write(writer, str(events).encode())
    return status
