"""Decoding in a process that can be ended: files of strangers, with limits on memory.

A decoder cannot be interrupted in a thread. What is here runs in the other process; it is kept
apart from the server so that the process starts quickly.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import signal
import sys
import threading
import time
from pathlib import Path

from PIL import Image

from mien.errors import MediaError
from mien.media.images import decode_image
from mien.media.videos import Video
from mien.structures import Frame

__all__ = [
    "MAX_SIDE_PX",
    "DecodedImage",
    "decode_image_limited",
    "prepare_process",
    "video_duration_s",
]

_PARENT_CHECK_INTERVAL_S = 0.2

MAX_SIDE_PX = 30_000
"""Longer images are scaled down: a strip of a few rows would be searched in thousands of tiles."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """A decoded image, scaled down if it is large.

    Attributes:
        frame: The image as it is searched.
        size_hw: Its height and width before it was scaled.
    """

    frame: Frame
    size_hw: tuple[int, int]


def decode_image_limited(
    data: bytes, source: str, max_pixels: int, max_search_pixels: int, max_memory_bytes: int
) -> DecodedImage | MediaError:
    """Decode an image in this process; see `decode_image`.

    Args:
        data: The encoded image.
        source: What to call it in messages.
        max_pixels: Images that declare more pixels are refused.
        max_search_pixels: Larger images are scaled down to so many pixels.
        max_memory_bytes: Limit of the memory that this process takes for its work.

    Returns:
        The image, or why there is none.
    """
    prepare_process(max_memory_bytes)
    size_hw = (0, 0)

    def fit(image: Image.Image) -> Image.Image:
        nonlocal size_hw
        size_hw = image.height, image.width
        share = min(1.0, math.sqrt(max_search_pixels / (image.width * image.height)))
        share = min(share, MAX_SIDE_PX / max(image.size))
        if share == 1:
            return image
        size = max(1, int(image.width * share)), max(1, int(image.height * share))
        return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)

    try:
        frame = decode_image(data, source, max_pixels=max_pixels, fit=fit)
    except MediaError as error:
        return error
    if size_hw != (frame.height, frame.width):
        note = f"large: faces were searched in a copy of {frame.width} x {frame.height} pixels"
        frame = dataclasses.replace(frame, notes=(*frame.notes, note))
    return DecodedImage(frame, size_hw)


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
