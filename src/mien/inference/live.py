"""Live analysis: each frame of a camera or stream is analysed as it arrives."""

from __future__ import annotations

import time

import numpy as np

from mien.inference.pipeline import Pipeline
from mien.inference.tracked import TrackedFrame, classify_frames
from mien.media import VideoFrame
from mien.options import SmoothingOptions, VideoOptions
from mien.structures import Faces, FrameResult
from mien.track import (
    Baselines,
    DetectionScheduler,
    FaceChanges,
    People,
    SceneCuts,
    Smoother,
    Tracker,
    redetect_in_roi,
)

__all__ = ["LiveAnalysis"]


class LiveAnalysis:
    """Analyses frames as they arrive.

    Faces are detected in every n-th frame. In the frames between, each face is searched for near
    its last position. n is an option; by default it follows from the time that the last frames
    took, and is 1 on a fast machine.

    Faces are shown from the detection on with which their track becomes a person's
    (`mien.track.people`): nothing is held back, and nothing is taken back.

    Args:
        pipeline: Networks and settings.
        options: Detection interval, smoothing, how long a track may be interrupted, which tracks
            are people, and whose baseline is taken off.

    Raises:
        SpecError: A baseline is wanted, and the network's file does not say what it is measured
            from.
    """

    def __init__(self, pipeline: Pipeline, options: VideoOptions | None = None) -> None:
        options = options or VideoOptions()
        self._pipeline, self._options = pipeline, options
        self._baselines = pipeline.baselines(options)
        self._wants_neutral = False
        self._smoother = Smoother(options.smoothing)
        self._tracker = Tracker(max_gap_s=options.max_gap_s)
        self._people = People(options.min_duration_s)
        self._scheduler = DetectionScheduler(options.detect_every)
        self._cuts, self._changes = SceneCuts(), FaceChanges()
        self._faces = Faces.none()

    @property
    def every(self) -> int:
        """Frames from one detection to the next at the current load."""
        return self._scheduler.every

    def smooth(self, options: SmoothingOptions) -> None:
        """Change the smoothing from the next frame on; the state of every track is reset."""
        self._smoother = Smoother(options)

    def set_neutral(self) -> None:
        """Take the largest face of the next frame with a face as that person's neutral face.

        Its baseline is then taken off the person's probabilities for as long as the track lasts;
        for the one person of `BaselineOptions(people="one-person")`, until another is set.

        Raises:
            SpecError: The network's file does not say what a baseline is measured from.
        """
        if self._baselines is None:
            self._baselines = Baselines(
                self._pipeline.model.baseline, max_gap_s=self._options.max_gap_s
            )
        self._wants_neutral = True

    def analyze(self, frame: VideoFrame) -> FrameResult:
        """Analyse one frame.

        Args:
            frame: The next frame; its time must not be before that of the last frame.
        """
        start = time.perf_counter()
        is_cut, changes = self._cuts.is_cut(frame), self._changes.change(frame)
        if is_cut:
            self._tracker.cut()
        self._tracker.resize((frame.width, frame.height))
        detects = self._scheduler.should_detect(
            frame.frame, frame.timestamp_s, force=is_cut or changes
        )
        interval_s = self._scheduler.frame_interval_s
        self._tracker.sampling_interval_s = self._smoother.sampling_interval_s = interval_s
        if detects:
            self._faces = self._pipeline.detect(frame)
        else:
            self._faces = redetect_in_roi(self._pipeline.detector, frame, self._faces)
        self._changes.know(frame, self._faces)
        crops = self._pipeline.crop(frame, self._faces) if detects else None
        tracks = self._tracker.update(self._faces, frame.timestamp_s, crops=crops)
        if detects:
            scores = self._faces.detection_scores.tolist()
            self._people.observe(tracks, scores, frame.timestamp_s)
        tracked = self._people_among(tracks, frame, is_followed=not detects)
        self._people.forget_all_but(self._tracker.numbers)
        baselines = self._baselines
        if baselines is not None:
            baselines.sampling_interval_s = interval_s
        result = next(
            classify_frames(self._pipeline, self._smoother, [tracked], baselines=baselines)
        )
        self._smoother.forget_before(frame.timestamp_s)
        if baselines is not None:
            baselines.forget_before(frame.timestamp_s)
            self._note_neutral(baselines, result)
        self._scheduler.record_duration(time.perf_counter() - start, detected=detects)
        return result

    def _people_among(
        self, tracks: list[int], frame: VideoFrame, *, is_followed: bool
    ) -> TrackedFrame:
        """Return the frame with the faces of people, whose numbers replace those of the tracks."""
        people, time_s = self._people, frame.timestamp_s
        places = [place for place, track in enumerate(tracks) if people.is_person(track, time_s)]
        numbers = [people.number(tracks[place]) for place in places]
        faces = self._faces.select(np.array(places, int))
        return TrackedFrame(frame, faces, numbers, is_followed=is_followed)

    def _note_neutral(self, baselines: Baselines, result: FrameResult) -> None:
        """Set the neutral face that was asked for, if there is a face; it holds from here on."""
        if not self._wants_neutral or not result.faces:
            return
        self._wants_neutral = False
        face = result.faces[0]
        if face.track is not None and face.uncorrected is not None:
            probabilities = np.array(tuple(face.uncorrected.values()))
            baselines.set_neutral(face.track, probabilities, result.timestamp_s or 0.0)
