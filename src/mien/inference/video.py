"""Expressions over a video: detection now and then, faces followed between, one row per frame."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mien.detect import Detector
from mien.errors import InputError, MediaError
from mien.inference.frames import TrackedFaces, judge
from mien.inference.prefetch import prefetch
from mien.media import Video, VideoFrame
from mien.structures import Face, Faces, FrameResult
from mien.track import Tracker
from mien.track.smoothing import Smoother, SmoothingOptions

if TYPE_CHECKING:
    from mien.inference.analyzer import Analyzer

__all__ = [
    "DETECTIONS_PER_S",
    "VideoOptions",
    "VideoState",
    "analyze_frames",
    "analyze_video",
    "detect_downscaled",
]

DETECTIONS_PER_S = 8.0
"""How often faces are looked for in a video."""

SMALLEST_FACE_PX = 16
"""Frames are shrunk so that the smallest wanted face still has this many pixels."""

SHORTEST_SIDE_PX = 180
"""Frames are not shrunk below this side."""

_DECODED_AHEAD = 12
_DETECTED_AHEAD = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VideoOptions:
    """How a video is analysed.

    Attributes:
        every: Frames from one detection to the next; None chooses so that there are about eight
            a second in a video, and as many as time allows of a camera or stream.
        per_second: Analyse at most so many frames a second; None analyses every one.
        smoothing: How much the probabilities are smoothed over time.
        max_gap_s: A person who was not seen for longer gets a new number; where detections are
            far apart, after some of them.

    Raises:
        InputError: A number is out of its range.
    """

    every: int | None = None
    per_second: float | None = None
    smoothing: SmoothingOptions = dataclasses.field(default_factory=SmoothingOptions)
    max_gap_s: float = 1.0

    def __post_init__(self) -> None:
        if self.every is not None and not self.every >= 1:
            raise InputError(f"every: expected 1 or more, found {self.every}")
        if self.per_second is not None and not 0 < self.per_second < math.inf:
            raise InputError(f"per_second: expected more than 0, found {self.per_second}")
        if not 0 <= self.max_gap_s < math.inf:
            raise InputError(f"max_gap_s: expected 0 or more, found {self.max_gap_s}")


@dataclasses.dataclass(slots=True, eq=False)
class _Known:
    """The last frame in which faces were looked for."""

    frame: int
    timestamp_s: float
    faces: Faces
    tracks: list[int]


class VideoState:
    """What the analysis of a video knows of the frames before the next one.

    Args:
        options: Smoothing, and how long people are remembered.

    Attributes:
        complete: Whether every frame that it knows of has been handed out as a result; only then
            can another run go on from it.
    """

    def __init__(self, options: VideoOptions) -> None:
        self.smoother = Smoother(options.smoothing)
        self.tracker = Tracker(max_gap_s=options.max_gap_s)
        self.known: _Known | None = None
        self.complete = True

    @property
    def frame(self) -> int:
        """The last frame that it knows of; -1 before the first."""
        return -1 if self.known is None else self.known.frame

    def to_document(self) -> dict[str, Any]:
        """Return all of it as plain values that JSON can hold."""
        known = self.known
        return {
            "smoother": self.smoother.to_document(),
            "tracker": self.tracker.to_document(),
            "known": known
            and {
                "frame": known.frame,
                "timestamp_s": known.timestamp_s,
                "tracks": known.tracks,
                "boxes_xyxy": known.faces.boxes_xyxy.tolist(),
                "landmarks_xy": known.faces.landmarks_xy.tolist(),
                "detection_scores": known.faces.detection_scores.tolist(),
            },
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take over what `to_document` returned, to the last bit."""
        self.smoother.restore(document["smoother"])
        self.tracker.restore(document["tracker"])
        known = document["known"]
        if known is not None:
            count = len(known["tracks"])
            faces = Faces(
                boxes_xyxy=np.array(known["boxes_xyxy"], np.float32).reshape(count, 4),
                landmarks_xy=np.array(known["landmarks_xy"], np.float32).reshape(count, 5, 2),
                detection_scores=np.array(known["detection_scores"], np.float32),
            )
            self.known = _Known(known["frame"], known["timestamp_s"], faces, known["tracks"])


def analyze_video(
    analyzer: Analyzer,
    video: Video,
    options: VideoOptions | None = None,
    memory: VideoState | None = None,
) -> Generator[FrameResult, None, None]:
    """Analyse a video frame by frame; decoding, detection and the rest overlap.

    Args:
        analyzer: Networks and settings.
        video: The video.
        options: How.
        memory: Goes on after the frames that it knows of, and is kept up to date.

    Yields:
        One result per frame, in order. A video that is damaged ends with a result with `error`; the
        frames before it are there.
    """
    options = options or VideoOptions()
    rate = video.frames_per_second or 25.0
    rate = min(options.per_second or rate, rate)
    every = options.every or max(1, round(rate / DETECTIONS_PER_S))
    memory = memory or VideoState(options)
    memory.tracker.sampling_interval_s = memory.smoother.sampling_interval_s = every / rate
    new = _after(memory.frame, video.frames(per_second=options.per_second))
    last = max(memory.frame, 0)
    try:
        for result in analyze_frames(
            analyzer, prefetch(new, _DECODED_AHEAD), every=every, memory=memory
        ):
            last = result.frame
            yield result
    except MediaError as error:
        memory.complete = False
        yield FrameResult(source=error.source, frame=last, error=error.reason)


def analyze_frames(
    analyzer: Analyzer, frames: Iterable[VideoFrame], *, every: int, memory: VideoState
) -> Generator[FrameResult, None, None]:
    """Analyse frames in the order of their times.

    Args:
        analyzer: Networks and settings.
        frames: The frames of one clip.
        every: Frames from one detection to the next.
        memory: What is known of the frames before; kept up to date.

    Yields:
        One result per frame.
    """
    groups = _detected(
        analyzer.detector,
        frames,
        every,
        min_face_px=analyzer.min_face_px,
        begins=memory.known is None,
    )
    windows = prefetch(groups, _DETECTED_AHEAD)
    try:
        for window, faces in windows:
            last = window[-1]
            end = TrackedFaces(last, faces, memory.tracker.update(faces, last.timestamp_s))
            seen = list(_between(memory.known, window, end))
            memory.known = _Known(last.frame, last.timestamp_s, end.faces, end.tracks)
            memory.complete = False
            for result in judge(analyzer, memory.smoother, seen):
                memory.complete = result.frame == last.frame
                yield result
            memory.smoother.forget_before(last.timestamp_s)
    finally:
        windows.close()


def _detected(
    detector: Detector, frames: Iterable[VideoFrame], every: int, *, min_face_px: int, begins: bool
) -> Iterator[tuple[list[VideoFrame], Faces]]:
    """Group frames so that each group ends with one in which faces were looked for."""
    window: list[VideoFrame] = []
    first = begins
    damage: MediaError | None = None
    try:
        for frame in frames:
            window.append(frame)
            if first or len(window) == every:
                yield window, detect_downscaled(detector, frame, min_face_px)
                window, first = [], False
    except MediaError as error:
        damage = error  # what was decoded before comes out first
    if window:
        yield window, detect_downscaled(detector, window[-1], min_face_px)
    if damage is not None:
        raise damage


def detect_downscaled(detector: Detector, frame: VideoFrame, min_face_px: int) -> Faces:
    """Look for faces in a frame that the decoder's own scaler has made small enough.

    Args:
        detector: Finds them.
        frame: The frame.
        min_face_px: Faces whose shorter side is below this many pixels are left out.

    Returns:
        The faces in pixels of the frame, largest first.
    """
    shorter = min(frame.height, frame.width)
    scale = max(SMALLEST_FACE_PX / min_face_px, min(1.0, SHORTEST_SIDE_PX / shorter))
    scale = min(scale, 1.0)
    size = (max(1, round(frame.height * scale)), max(1, round(frame.width * scale)))
    faces = detector.detect(frame.rgb(size), min_face_px=max(1, round(min_face_px * scale)))
    back = np.array([frame.width / size[1], frame.height / size[0]], np.float32)
    return Faces(
        boxes_xyxy=faces.boxes_xyxy * np.tile(back, 2),
        landmarks_xy=faces.landmarks_xy * back,
        detection_scores=faces.detection_scores,
    )


def _after(number: int, frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
    return (frame for frame in frames if frame.frame > number)


def _between(
    before: _Known | None, window: list[VideoFrame], end: TrackedFaces
) -> Iterator[TrackedFaces]:
    """Give each frame of a window its faces: those of both ends in a line, others till half-way."""
    if before is None:
        # A video begins with a detection, so this window has one frame.
        yield end
        return
    start_s, span_s = before.timestamp_s, end.frame.timestamp_s - before.timestamp_s
    for frame in window[:-1]:
        share = (frame.timestamp_s - start_s) / span_s if span_s > 0 else 0.5
        faces, tracks = [], []
        for number, track in enumerate(before.tracks):
            if track in end.tracks:
                there = end.faces[end.tracks.index(track)]
                faces.append(_mixed(before.faces[number], there, share))
                tracks.append(track)
            elif share < 0.5:
                faces.append(before.faces[number])
                tracks.append(track)
        for number, track in enumerate(end.tracks):
            if track not in before.tracks and share >= 0.5:
                faces.append(end.faces[number])
                tracks.append(track)
        yield TrackedFaces(frame, _together(faces), tracks)
    yield end


def _mixed(a: Face, b: Face, share: float) -> Face:
    return Face(
        box_xyxy=((1 - share) * a.box_xyxy + share * b.box_xyxy).astype(np.float32),
        landmarks_xy=((1 - share) * a.landmarks_xy + share * b.landmarks_xy).astype(np.float32),
        detection_score=(1 - share) * a.detection_score + share * b.detection_score,
    )


def _together(faces: list[Face]) -> Faces:
    if not faces:
        return Faces.none()
    return Faces(
        boxes_xyxy=np.stack([face.box_xyxy for face in faces]),
        landmarks_xy=np.stack([face.landmarks_xy for face in faces]),
        detection_scores=np.array([face.detection_score for face in faces], np.float32),
    )
