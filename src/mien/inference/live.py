"""Expressions in front of a camera: each frame at once, without waiting for the next."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mien.detect import Tracker
from mien.inference.film import FilmOptions, look_for_faces
from mien.inference.following import follow
from mien.inference.frames import Seen, judge
from mien.inference.pace import Pace
from mien.inference.smoothing import Smoother, SmoothingOptions
from mien.media import FilmFrame
from mien.structures import Faces, FrameResult

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

    def __init__(self, analyzer: Analyzer, options: FilmOptions | None = None) -> None:
        options = options or FilmOptions()
        self._analyzer = analyzer
        self._smoother = Smoother(options.smoothing)
        self._tracker = Tracker(max_gap_s=options.max_gap_s)
        self._pace = Pace(options.every)
        self._faces = Faces.none()

    @property
    def every(self) -> int:
        """Frames from one detection to the next, as things stand."""
        return self._pace.every

    def smooth(self, options: SmoothingOptions) -> None:
        """Smooth otherwise from now on; what was known of people is forgotten."""
        self._smoother = Smoother(options)

    def analyze(self, frame: FilmFrame) -> FrameResult:
        """Analyse one frame.

        Args:
            frame: The next frame; not older than the one before.
        """
        start = time.perf_counter()
        looks = self._pace.looks(frame.frame, frame.timestamp_s)
        self._tracker.apart_s = self._smoother.apart_s = self._pace.interval_s
        detector = self._analyzer.detector
        if looks:
            self._faces = look_for_faces(detector, frame, self._analyzer.min_face_px)
        else:
            self._faces = follow(detector, frame, self._faces)
        tracks = self._tracker.update(self._faces, frame.timestamp_s)
        result = next(judge(self._analyzer, self._smoother, [Seen(frame, self._faces, tracks)]))
        self._smoother.forget_before(frame.timestamp_s)
        self._pace.took(time.perf_counter() - start, looked=looks)
        return result
