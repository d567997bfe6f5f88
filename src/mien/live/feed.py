"""The newest frame of a camera, stream or video with what was found in it."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from mien._addresses import without_credentials
from mien.inference import LiveAnalysis, Pipeline
from mien.media import LiveSource, Video, VideoFrame, is_live
from mien.options import SmoothingOptions, VideoOptions
from mien.structures import FrameResult

__all__ = ["Feed", "LiveFrame", "play_in_real_time"]

_RATE_FRAMES = 30
_JOIN_S = 5.0
_MAX_GAPS = 1000
_MAX_DELAY_S = 0.1
"""Frames of a video that are decoded later than this are dropped, as a camera's are."""

_MAX_PAUSE_S = 0.5
"""If all frames are late, one is shown after this time all the same."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class LiveFrame:
    """A frame that has been analysed.

    Attributes:
        frame: The frame; its pixels are made when they are asked for.
        result: What was found in it.
        captured_s: When the frame arrived, by `time.monotonic`.
        frames_per_second: Mean rate of the last frames that were analysed.
    """

    frame: VideoFrame
    result: FrameResult
    captured_s: float
    frames_per_second: float


class Feed:
    """Analyses a source in a thread of its own and holds the newest frame.

    Args:
        source: `camera:0`, an address, or a video, which then plays in real time.
        pipeline: Networks and settings.
        options: Smoothing and tracking.

    Attributes:
        source: As given, with the user, password and keys in an address hidden.
        message: What is wrong with the source at the moment; empty if nothing is.
        failure: The error that ended the feed, or None.
        ended: Whether a video has come to its end.
        gaps: Results with `error`, one for each time that no frames arrived; the reader removes
            them.
    """

    def __init__(
        self, source: str, pipeline: Pipeline, options: VideoOptions | None = None
    ) -> None:
        self._source, self.source = source, without_credentials(source)
        self.message = ""
        self.failure: Exception | None = None
        self.ended = False
        self.gaps: deque[FrameResult] = deque(maxlen=_MAX_GAPS)
        self._per_second = None if options is None else options.max_fps
        self._analysis = LiveAnalysis(pipeline, options)
        self._newest: LiveFrame | None = None
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for it."""
        self._stop.set()
        self._thread.join(_JOIN_S)

    def smooth(self, options: SmoothingOptions) -> None:
        """Change the smoothing from the next frame on."""
        self._analysis.smooth(options)

    def set_neutral(self) -> None:
        """Take the largest face of the next frame as that person's neutral face.

        Raises:
            SpecError: The network's file does not say what a baseline is measured from.
        """
        self._analysis.set_neutral()

    def newest(self, *, after: LiveFrame | None = None, wait_s: float = 0.0) -> LiveFrame | None:
        """Return the newest frame, or None if it is still `after`.

        Args:
            after: The frame that the caller has already.
            wait_s: How long to wait for a newer one.
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
            for frame, captured_s in self._frames():
                if self._stop.is_set():
                    return
                result = self._analysis.analyze(frame)
                now = time.monotonic()
                times.append(now)
                rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
                newest = LiveFrame(frame, result, captured_s, rate)
                with self._changed:
                    self._newest = newest
                    self._changed.notify_all()
            self.ended = True
        except Exception as error:  # raised by the window; in this thread nobody would see it
            self.failure = error
        finally:
            with self._changed:
                self._changed.notify_all()

    def _frames(self) -> Iterator[tuple[VideoFrame, float]]:
        """Yield frames with the time at which they arrived."""
        if is_live(self._source):
            source = LiveSource(self._source, on_gap=self._set_message)
            for frame in source.frames(per_second=self._per_second):
                if (gap := source.gap_before(frame)) is not None:
                    self.gaps.append(gap)
                yield frame, source.began_s + frame.timestamp_s
            return
        with Video(self._source) as video:
            frames = video.frames(per_second=self._per_second)
            yield from play_in_real_time(frames, clock=time.monotonic, wait=self._stop.wait)

    def _set_message(self, message: str) -> None:
        self.message = message


def play_in_real_time(
    frames: Iterable[VideoFrame],
    *,
    clock: Callable[[], float],
    wait: Callable[[float], bool],
) -> Iterator[tuple[VideoFrame, float]]:
    """Yield the frames of a video at their times, without those that are decoded too late.

    Args:
        frames: In the order of their times.
        clock: Returns seconds.
        wait: Waits for so many seconds and says whether to stop.

    Yields:
        A frame, and the time by `clock` at which it arrived.
    """
    start_s = last_s = clock()
    for frame in frames:
        delay_s = clock() - start_s - frame.timestamp_s
        if wait(max(0.0, -delay_s)):
            return
        now_s = clock()
        if delay_s < _MAX_DELAY_S or now_s - last_s > _MAX_PAUSE_S:
            last_s = now_s
            yield frame, now_s
