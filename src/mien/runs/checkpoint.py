"""How far an analysis of many inputs has come, so that another run can go on from there."""

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
        """Return the checkpoint that an analysis has reached with a step."""
        return cls(step.inputs, step.video)

    @property
    def is_complete(self) -> bool:
        """Whether every result up to it has been yielded; only then it may be kept."""
        return self.video is None or self.video.is_complete

    @property
    def frame(self) -> int | None:
        """The last frame of the video that is being analysed, or None."""
        return None if self.video is None else self.video.frame

    def to_document(self) -> dict[str, Any]:
        """Return it as plain values that JSON can hold."""
        video = None if self.video is None else self.video.to_document()
        return {"inputs": self.inputs, "video": video}

    @classmethod
    def from_document(cls, document: Mapping[str, Any], options: VideoOptions) -> Self:
        """Rebuild what `to_document` returned; `options` are those of the run before."""
        video = None
        if document["video"] is not None:
            video = VideoState(options)
            video.restore(document["video"])
        return cls(document["inputs"], video)
