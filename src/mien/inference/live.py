"""Expressions in front of a camera: each frame at once, without waiting for the next."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mien.inference.frames import TrackedFaces, judge
from mien.inference.video import VideoOptions, detect_downscaled
from mien.media import VideoFrame
from mien.structures import Faces, FrameResult
from mien.track import Tracker
from mien.track.redetect import redetect_in_roi
from mien.track.scheduler import DetectionScheduler
from mien.track.smoothing import Smoother, SmoothingOptions

if TYPE_CHECKING:
    from mien.inference.analyzer import Analyzer

__all__ = ["LiveAnalysis"]


class LiveAnalysis:
    """Analyses frames as they come.

    Faces are looked for in each frame if there is time for that, else in every n-th and followed
    between; n comes from what the frames before took, or from the options.

    Args:
        analyzer: Networks and settings.
        options: Detections, smoothing, and how long people are remembered.
    """

    def __init__(self, analyzer: Analyzer, options: VideoOptions | None = None) -> None:
        options = options or VideoOptions()
        self._analyzer = analyzer
        self._smoother = Smoother(options.smoothing)
        self._tracker = Tracker(max_gap_s=options.max_gap_s)
        self._pace = DetectionScheduler(options.every)
        self._faces = Faces.none()

    @property
    def every(self) -> int:
        """Frames from one detection to the next, as things stand."""
        return self._pace.every

    def smooth(self, options: SmoothingOptions) -> None:
        """Smooth otherwise from now on; what was known of people is forgotten."""
        self._smoother = Smoother(options)

    def analyze(self, frame: VideoFrame) -> FrameResult:
        """Analyse one frame.

        Args:
            frame: The next frame; not older than the one before.
        """
        start = time.perf_counter()
        looks = self._pace.should_detect(frame.frame, frame.timestamp_s)
        self._tracker.sampling_interval_s = self._smoother.sampling_interval_s = (
            self._pace.frame_interval_s
        )
        detector = self._analyzer.detector
        if looks:
            self._faces = detect_downscaled(detector, frame, self._analyzer.min_face_px)
        else:
            self._faces = redetect_in_roi(detector, frame, self._faces)
        tracks = self._tracker.update(self._faces, frame.timestamp_s)
        result = next(
            judge(self._analyzer, self._smoother, [TrackedFaces(frame, self._faces, tracks)])
        )
        self._smoother.forget_before(frame.timestamp_s)
        self._pace.record_duration(time.perf_counter() - start, detected=looks)
        return result
