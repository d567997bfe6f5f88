"""Analysis of a video: faces are detected in some frames and interpolated between them."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing

import numpy as np
from numpy.typing import NDArray

from mien._cores import usable_cores
from mien.errors import MediaError
from mien.inference.holding import with_people
from mien.inference.pipeline import Pipeline
from mien.inference.prefetch import prefetch
from mien.inference.tracked import TrackedFrame, classify_frames
from mien.inference.video_state import Detection, VideoState
from mien.media import Video, VideoFrame
from mien.options import VideoOptions
from mien.structures import Face, Faces, FrameResult
from mien.track import FaceChanges, SceneCuts

__all__ = ["DETECTIONS_PER_S", "DETECTION_INTERVAL_S", "analyze_video"]

DETECTIONS_PER_S = 8.0
"""How many times per second faces are detected in a video."""

DETECTION_INTERVAL_S = 1.01 / DETECTIONS_PER_S
"""So far apart detections are by the frames' times, to the nearest frame: in a video whose frames
are sparse for a while, every one of these. The hundredth is for times in whole milliseconds."""

_PREFETCHED_WINDOWS = 3
_MAX_DETECTION_THREADS = 4
_MAX_FRAMES_AHEAD = 24
"""Frames that are decoded beyond the one whose faces are waited for: they take memory."""
_MAX_HELD_BYTES = 1_000_000_000
"""Of the decoded frames that all stages hold together; where frames are large, they hold fewer."""
_LEAST_EVERY = 8
"""So far apart detections may be however large the frames are: those of 60 frames a second are."""


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
        One result per frame, in order. A frame is held back as long as it is open whether one of
        its faces is a person's (`mien.track.people`): by some tenths of a second, or by
        `min_duration_s` and `max_gap_s`, and by `mien.inference.holding.MAX_HELD_FRAMES` frames at
        most. For a damaged video, the frames before the damage, and then a result with `error`.
    """
    options = options or VideoOptions()
    rate = video.frames_per_second or 25.0
    rate = min(options.max_fps or rate, rate)
    every = options.detect_every or max(1, round(rate / DETECTIONS_PER_S))
    depths = _Depths.of(video.frame_bytes, every)
    state = state or VideoState(options, pipeline.baselines(options))
    # Where faces are detected in every frame, the frames' times say it all.
    state.interval.least_s = depths.every / rate if depths.every > 1 else 0.0
    interval_s = math.inf if options.detect_every else DETECTION_INTERVAL_S
    last = max(state.frame, 0)
    try:
        with ExitStack() as stack:
            # They are closed in reverse order, so that no thread reads from a closed generator.
            # FFmpeg's own threads decode in advance.
            frames = stack.enter_context(closing(video.frames(per_second=options.max_fps)))
            for result in stack.enter_context(
                closing(_analyze_frames(pipeline, frames, depths, interval_s, state))
            ):
                last = result.frame
                yield result
    except MediaError as error:
        state.is_complete = False
        yield FrameResult(source=error.source, frame=last, error=error.reason)


@dataclasses.dataclass(frozen=True, slots=True)
class _Depths:
    """How many decoded frames each stage holds.

    Attributes:
        every: Frames from one detection to the next.
        ahead: Beyond the one whose faces are waited for, at most.
        windows: Groups of `every` frames that wait to be classified; with 0 they are not searched
            in advance.
    """

    every: int
    ahead: int = _MAX_FRAMES_AHEAD
    windows: int = _PREFETCHED_WINDOWS

    @classmethod
    def of(cls, frame_bytes: int, every: int) -> _Depths:
        """Return the depths for frames of a size, with detections at most so far apart."""
        most = _MAX_HELD_BYTES // max(1, frame_bytes)
        every = min(every, max(most - cls(1, 0, 0).held, _LEAST_EVERY))
        tried = [
            cls(every, _MAX_FRAMES_AHEAD // part, _PREFETCHED_WINDOWS // part) for part in (1, 2, 4)
        ]
        return next((each for each in tried if each.held <= most), cls(every, 0, 0))

    @property
    def held(self) -> int:
        """Frames that are held at most, with those on the way from one stage to the next."""
        windows = self.windows + 2 if self.windows else 1
        return windows * self.every + self.ahead + 3


def _analyze_frames(
    pipeline: Pipeline,
    frames: Iterable[VideoFrame],
    depths: _Depths,
    interval_s: float,
    state: VideoState,
) -> Generator[FrameResult, None, None]:
    """Analyse frames in the order of their times.

    Args:
        pipeline: Networks and settings.
        frames: The frames of one video from the beginning; those that the state includes are not
            analysed again.
        depths: How many of them are held.
        interval_s: Seconds from one detection to the next, if `depths.every` frames take longer.
        state: The state before these frames; it is updated.

    Yields:
        One result per frame.
    """
    detected = _detected(pipeline, frames, depths, interval_s, before=state.detection)
    windows = prefetch(detected, depths.windows) if depths.windows else detected
    damage: MediaError | None = None
    try:
        try:
            for window in windows:
                results = _analyze_window(pipeline, window, state)
                del window  # its frames are not held while the next ones are decoded
                yield from _completing(state, results)
        except MediaError as error:
            damage = error  # raised after the frames that were held back
        state.people.end(state.timestamp_s)
        state.tracker.cut()
        yield from _completing(state, _released(state))
        if damage is not None:
            raise damage
    finally:
        windows.close()


def _completing(state: VideoState, results: list[FrameResult]) -> Iterator[FrameResult]:
    """Yield results; with the last one the state is complete."""
    state.is_complete = not results
    for result in results:
        state.is_complete = result is results[-1]
        yield result


def _analyze_window(pipeline: Pipeline, window: _Window, state: VideoState) -> list[FrameResult]:
    """Analyse the frames up to a detection, and return what need not be held back any longer."""
    last, faces = window.frames[-1], window.faces
    if window.is_cut:
        state.tracker.cut()
    state.tracker.resize((last.width, last.height))
    state.note_detection(last.timestamp_s)
    tracks = state.tracker.update(faces, last.timestamp_s, crops=window.crops)
    state.people.observe(tracks, faces.detection_scores.tolist(), last.timestamp_s)
    end = TrackedFrame(last, faces, tracks, crops=window.crops)
    tracked = list(_interpolated(state.detection, window.frames, end))
    state.detection = Detection(last.frame, last.timestamp_s, end.faces, end.tracks)
    for result in classify_frames(pipeline, state.smoother, tracked, baselines=state.baselines):
        state.held.add(result, result.timestamp_s or 0.0, _tracks(result))
    state.smoother.forget_before(last.timestamp_s)
    if state.baselines is not None:
        state.baselines.forget_before(last.timestamp_s)
    return _released(state)


def _released(state: VideoState) -> list[FrameResult]:
    return [
        with_people(each.item, each.numbers) for each in state.held.release(state.tracker.numbers)
    ]


def _tracks(result: FrameResult) -> list[int]:
    return [face.track for face in result.faces if face.track is not None]


@dataclasses.dataclass(slots=True, eq=False)
class _Window:
    """Frames up to one in which faces were detected.

    Attributes:
        frames: The frames; faces were detected in the last one.
        faces: Its faces.
        crops: The crops of these faces.
        is_cut: Whether the first frame begins a new scene.
    """

    frames: list[VideoFrame]
    faces: Faces
    crops: NDArray[np.float32]
    is_cut: bool


class _Searches:
    """Finds the faces of frames in threads, those of the next detections in advance.

    Which frames these are is known only when it is known where the image changes. A frame that was
    searched in vain costs time and changes nothing.

    Args:
        pipeline: Networks and settings.
        depths: Frames from one detection to the next, and how many of them are held.
    """

    def __init__(self, pipeline: Pipeline, depths: _Depths) -> None:
        self._pipeline, self._every = pipeline, depths.every
        # One more than cores: a thread waits for its next frame until the ones between are known.
        threads = min(1 + usable_cores(), _MAX_DETECTION_THREADS)
        self._count = min(threads, 1 + depths.ahead // depths.every)
        self._pool = ThreadPoolExecutor(self._count)
        self._found: dict[int, Future[Faces]] = {}

    @property
    def frames_ahead(self) -> int:
        """How many of the next frames have to be known."""
        return self._every * (self._count - 1)

    def faces(self, frame: VideoFrame, upcoming: Sequence[VideoFrame]) -> Faces:
        """Return the faces of a frame, and begin with those of the frames that are expected next.

        Args:
            frame: The frame.
            upcoming: The frames after it.
        """
        for each in (frame, *list(upcoming)[self._every - 1 :: self._every]):
            if each.frame not in self._found:
                self._found[each.frame] = self._pool.submit(self._pipeline.detect, each)
        found = self._found[frame.frame].result()
        self._found = {number: each for number, each in self._found.items() if number > frame.frame}
        return found

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown(cancel_futures=True)


def _with_upcoming(
    frames: Iterable[VideoFrame], count: int
) -> Iterator[tuple[VideoFrame, Sequence[VideoFrame]]]:
    """Yield each frame with those after it, at most `count`, which are decoded before."""
    ahead: deque[VideoFrame] = deque()
    damage: MediaError | None = None
    try:
        for frame in frames:
            ahead.append(frame)
            if len(ahead) > count:
                yield ahead.popleft(), ahead
    except MediaError as error:
        damage = error  # raised after the frames that were decoded before it
    while ahead:
        yield ahead.popleft(), ahead
    if damage is not None:
        raise damage


def _detected(
    pipeline: Pipeline,
    frames: Iterable[VideoFrame],
    depths: _Depths,
    interval_s: float,
    *,
    before: Detection | None,
) -> Generator[_Window, None, None]:
    """Group frames so that faces are detected in the last frame of each group.

    A group has at most `depths.every` frames, and ends with the one that is nearest to `interval_s`
    after the last detection. Where the image changes suddenly a group ends, and the next one has a
    single frame, so that nothing is interpolated from one scene or person to another.
    """
    cuts, known = SceneCuts(), FaceChanges()
    finished = -1 if before is None else before.frame
    detected_s = 0.0 if before is None else before.timestamp_s
    waiting: list[VideoFrame] = []
    damage: MediaError | None = None

    def is_due(following: VideoFrame) -> bool:
        middle_s = (waiting[-1].timestamp_s + following.timestamp_s) / 2
        return middle_s - detected_s > interval_s

    def ended(upcoming: Sequence[VideoFrame], is_cut: bool = False) -> _Window:
        nonlocal detected_s
        last = waiting[-1]
        detected_s = last.timestamp_s
        faces = searches.faces(last, upcoming)
        known.know(last, faces)
        window = _Window(waiting.copy(), faces, pipeline.crop(last, faces), is_cut)
        waiting.clear()
        return window

    begins = before is None
    with closing(_Searches(pipeline, depths)) as searches:
        try:
            for frame, upcoming in _with_upcoming(frames, searches.frames_ahead):
                is_cut = cuts.is_cut(frame)
                if frame.frame <= finished:
                    if before is not None and frame.frame == finished:
                        known.know(frame, before.faces)
                    continue
                if waiting and is_due(frame):
                    yield ended([frame, *upcoming])
                changes = known.change(frame)
                if (is_cut or changes) and waiting:
                    yield ended([frame, *upcoming])
                waiting.append(frame)
                if begins or is_cut or changes or len(waiting) == depths.every:
                    yield ended(upcoming, is_cut)
                    begins = False
        except MediaError as error:
            damage = error  # raised after the frames that were decoded before it
        if waiting:
            yield ended(())
    if damage is not None:
        raise damage


def _interpolated(
    before: Detection | None, window: list[VideoFrame], end: TrackedFrame
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
        yield TrackedFrame(frame, Faces.from_list(faces), tracks, is_followed=True)
    yield end


def _interpolate(a: Face, b: Face, share: float) -> Face:
    """Return the face between two faces; share 0 gives `a`, 1 gives `b`."""
    return Face(
        box_xyxy=((1 - share) * a.box_xyxy + share * b.box_xyxy).astype(np.float32),
        landmarks_xy=((1 - share) * a.landmarks_xy + share * b.landmarks_xy).astype(np.float32),
        detection_score=(1 - share) * a.detection_score + share * b.detection_score,
    )
