"""The newest frame of a camera, stream or video with what was found in it."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from collections.abc import Iterator

from mien.inference import LiveAnalysis, Pipeline
from mien.media import LiveSource, Video, VideoFrame, is_live
from mien.options import SmoothingOptions, VideoOptions
from mien.structures import FrameResult

__all__ = ["Feed", "Shown"]

_RATE_FRAMES = 30
_JOIN_S = 5.0
_KEPT_GAPS = 1000
_LATE_S = 0.1
"""Frames of a video that come later than this are dropped, as a camera's are."""

_UNSEEN_S = 0.5
"""Where all come late, one is shown after this time all the same."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A frame that has been analysed.

    Attributes:
        frame: The frame; its pixels are made when they are asked for.
        result: What was found in it.
        there_s: When the frame was there, by `time.monotonic`.
        frames_per_second: Analysed lately.
    """

    frame: VideoFrame
    result: FrameResult
    there_s: float
    frames_per_second: float


class Feed:
    """Analyses a source in a thread of its own; whoever shows it takes the newest.

    Args:
        source: `camera:0`, an address, or a video, which then plays at its own pace.
        pipeline: Networks and settings.
        options: Smoothing, and how long people are remembered.

    Attributes:
        message: What is wrong with the source just now; empty if nothing.
        failure: Why there will be no more frames; None while there may be.
        ended: Whether a video is over.
        gaps: Results with `error`, one for each time the source was away; whoever keeps rows
            takes them out.
    """

    def __init__(
        self, source: str, pipeline: Pipeline, options: VideoOptions | None = None
    ) -> None:
        self.source = source
        self.message = ""
        self.failure: Exception | None = None
        self.ended = False
        self.gaps: deque[FrameResult] = deque(maxlen=_KEPT_GAPS)
        self._per_second = None if options is None else options.max_fps
        self._analysis = LiveAnalysis(pipeline, options)
        self._newest: Shown | None = None
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self._stop.set()
        self._thread.join(_JOIN_S)

    def smooth(self, options: SmoothingOptions) -> None:
        """Smooth otherwise from now on."""
        self._analysis.smooth(options)

    def newest(self, *, after: Shown | None = None, wait_s: float = 0.0) -> Shown | None:
        """Return the newest frame, or None if there is none but `after`.

        Args:
            after: The frame that is known already.
            wait_s: How long to wait for another.
        """
        with self._changed:
            if self._newest is after and not self.over:
                self._changed.wait(wait_s)
            return self._newest if self._newest is not after else None

    @property
    def over(self) -> bool:
        """Whether there will be no more frames."""
        return self.ended or self.failure is not None

    def _run(self) -> None:
        times: deque[float] = deque(maxlen=_RATE_FRAMES)
        try:
            for frame, there_s in self._frames():
                if self._stop.is_set():
                    return
                result = self._analysis.analyze(frame)
                now = time.monotonic()
                times.append(now)
                rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
                shown = Shown(frame, result, there_s, rate)
                with self._changed:
                    self._newest = shown
                    self._changed.notify_all()
            self.ended = True
        except Exception as error:  # whoever shows the frames raises it; here nobody would see it
            self.failure = error
        finally:
            with self._changed:
                self._changed.notify_all()

    def _frames(self) -> Iterator[tuple[VideoFrame, float]]:
        """Yield frames with the moment at which they were there."""
        if is_live(self.source):
            source = LiveSource(self.source, on_gap=self._tell)
            for frame in source.frames(per_second=self._per_second):
                if (gap := source.gap_before(frame)) is not None:
                    self.gaps.append(gap)
                yield frame, source.began_s + frame.timestamp_s
            return
        with Video(self.source) as video:
            start = shown_s = time.monotonic()
            for frame in video.frames(per_second=self._per_second):
                wait_s = start + frame.timestamp_s - time.monotonic()
                if self._stop.wait(max(0.0, wait_s)):
                    return
                now = time.monotonic()
                if wait_s > -_LATE_S or now - shown_s > _UNSEEN_S:
                    shown_s = now
                    yield frame, now

    def _tell(self, message: str) -> None:
        self.message = message
