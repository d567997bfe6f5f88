"""In how many frames of a camera faces are looked for: as many as there is time for."""

from __future__ import annotations

import math

__all__ = ["DetectionScheduler", "detections_apart"]

BUSY_SHARE = 0.8
"""Of the time between two frames; the rest is for showing them."""

LEAST_DETECTIONS_PER_S = 4.0
"""Somebody who comes into view is seen after a quarter of a second, however busy the machine."""

NEWEST_SHARE = 0.2
"""Weight of the newest measurement in the running means."""

_FOLLOWING_GUESS = 0.3
"""Cost of following against looking, until it has been measured."""


def detections_apart(looking_s: float, following_s: float, interval_s: float) -> int:
    """Choose the frames from one detection to the next.

    The least number with which the mean time per frame stays within the time between two.

    Args:
        looking_s: What a frame takes in which faces are looked for.
        following_s: What one takes in which they are followed.
        interval_s: Seconds from one frame of the source to the next.
    """
    budget_s = BUSY_SHARE * interval_s
    if looking_s <= budget_s:
        return 1
    most = max(1, math.floor(1 / (LEAST_DETECTIONS_PER_S * interval_s)))
    if following_s >= budget_s:
        return most
    return min(most, math.ceil((looking_s - following_s) / (budget_s - following_s)))


class DetectionScheduler:
    """Says in which frames faces are looked for, from what the frames before took.

    Args:
        every: Frames from one detection to the next; None chooses by the load.

    Attributes:
        interval_s: Seconds from one frame to the next, as a running mean; 0 before the second.
    """

    def __init__(self, every: int | None = None) -> None:
        self._every = every
        self._looking_s = self._following_s = self.interval_s = 0.0
        self._looked_at: int | None = None
        self._last: tuple[int, float] | None = None

    @property
    def every(self) -> int:
        """Frames from one detection to the next, as things stand."""
        if self._every is not None:
            return self._every
        if not self.interval_s or not self._looking_s:
            return 1
        following_s = self._following_s or _FOLLOWING_GUESS * self._looking_s
        return detections_apart(self._looking_s, following_s, self.interval_s)

    def looks(self, frame: int, timestamp_s: float) -> bool:
        """Say whether faces are looked for in a frame.

        Args:
            frame: Its number; frames that were dropped count.
            timestamp_s: When it was taken.
        """
        if self._last is not None and frame > self._last[0]:
            passed_s = (timestamp_s - self._last[1]) / (frame - self._last[0])
            self.interval_s = _mean(self.interval_s, passed_s)
        self._last = (frame, timestamp_s)
        if self._looked_at is not None and frame - self._looked_at < self.every:
            return False
        self._looked_at = frame
        return True

    def took(self, seconds: float, *, looked: bool) -> None:
        """Note what a frame took."""
        if looked:
            self._looking_s = _mean(self._looking_s, seconds)
        else:
            self._following_s = _mean(self._following_s, seconds)


def _mean(before: float, newest: float) -> float:
    return before + NEWEST_SHARE * (newest - before) if before else newest
