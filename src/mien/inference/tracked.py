"""Classification and smoothing of tracked faces, in the frames of a video or camera."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mien.inference.pipeline import DetectedFrame, Pipeline
from mien.inference.units import smoothed_units
from mien.media import VideoFrame
from mien.structures import Faces, FrameResult
from mien.track import Baselines, Smoother

__all__ = ["TrackedFrame", "classify_frames"]


@dataclasses.dataclass(slots=True, eq=False)
class TrackedFrame:
    """A frame with its faces and their track numbers.

    Attributes:
        frame: The frame.
        faces: Its faces.
        tracks: The track number of each face.
        is_followed: Whether the faces were not searched for in the whole frame.
        crops: `(F, S, S)`, the crops of the faces; None if they are not cut out yet.
    """

    frame: VideoFrame
    faces: Faces
    tracks: list[int]
    is_followed: bool = False
    crops: NDArray[np.float32] | None = None


def classify_frames(
    pipeline: Pipeline,
    smoother: Smoother,
    frames: list[TrackedFrame],
    *,
    baselines: Baselines | None = None,
) -> Iterator[FrameResult]:
    """Classify the faces of several frames in one run of the network, and smooth the results.

    Args:
        pipeline: Networks and settings.
        smoother: The state of the tracks before these frames; it is updated.
        frames: The frames, in order.
        baselines: Those of the tracks before these frames, which are updated and taken off the
            smoothed probabilities; None takes nothing off.

    Yields:
        One result per frame, its faces largest first.
    """
    detected = [_cropped(pipeline, each) for each in frames]
    answers = pipeline.model.classify(np.concatenate([each.crops for each in detected]))
    found = pipeline.read_units(detected)
    start = 0
    for tracked, each, units in zip(frames, detected, found, strict=True):
        own = answers[start : start + len(each.faces)]
        start += len(each.faces)
        time_s = tracked.frame.timestamp_s
        smoothed = []
        for track, answer in zip(each.tracks or (), own.probabilities, strict=True):
            offset = None if baselines is None else baselines.update(track, answer, time_s)
            smoothed.append(smoother.update(track, answer, time_s, offset=offset))
        shown = None
        if units is not None:
            shown = [
                smoothed_units(smoother, track, face, time_s)
                for track, face in zip(each.tracks or (), units, strict=True)
            ]
        yield pipeline.record(each, own, smoothed=smoothed, units=units, smoothed_units=shown)


def _cropped(pipeline: Pipeline, tracked: TrackedFrame) -> DetectedFrame:
    """Crop the faces of a frame, largest first."""
    boxes = tracked.faces.boxes_xyxy
    order = np.argsort(-(boxes[:, 2:] - boxes[:, :2]).min(axis=1), kind="stable")
    faces, crops = tracked.faces.select(order), tracked.crops
    crops = pipeline.crop(tracked.frame, faces) if crops is None else crops[order]
    return DetectedFrame(
        frame=tracked.frame,
        faces=faces,
        crops=crops,
        tracks=[tracked.tracks[number] for number in order],
        is_followed=tracked.is_followed,
    )
