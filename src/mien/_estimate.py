"""How long a work will still take, said once, after its first seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

__all__ = ["TIME_LOG", "TimeEstimate", "time_words"]

TIME_LOG = logging.getLogger("mien.time")
"""Takes the estimates of works that know no other way to a person; the command line shows them."""

_FIRST_S = 5.0
"""So long the pace is watched before anything is said."""

_WORTH_SAYING_S = 15.0


class TimeEstimate:
    """Says how long a work will still take, if that is long enough to go and do something else.

    Args:
        what: The work, as the line begins.
        say: Takes the line.
        done: How much was done before, by an earlier run; None: what the first call says.
        clock: Returns seconds.
    """

    def __init__(
        self,
        what: str,
        say: Callable[[str], None] = TIME_LOG.info,
        *,
        done: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._say, self._clock = what, say, clock
        self._before, self._begun_s = done, clock()
        self._said = False

    def __call__(self, done: float, total: float | None) -> None:
        """Take how much is done and how much there is; None if that is unknown."""
        if self._before is None:
            self._before, self._begun_s = done, self._clock()
        if self._said or not total or done <= self._before:
            return
        passed_s = self._clock() - self._begun_s
        if passed_s < _FIRST_S:
            return
        self._said = True
        left_s = (total - done) * passed_s / (done - self._before)
        if left_s >= _WORTH_SAYING_S:
            self._say(f"{self._what}: about {time_words(left_s)} left")


def time_words(seconds: float) -> str:
    """Return `40 s`, `12 min` or `3.5 h`."""
    if seconds < 90:
        return f"{max(10, round(seconds, -1)):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
