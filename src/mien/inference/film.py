"""Expressions over a film: detection now and then, faces followed between, one row per frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mien.detect import Detector, Tracker
from mien.errors import MediaError
from mien.inference.ahead import ahead
from mien.inference.smoothing import Smoother, SmoothingOptions
from mien.media import Film, FilmFrame
from mien.preprocess import crop_faces
from mien.structures import Face, Faces, FrameResult

if TYPE_CHECKING:
    from mien.inference.analyzer import Analyzer

__all__ = ["FilmOptions", "LiveAnalysis", "analyze_film", "analyze_frames"]

_DETECTIONS_PER_S = 8.0
_SMALLEST_FACE_PX = 16
_SHORTEST_SIDE_PX = 180
_DECODED_AHEAD = 12
_DETECTED_AHEAD = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FilmOptions:
    """How a film is analysed.

    Attributes:
        every: Frames from one detection to the next; None chooses so that there are about eight
            a second.
        per_second: Analyse at most so many frames a second; None analyses every one.
        smoothing: How much the probabilities are smoothed over time.
        max_gap_s: A person who was not seen for longer gets a new number.
    """

    every: int | None = None
    per_second: float | None = None
    smoothing: SmoothingOptions = dataclasses.field(default_factory=SmoothingOptions)
    max_gap_s: float = 1.0


@dataclasses.dataclass(slots=True, eq=False)
class _Seen:
    """A frame with its faces and the numbers of the people."""

    frame: FilmFrame
    faces: Faces
    tracks: list[int]


def analyze_film(
    analyzer: Analyzer, film: Film, options: FilmOptions | None = None
) -> Generator[FrameResult, None, None]:
    """Analyse a film frame by frame; decoding, detection and the rest overlap.

    Args:
        analyzer: Networks and settings.
        film: The film.
        options: How.

    Yields:
        One result per frame, in order. A film that is damaged ends with a result with `error`; the
        frames before it are there.
    """
    options = options or FilmOptions()
    rate = options.per_second or film.frames_per_second or 25.0
    every = options.every or max(1, round(rate / _DETECTIONS_PER_S))
    frames = ahead(film.frames(per_second=options.per_second), _DECODED_AHEAD)
    last = 0
    try:
        for result in analyze_frames(analyzer, frames, every=every, options=options):
            last = result.frame
            yield result
    except MediaError as error:
        yield FrameResult(source=error.source, frame=last, error=error.reason)


def analyze_frames(
    analyzer: Analyzer, frames: Iterable[FilmFrame], *, every: int, options: FilmOptions
) -> Generator[FrameResult, None, None]:
    """Analyse frames in the order of their times.

    Args:
        analyzer: Networks and settings.
        frames: The frames of one clip.
        every: Frames from one detection to the next.
        options: How.

    Yields:
        One result per frame.
    """
    smoother = Smoother(options.smoothing)
    tracker = Tracker(max_gap_s=options.max_gap_s)
    scale_px = analyzer.min_face_px
    windows = ahead(_detected(analyzer.detector, frames, every, scale_px), _DETECTED_AHEAD)
    before: _Seen | None = None
    try:
        for window, faces in windows:
            end = _Seen(window[-1], faces, tracker.update(faces, window[-1].timestamp_s))
            yield from _results(analyzer, smoother, list(_between(before, window, end)))
            before = end
    finally:
        windows.close()


class LiveAnalysis:
    """Analyses frames as they come, each at once and with a detection of its own.

    Args:
        analyzer: Networks and settings.
        options: Smoothing, and how long people are remembered.
    """

    def __init__(self, analyzer: Analyzer, options: FilmOptions | None = None) -> None:
        options = options or FilmOptions()
        self._analyzer = analyzer
        self._smoother = Smoother(options.smoothing)
        self._tracker = Tracker(max_gap_s=options.max_gap_s)

    def smooth(self, options: SmoothingOptions) -> None:
        """Smooth otherwise from now on; what was known of people is forgotten."""
        self._smoother = Smoother(options)

    def analyze(self, frame: FilmFrame) -> FrameResult:
        """Analyse one frame.

        Args:
            frame: The next frame; not older than the one before.
        """
        faces = _detect(self._analyzer.detector, frame, self._analyzer.min_face_px)
        tracks = self._tracker.update(faces, frame.timestamp_s)
        return next(_results(self._analyzer, self._smoother, [_Seen(frame, faces, tracks)]))


def _detected(
    detector: Detector, frames: Iterable[FilmFrame], every: int, min_face_px: int
) -> Iterator[tuple[list[FilmFrame], Faces]]:
    """Group frames so that each group ends with one in which faces were looked for."""
    window: list[FilmFrame] = []
    first = True
    damage: MediaError | None = None
    try:
        for frame in frames:
            window.append(frame)
            if first or len(window) == every:
                yield window, _detect(detector, frame, min_face_px)
                window, first = [], False
    except MediaError as error:
        damage = error  # what was decoded before comes out first
    if window:
        yield window, _detect(detector, window[-1], min_face_px)
    if damage is not None:
        raise damage


def _detect(detector: Detector, frame: FilmFrame, min_face_px: int) -> Faces:
    """Look for faces in a frame that the decoder's own scaler has made small enough."""
    shorter = min(frame.height, frame.width)
    scale = max(_SMALLEST_FACE_PX / min_face_px, min(1.0, _SHORTEST_SIDE_PX / shorter))
    scale = min(scale, 1.0)
    size = (max(1, round(frame.height * scale)), max(1, round(frame.width * scale)))
    faces = detector.detect(frame.rgb(size), min_face_px=max(1, round(min_face_px * scale)))
    back = np.array([frame.width / size[1], frame.height / size[0]], np.float32)
    return Faces(
        boxes_xyxy=faces.boxes_xyxy * np.tile(back, 2),
        landmarks_xy=faces.landmarks_xy * back,
        detection_scores=faces.detection_scores,
    )


def _between(before: _Seen | None, window: list[FilmFrame], end: _Seen) -> Iterator[_Seen]:
    """Give each frame of a window its faces: those of both ends in a line, others till half-way."""
    if before is None:
        # A film begins with a detection, so this window has one frame.
        yield end
        return
    start_s, span_s = before.frame.timestamp_s, end.frame.timestamp_s - before.frame.timestamp_s
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
        yield _Seen(frame, _together(faces), tracks)
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


def _results(analyzer: Analyzer, smoother: Smoother, seen: list[_Seen]) -> Iterator[FrameResult]:
    """Run the emotion network over all faces of a window at once."""
    crops = [_crops(analyzer, each) for each in seen]
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


def _crops(analyzer: Analyzer, seen: _Seen) -> NDArray[np.float32]:
    """Cut the faces out of the decoder's luma plane, on the scale of 0 to 255."""
    pixels, black, white = seen.frame.luma()
    crops = crop_faces(pixels, seen.faces.landmarks_xy, analyzer.model.crop)
    if (black, white) == (0.0, 255.0):
        return crops
    return ((crops - black) * (255 / (white - black))).clip(0, 255).astype(np.float32)
