"""A frame of a video or camera: its faces cut out of its luma and judged."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mien.media import VideoFrame
from mien.preprocess import crop_faces
from mien.structures import Faces, FrameResult
from mien.track.smoothing import Smoother

if TYPE_CHECKING:
    from mien.inference.analyzer import Analyzer

__all__ = ["TrackedFaces", "cut_faces", "judge"]


@dataclasses.dataclass(slots=True, eq=False)
class TrackedFaces:
    """A frame with its faces and the numbers of the people.

    Attributes:
        frame: The frame.
        faces: Its faces.
        tracks: The person's number of each.
    """

    frame: VideoFrame
    faces: Faces
    tracks: list[int]


def judge(
    analyzer: Analyzer, smoother: Smoother, seen: list[TrackedFaces]
) -> Iterator[FrameResult]:
    """Say what the faces of some frames show; the network runs over all of them at once.

    Args:
        analyzer: Networks and settings.
        smoother: Knows the people of the frames before.
        seen: The frames, in the order of their times.

    Yields:
        One result per frame, its faces largest first.
    """
    crops = [cut_faces(analyzer, each.frame, each.faces) for each in seen]
    probabilities = analyzer.model.probabilities(np.concatenate(crops))
    place = 0
    for each, cut in zip(seen, crops, strict=True):
        frame, count = each.frame, len(each.faces)
        here = probabilities[place : place + count]
        place += count
        sizes = (each.faces.boxes_xyxy[:, 2:] - each.faces.boxes_xyxy[:, :2]).min(axis=1)
        predictions = []
        for rank, number in enumerate(np.argsort(-sizes, kind="stable")):
            track = each.tracks[number]
            smoothed, label = smoother.update(track, here[number], frame.timestamp_s)
            predictions.append(
                analyzer.predict(
                    frame,
                    rank,
                    each.faces[int(number)],
                    crop=cut[number],
                    probabilities=smoothed,
                    label=label,
                    track=track,
                )
            )
        yield FrameResult(
            source=frame.source,
            frame=frame.frame,
            timestamp_s=frame.timestamp_s,
            width=frame.width,
            height=frame.height,
            faces=tuple(predictions),
        )


def cut_faces(analyzer: Analyzer, frame: VideoFrame, faces: Faces) -> NDArray[np.float32]:
    """Cut the faces out of the decoder's luma plane, `(B, S, S)` on the scale of 0 to 255."""
    pixels, black, white = frame.luma()
    crops = crop_faces(pixels, faces.landmarks_xy, analyzer.model.crop)
    if (black, white) == (0.0, 255.0):
        return crops
    return ((crops - black) * (255 / (white - black))).clip(0, 255).astype(np.float32)
