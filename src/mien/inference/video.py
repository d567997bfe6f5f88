"""Analysis of a video: faces are detected in some frames and interpolated between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from typing import Any

import numpy as np

from mien.errors import MediaError
from mien.inference.pipeline import Pipeline
from mien.inference.prefetch import prefetch
from mien.inference.tracked import TrackedFrame, classify_frames
from mien.media import Video, VideoFrame
from mien.options import VideoOptions
from mien.structures import Face, Faces, FrameResult
from mien.track import Smoother, Tracker

__all__ = ["DETECTIONS_PER_S", "VideoState", "analyze_frames", "analyze_video"]

DETECTIONS_PER_S = 8.0
"""How many times per second faces are detected in a video."""

_PREFETCHED_FRAMES = 12
_PREFETCHED_WINDOWS = 3


@dataclasses.dataclass(slots=True, eq=False)
class _Detection:
    """The last frame in which faces were detected."""

    frame: int
    timestamp_s: float
    faces: Faces
    tracks: list[int]


class VideoState:
    """The state of a video's analysis between two frames: tracks, smoothing, last detection.

    Args:
        options: Smoothing, and how long a track may be interrupted.

    Attributes:
        is_complete: Whether the results of all frames up to the state have been yielded. Only then
            can another run continue from it.
    """

    def __init__(self, options: VideoOptions) -> None:
        self.smoother = Smoother(options.smoothing)
        self.tracker = Tracker(max_gap_s=options.max_gap_s)
        self.detection: _Detection | None = None
        self.is_complete = True

    @property
    def frame(self) -> int:
        """The number of the last frame that the state includes; -1 before the first."""
        return -1 if self.detection is None else self.detection.frame

    def to_document(self) -> dict[str, Any]:
        """Return the state as plain values that JSON can hold."""
        detection = self.detection
        return {
            "smoother": self.smoother.to_document(),
            "tracker": self.tracker.to_document(),
            "detection": detection
            and {
                "frame": detection.frame,
                "timestamp_s": detection.timestamp_s,
                "tracks": detection.tracks,
                "boxes_xyxy": detection.faces.boxes_xyxy.tolist(),
                "landmarks_xy": detection.faces.landmarks_xy.tolist(),
                "detection_scores": detection.faces.detection_scores.tolist(),
            },
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Restore the exact state from a document of `to_document`."""
        self.smoother.restore(document["smoother"])
        self.tracker.restore(document["tracker"])
        detection = document["detection"]
        if detection is not None:
            count = len(detection["tracks"])
            faces = Faces(
                boxes_xyxy=np.array(detection["boxes_xyxy"], np.float32).reshape(count, 4),
                landmarks_xy=np.array(detection["landmarks_xy"], np.float32).reshape(count, 5, 2),
                detection_scores=np.array(detection["detection_scores"], np.float32),
            )
            self.detection = _Detection(
                detection["frame"], detection["timestamp_s"], faces, detection["tracks"]
            )


def analyze_video(
    pipeline: Pipeline,
    video: Video,
    options: VideoOptions | None = None,
    *,
    state: VideoState | None = None,
) -> Generator[FrameResult, None, None]:
    """Analyse a video frame by frame; decoding, detection and classification overlap.

    Args:
        pipeline: Networks and settings.
        video: The video.
        options: How it is analysed.
        state: The state to continue from, which is updated; None starts at the beginning.

    Yields:
        One result per frame, in order. For a damaged video, the frames before the damage, and then
        a result with `error`.
    """
    options = options or VideoOptions()
    rate = video.frames_per_second or 25.0
    rate = min(options.max_fps or rate, rate)
    every = options.detect_every or max(1, round(rate / DETECTIONS_PER_S))
    state = state or VideoState(options)
    state.tracker.sampling_interval_s = state.smoother.sampling_interval_s = every / rate
    finished = state.frame
    last = max(finished, 0)
    try:
        with ExitStack() as stack:
            # They are closed in reverse order, so that no thread reads from a closed generator.
            frames = stack.enter_context(closing(video.frames(per_second=options.max_fps)))
            remaining = (frame for frame in frames if frame.frame > finished)
            decoded = stack.enter_context(closing(prefetch(remaining, _PREFETCHED_FRAMES)))
            for result in stack.enter_context(
                closing(analyze_frames(pipeline, decoded, every=every, state=state))
            ):
                last = result.frame
                yield result
    except MediaError as error:
        state.is_complete = False
        yield FrameResult(source=error.source, frame=last, error=error.reason)


def analyze_frames(
    pipeline: Pipeline, frames: Iterable[VideoFrame], *, every: int, state: VideoState
) -> Generator[FrameResult, None, None]:
    """Analyse frames in the order of their times.

    Args:
        pipeline: Networks and settings.
        frames: The frames of one video.
        every: Frames from one detection to the next.
        state: The state before these frames; it is updated.

    Yields:
        One result per frame.
    """
    windows = prefetch(
        _detected(pipeline, frames, every, starts=state.detection is None), _PREFETCHED_WINDOWS
    )
    try:
        for window, faces in windows:
            last = window[-1]
            end = TrackedFrame(last, faces, state.tracker.update(faces, last.timestamp_s))
            tracked = list(_interpolated(state.detection, window, end))
            state.detection = _Detection(last.frame, last.timestamp_s, end.faces, end.tracks)
            state.is_complete = False
            for result in classify_frames(pipeline, state.smoother, tracked):
                state.is_complete = result.frame == last.frame
                yield result
            state.smoother.forget_before(last.timestamp_s)
    finally:
        windows.close()


def _detected(
    pipeline: Pipeline, frames: Iterable[VideoFrame], every: int, *, starts: bool
) -> Iterator[tuple[list[VideoFrame], Faces]]:
    """Group frames so that faces are detected in the last frame of each group."""
    window: list[VideoFrame] = []
    first = starts
    damage: MediaError | None = None
    try:
        for frame in frames:
            window.append(frame)
            if first or len(window) == every:
                yield window, pipeline.detect(frame)
                window, first = [], False
    except MediaError as error:
        damage = error  # raised after the frames that were decoded before it
    if window:
        yield window, pipeline.detect(window[-1])
    if damage is not None:
        raise damage


def _interpolated(
    before: _Detection | None, window: list[VideoFrame], end: TrackedFrame
) -> Iterator[TrackedFrame]:
    """Interpolate the faces of the frames between two detections.

    A track in both detections moves in a straight line. A track that is only in the first stays
    until the middle, and one that is only in the second starts there.
    """
    if before is None:
        # Faces are detected in the first frame of a video, so this window has one frame.
        yield end
        return
    start_s, span_s = before.timestamp_s, end.frame.timestamp_s - before.timestamp_s
    for frame in window[:-1]:
        share = (frame.timestamp_s - start_s) / span_s if span_s > 0 else 0.5
        faces, tracks = [], []
        for number, track in enumerate(before.tracks):
            if track in end.tracks:
                face = end.faces[end.tracks.index(track)]
                faces.append(_interpolate(before.faces[number], face, share))
                tracks.append(track)
            elif share < 0.5:
                faces.append(before.faces[number])
                tracks.append(track)
        for number, track in enumerate(end.tracks):
            if track not in before.tracks and share >= 0.5:
                faces.append(end.faces[number])
                tracks.append(track)
        yield TrackedFrame(frame, Faces.from_list(faces), tracks)
    yield end


def _interpolate(a: Face, b: Face, share: float) -> Face:
    """Return the face between two faces; share 0 gives `a`, 1 gives `b`."""
    return Face(
        box_xyxy=((1 - share) * a.box_xyxy + share * b.box_xyxy).astype(np.float32),
        landmarks_xy=((1 - share) * a.landmarks_xy + share * b.landmarks_xy).astype(np.float32),
        detection_score=(1 - share) * a.detection_score + share * b.detection_score,
    )
