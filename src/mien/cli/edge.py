"""The edge of the process: interruptions, and errors of its output, end in one line."""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING

from mien.errors import OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["describe_os_error", "drop_stdout", "interrupt_once", "print_error", "set_up_streams"]

_IGNORED_S = 3.0
"""How long a process has for closing its files after Ctrl-C, before the next one counts."""


def interrupt_once() -> None:
    """Have Ctrl-C raise `KeyboardInterrupt`, but ignore those that follow at once.

    A second one would interrupt the closing of files and of threads that read from them.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    interrupted_at = float("-inf")

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted_at
        if time.monotonic() - interrupted_at < _IGNORED_S:
            return
        interrupted_at = time.monotonic()
        # At its very end Python takes the handler away, and another Ctrl-C would kill it.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    # A shell has processes in the background ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, on_interrupt)


def print_error(message: str) -> None:
    """Print a line on stderr, if that takes one."""
    with contextlib.suppress(OSError):
        print(f"mien: {message}", file=sys.stderr)


def describe_os_error(error: OSError) -> str:
    """Return in one line what the system refused, and where."""
    reason = error.strerror or str(error)
    return reason if error.filename is None else f"{os.fsdecode(error.filename)}: {reason}"


class _Stdout(io.FileIO):
    """The file descriptor of stdout; what it refuses is an `OutputError`."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write bytes.

        Raises:
            BrokenPipeError: Nobody reads them.
            OutputError: They cannot be written, for example because the disk is full.
        """
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"stdout: cannot write: {error.strerror}") from error


def set_up_streams() -> None:
    """Have stdout take every text, and say what it refuses; without one, results go nowhere."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - open until the end
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    elif isinstance(sys.stdout, io.TextIOWrapper):
        # A file name that is no valid text is printed escaped instead of ending the run.
        sys.stdout.reconfigure(errors="backslashreplace")
        if isinstance(getattr(sys.stdout.buffer, "raw", sys.stdout.buffer), io.FileIO):
            sys.stdout = io.TextIOWrapper(
                io.BufferedWriter(_Stdout(sys.stdout.fileno(), "w", closefd=False)),
                encoding=sys.stdout.encoding,
                errors="backslashreplace",
                line_buffering=sys.stdout.line_buffering or sys.stdout.write_through,
            )


def drop_stdout() -> None:
    """Send what is still buffered nowhere, since Python would try to write it again at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
