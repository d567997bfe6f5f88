"""Snapshots and recordings of the live window: images, and videos with their rows."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any

import numpy as np

from mien.live.feed import LiveFrame
from mien.media import ResultWriter, VideoWriter, open_writer
from mien.structures import FrameResult

__all__ = ["Recording", "save_snapshot"]


def save_snapshot(shown: LiveFrame, folder: Path) -> Path:
    """Write one frame with its results drawn in as PNG and return its path.

    Raises:
        OutputError: The folder cannot be written.
    """
    path = _unused_path(folder, "png")
    shown.result.save(path, frame_rgb=shown.frame.rgb())
    return path


class Recording:
    """A video with the results drawn in, and their rows as JSON Lines beside it.

    The times and numbers of the rows are those of the video, and count from its first frame.

    Args:
        folder: The folder of both files.
        first: The first frame; it sets the size and the start.

    Attributes:
        path: The video.
    """

    def __init__(self, folder: Path, first: LiveFrame) -> None:
        self.path = _unused_path(folder, "mp4")
        height, width = first.frame.height, first.frame.width
        rate = first.frames_per_second or 25.0
        self._video = VideoWriter(self.path, size_hw=(height, width), frames_per_second=rate)
        self._rows: ResultWriter = open_writer(self.path.with_suffix(".jsonl"))
        self._start_s = first.result.timestamp_s or 0.0
        self._frame = -1
        self._size = (height, width)
        self.write(first)

    def write(self, shown: LiveFrame) -> None:
        """Add a frame.

        Raises:
            OutputError: The disk is full or the folder has been removed.
        """
        self._frame += 1
        result = self._of_video(shown.result, self._frame)
        self._rows.write(result)
        if (shown.frame.height, shown.frame.width) == self._size:
            # After a reconnection a camera may have another size: then only rows are written.
            drawn = np.asarray(shown.result.plot(frame_rgb=shown.frame.rgb()))
            self._video.write(drawn, result.timestamp_s or 0.0)

    def write_gap(self, gap: FrameResult) -> None:
        """Note in the rows that no frames arrived for some time.

        Raises:
            OutputError: The disk is full or the folder has been removed.
        """
        self._rows.write(self._of_video(gap, self._frame + 1))

    def _of_video(self, result: FrameResult, frame: int) -> FrameResult:
        """Return a result with its number and time in the video."""
        timestamp_s = max((result.timestamp_s or 0.0) - self._start_s, 0.0)
        changes: dict[str, Any] = {"frame": frame, "timestamp_s": timestamp_s}
        faces = tuple(dataclasses.replace(face, **changes) for face in result.faces)
        return dataclasses.replace(result, faces=faces, **changes)

    def abandon(self) -> None:
        """Stop; the recording stays under the files' partial names, and the video can be played."""
        self._video.abandon()
        self._rows.abandon()

    def close(self) -> None:
        """Finish both files.

        Raises:
            OutputError: The disk is full or the folder has been removed.
        """
        try:
            self._video.close()
        finally:
            self._rows.close()


def _unused_path(folder: Path, suffix: str) -> Path:
    """Return a path named after the current time; a number is added if the name is in use."""
    stem = datetime.datetime.now().strftime("mien-%Y-%m-%d-%H%M%S")
    path, number = folder / f"{stem}.{suffix}", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.{suffix}"
    return path
