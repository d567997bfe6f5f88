"""How often faces are detected in a camera's frames: as often as time allows."""

from __future__ import annotations

import math

__all__ = ["DetectionScheduler", "detection_interval"]

BUSY_SHARE = 0.8
"""Share of the time between two frames that analysis may take; the rest is for showing them."""

MIN_DETECTIONS_PER_S = 4.0
"""A person who comes into view is detected within a quarter of a second, on busy machines too."""

NEWEST_WEIGHT = 0.2
"""Weight of the newest measurement in the running means."""

_REDETECTION_COST_GUESS = 0.3
"""Cost of redetection against detection, until it has been measured."""


def detection_interval(detection_s: float, redetection_s: float, frame_interval_s: float) -> int:
    """Choose the number of frames from one detection to the next.

    It is the smallest number with which the mean time per frame stays within the time between two
    frames, but not more than there are in a quarter of a second.

    Args:
        detection_s: Time that a frame takes in which faces are detected.
        redetection_s: Time that a frame takes in which known faces are found again.
        frame_interval_s: Seconds from one frame of the source to the next.
    """
    budget_s = BUSY_SHARE * frame_interval_s
    if detection_s <= budget_s:
        return 1
    most = max(1, math.floor(1 / (MIN_DETECTIONS_PER_S * frame_interval_s)))
    if redetection_s >= budget_s:
        return most
    return min(most, math.ceil((detection_s - redetection_s) / (budget_s - redetection_s)))


class DetectionScheduler:
    """Decides in which frames faces are detected, from the time that earlier frames took.

    Args:
        every: Frames from one detection to the next; None chooses by the load.

    Attributes:
        frame_interval_s: Seconds from one frame to the next, as a running mean; 0 before the second
            frame.
    """

    def __init__(self, every: int | None = None) -> None:
        self._every = every
        self._detection_s = self._redetection_s = self.frame_interval_s = 0.0
        self._last_detection: int | None = None
        self._last_frame: tuple[int, float] | None = None

    @property
    def every(self) -> int:
        """Frames from one detection to the next at present."""
        if self._every is not None:
            return self._every
        if not self.frame_interval_s or not self._detection_s:
            return 1
        redetection_s = self._redetection_s or _REDETECTION_COST_GUESS * self._detection_s
        return detection_interval(self._detection_s, redetection_s, self.frame_interval_s)

    def should_detect(self, frame: int, timestamp_s: float, *, force: bool = False) -> bool:
        """Decide whether faces are detected in the next frame.

        Args:
            frame: Its number; dropped frames count.
            timestamp_s: When it was taken.
            force: Whether it has to be so, since nothing is known about the frame.
        """
        if self._last_frame is not None and frame > self._last_frame[0]:
            elapsed_s = (timestamp_s - self._last_frame[1]) / (frame - self._last_frame[0])
            self.frame_interval_s = _mean(self.frame_interval_s, elapsed_s)
        self._last_frame = (frame, timestamp_s)
        is_due = self._last_detection is None or frame - self._last_detection >= self.every
        if is_due:
            self._last_detection = frame
        return is_due or force

    def record_duration(self, duration_s: float, *, detected: bool) -> None:
        """Note the time that a frame took, with detection or with redetection."""
        if detected:
            self._detection_s = _mean(self._detection_s, duration_s)
        else:
            self._redetection_s = _mean(self._redetection_s, duration_s)


def _mean(before: float, newest: float) -> float:
    return before + NEWEST_WEIGHT * (newest - before) if before else newest
