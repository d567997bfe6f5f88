"""How far an analysis of many inputs has come, so that another run can go on from there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from mien.inference.video import VideoOptions, VideoState

__all__ = ["Checkpoint"]


@dataclasses.dataclass(slots=True, eq=False)
class Checkpoint:
    """How far an analysis has come.

    Attributes:
        inputs: How many images and videos are done.
        video: What is known of the video that is being analysed, if it is one.
    """

    inputs: int = 0
    video: VideoState | None = None

    @property
    def complete(self) -> bool:
        """Whether all that it stands for has been handed out; else a moment later it will be."""
        return self.video is None or self.video.complete

    @property
    def done(self) -> tuple[int, int | None]:
        """How many inputs are done, and the last frame of the video that is being analysed."""
        return self.inputs, None if self.video is None else self.video.frame

    def finish_input(self) -> None:
        """Count one more image or video as done."""
        self.inputs, self.video = self.inputs + 1, None

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
