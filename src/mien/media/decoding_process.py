"""Decoding in a process that can be ended: files of strangers, with limits on memory.

A decoder cannot be interrupted in a thread. What is here runs in the other process; it is kept
apart from the server so that the process starts quickly.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading
import time
from pathlib import Path

from mien.errors import MediaError
from mien.media.images import decode_image
from mien.media.videos import Video
from mien.structures import Frame

__all__ = ["decode_image_limited", "prepare_process", "video_duration_s"]

_PARENT_CHECK_INTERVAL_S = 0.2


def decode_image_limited(
    data: bytes, source: str, max_pixels: int, max_memory_bytes: int
) -> Frame | MediaError:
    """Decode an image in this process; see `decode_image`.

    Args:
        data: The encoded image.
        source: What to call it in messages.
        max_pixels: Images that declare more pixels are refused.
        max_memory_bytes: Limit of the memory that this process takes for its work.

    Returns:
        The frame, or why there is none.
    """
    prepare_process(max_memory_bytes)
    try:
        return decode_image(data, source, max_pixels=max_pixels)
    except MediaError as error:
        return error


def video_duration_s(path: str, max_memory_bytes: int) -> float | MediaError | None:
    """Open a video in this process; return its duration if it declares one, or what is wrong."""
    prepare_process(max_memory_bytes)
    try:
        with Video(path) as video:
            return video.duration_s
    except MediaError as error:
        return error


@functools.cache
def prepare_process(max_memory_bytes: int) -> None:
    """Make this process, which another one started, fit for files of strangers.

    It ends with its parent and by nothing else but SIGKILL: Ctrl-C and the end of a service reach
    it too, but the parent decides. Where the system has such a limit (Linux), allocations above the
    memory limit fail.

    Args:
        max_memory_bytes: Memory that may be allocated above what the process has now.
    """
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    # Nobody reads what libraries print there, and a full pipe would stop the process.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    if sys.platform == "linux":
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
        max_bytes = pages * resource.getpagesize() + max_memory_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (max_bytes, max_bytes))


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_INTERVAL_S)
    os._exit(1)
