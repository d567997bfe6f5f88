"""Checkpoints: how far an analysis has come, so that another run can resume it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from mien.inference import Step, VideoState
from mien.options import VideoOptions

__all__ = ["Checkpoint"]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """How far an analysis has come.

    Attributes:
        inputs: How many images and videos are finished.
        video: The state of the video that is being analysed; None between two inputs.
    """

    inputs: int = 0
    video: VideoState | None = None

    @classmethod
    def after(cls, step: Step) -> Self:
        """Return the checkpoint after a step of an analysis."""
        return cls(step.inputs, step.video)

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
        return {"inputs": self.inputs, "video": video}

    @classmethod
    def from_document(
        cls, document: Mapping[str, Any], options: VideoOptions | None = None
    ) -> Self:
        """Rebuild a checkpoint from `to_document`.

        Args:
            document: The plain values.
            options: Those of the interrupted run. They are needed to continue in a video.
        """
        video = None
        if document["video"] is not None:
            video = VideoState(options or VideoOptions())
            video.restore(document["video"])
        return cls(document["inputs"], video)
