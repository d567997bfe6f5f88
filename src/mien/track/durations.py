"""How long frames last, and which times between them are absences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.track.tracker import track_timeout_s

__all__ = ["frame_durations_s", "longest_gap_s"]

_MAX_ABSENCE_S = 1.0
"""Frames that are farther apart have an absence between them; where frames are rare, the limit is a
multiple of their usual distance, as for tracks."""

_ONE_FRAME_S = 0.04
"""So long lasts the only frame of a person, or all of those that have one time."""


def longest_gap_s(times_s: NDArray[np.float64]) -> float:
    """Return the longest time between two frames that is not an absence.

    Args:
        times_s: `(n,)`, none before the one before it; n is at least 1.
    """
    return track_timeout_s(_MAX_ABSENCE_S, _usual_s(times_s))


def frame_durations_s(times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how long each frame of a person lasts, `(n,)`: until the next one.

    The last one, and one before an absence, last as long as frames usually do, which is the median.
    Frames that all have one time, as of a damaged video, share that of one frame.

    Args:
        times_s: `(n,)`, none before the one before it; n is at least 1.
    """
    steps, usual_s = np.diff(times_s), _usual_s(times_s)
    if not steps.any():
        return np.full(len(times_s), _ONE_FRAME_S / len(times_s))
    is_absence = steps > longest_gap_s(times_s)
    return np.append(np.where(is_absence, usual_s, steps), usual_s)


def _usual_s(times_s: NDArray[np.float64]) -> float:
    usual_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0
    return usual_s or _ONE_FRAME_S
