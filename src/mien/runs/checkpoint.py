"""Checkpoints: how far an analysis has come, so that another run can resume it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mien.inference import Step, VideoState
from mien.options import VideoOptions
from mien.track import Baselines

__all__ = ["Checkpoint"]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """How far an analysis has come.

    Attributes:
        inputs: How many images and videos are finished.
        video: The state of the video that is being analysed; None between two inputs.
        album: The baseline of the one person of all images, `(6,)`; None without one.
    """

    inputs: int = 0
    video: VideoState | None = None
    album: NDArray[np.float64] | None = None

    @classmethod
    def after(cls, step: Step) -> Self:
        """Return the checkpoint after a step of an analysis."""
        return cls(step.inputs, step.video, step.album)

    @property
    def is_complete(self) -> bool:
        """Whether every result up to it has been yielded; only then may it be saved."""
        return self.video is None or self.video.is_complete

    @property
    def frame(self) -> int | None:
        """The last frame of the video that is being analysed, or None."""
        return None if self.video is None else self.video.frame

    def to_document(self) -> dict[str, Any]:
        """Return the checkpoint as plain values that JSON can hold."""
        video = None if self.video is None else self.video.to_document()
        album = None if self.album is None else self.album.tolist()
        return {"inputs": self.inputs, "video": video, "album": album}

    @classmethod
    def from_document(
        cls,
        document: Mapping[str, Any],
        options: VideoOptions | None = None,
        baselines: Baselines | None = None,
    ) -> Self:
        """Rebuild a checkpoint from `to_document`.

        Args:
            document: The plain values.
            options: Those of the interrupted run. They are needed to continue in a video.
            baselines: Those of a new clip, if the options want any, for the same purpose.
        """
        video = None
        if document["video"] is not None:
            video = VideoState(options or VideoOptions(), baselines)
            video.restore(document["video"])
        album = document["album"]
        return cls(document["inputs"], video, None if album is None else np.array(album))
