"""Expressions in front of a camera: each frame at once, without waiting for the next."""

from __future__ import annotations

import time

from mien.inference.pipeline import Pipeline
from mien.inference.tracked import TrackedFrame, classify_frames
from mien.media import VideoFrame
from mien.options import SmoothingOptions, VideoOptions
from mien.structures import Faces, FrameResult
from mien.track import (
    DetectionScheduler,
    Smoother,
    Tracker,
    redetect_in_roi,
)

__all__ = ["LiveAnalysis"]


class LiveAnalysis:
    """Analyses frames as they come.

    Faces are detected in each frame if there is time for that, else in every n-th frame, and
    found again near their last place in the frames between; n comes from what the frames before
    took, or from the options.

    Args:
        pipeline: Networks and settings.
        options: Detections, smoothing, and how long tracks are kept.
    """

    def __init__(self, pipeline: Pipeline, options: VideoOptions | None = None) -> None:
        options = options or VideoOptions()
        self._pipeline = pipeline
        self._smoother = Smoother(options.smoothing)
        self._tracker = Tracker(max_gap_s=options.max_gap_s)
        self._scheduler = DetectionScheduler(options.detect_every)
        self._faces = Faces.none()

    @property
    def every(self) -> int:
        """Frames from one detection to the next at the present load."""
        return self._scheduler.every

    def smooth(self, options: SmoothingOptions) -> None:
        """Change the smoothing from the next frame on; it starts anew for every track."""
        self._smoother = Smoother(options)

    def analyze(self, frame: VideoFrame) -> FrameResult:
        """Analyse one frame.

        Args:
            frame: The next frame; not older than the one before.
        """
        start = time.perf_counter()
        detects = self._scheduler.should_detect(frame.frame, frame.timestamp_s)
        interval_s = self._scheduler.frame_interval_s
        self._tracker.sampling_interval_s = self._smoother.sampling_interval_s = interval_s
        if detects:
            self._faces = self._pipeline.detect(frame)
        else:
            self._faces = redetect_in_roi(self._pipeline.detector, frame, self._faces)
        tracks = self._tracker.update(self._faces, frame.timestamp_s)
        tracked = TrackedFrame(frame, self._faces, tracks)
        result = next(classify_frames(self._pipeline, self._smoother, [tracked]))
        self._smoother.forget_before(frame.timestamp_s)
        self._scheduler.record_duration(time.perf_counter() - start, detected=detects)
        return result
