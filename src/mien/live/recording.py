"""What the window keeps when it is asked to: snapshots, videos and their rows."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np

from mien.live.feed import Shown
from mien.media import ResultWriter, VideoWriter, open_writer
from mien.structures import FrameResult

__all__ = ["Recording", "save_snapshot"]


def save_snapshot(shown: Shown, folder: Path) -> Path:
    """Write one frame with its results drawn in as PNG and return its path.

    Raises:
        OutputError: The folder cannot be written.
    """
    path = _free(folder, "png")
    shown.result.save(path, frame_rgb=shown.frame.rgb())
    return path


class Recording:
    """A video with the results drawn in, and their rows as JSON Lines beside it.

    Args:
        folder: Where both go.
        first: The first frame; it sets size and begin.

    Attributes:
        path: The video.
    """

    def __init__(self, folder: Path, first: Shown) -> None:
        self.path = _free(folder, "mp4")
        height, width = first.frame.height, first.frame.width
        rate = first.frames_per_second or 25.0
        self._video = VideoWriter(self.path, size_hw=(height, width), frames_per_second=rate)
        self._rows: ResultWriter = open_writer(self.path.with_suffix(".jsonl"))
        self._begin_s = first.result.timestamp_s or 0.0
        self._size = (height, width)
        self.write(first)

    def write(self, shown: Shown) -> None:
        """Add a frame.

        Raises:
            OutputError: The disk is full or the folder went away.
        """
        self._rows.write(shown.result)
        if (shown.frame.height, shown.frame.width) == self._size:
            # A camera may come back with another size: then the rows alone go on.
            drawn = np.asarray(shown.result.plot(frame_rgb=shown.frame.rgb()))
            self._video.write(drawn, (shown.result.timestamp_s or 0.0) - self._begin_s)

    def write_gap(self, gap: FrameResult) -> None:
        """Note in the rows that the source was away.

        Raises:
            OutputError: The disk is full or the folder went away.
        """
        self._rows.write(gap)

    def abandon(self) -> None:
        """Stop; what was recorded stays under the files' partial names, and can be played."""
        self._video.abandon()
        self._rows.abandon()

    def close(self) -> None:
        """Finish both files.

        Raises:
            OutputError: The disk is full or the folder went away.
        """
        try:
            self._video.close()
        finally:
            self._rows.close()


def _free(folder: Path, suffix: str) -> Path:
    """Name a file after the moment; a second of that name gets a number."""
    stem = datetime.datetime.now().strftime("mien-%Y-%m-%d-%H%M%S")
    path, number = folder / f"{stem}.{suffix}", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.{suffix}"
    return path
