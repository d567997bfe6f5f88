"""Movements of a face over time, counted in the expression units and poses of single frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_FRAME_INTERVAL_S", "count_blinks", "count_nods"]

MAX_FRAME_INTERVAL_S = 0.1
"""Blinks last 0.1 to 0.4 s (Schiffman, Sensation and Perception, 2001): where frames are farther
apart most of them are missed, so nothing is counted."""

_CLOSED, _ABOVE_USUAL, _OPENED_BY = 0.5, 0.2, 0.15
_MAX_BLINK_S = 0.5
_NOD_DEG, _MAX_NOD_S = 5.0, 1.0


def count_blinks(times_s: NDArray[np.float64], closed: NDArray[np.floating]) -> int | None:
    """Count how often both eyes close and open again within half a second.

    Eyes are closed from 0.5 on, and 0.2 above their median: those of a face that looks down are
    half closed all the time. They are open again 0.15 below that.

    Args:
        times_s: `(n,)`, seconds, increasing.
        closed: `(n,)`, how far the eyes are closed in each frame, 0 to 1, not smoothed; NaN where
            that is not known, which ends a blink without counting it.

    Returns:
        The number; None if the frames are too far apart for it, or none is known.
    """
    if not _is_dense(times_s, closed):
        return None
    high = max(_CLOSED, float(np.nanmedian(closed)) + _ABOVE_USUAL)
    count, since_s = 0, None
    for time_s, value in zip(times_s.tolist(), closed.tolist(), strict=True):
        if np.isnan(value):
            since_s = None
        elif since_s is None:
            since_s = time_s if value >= high else None
        elif value < high - _OPENED_BY:
            count += time_s - since_s <= _MAX_BLINK_S
            since_s = None
    return count


def count_nods(times_s: NDArray[np.float64], pitch_deg: NDArray[np.floating]) -> int | None:
    """Count how often a head goes down and up again by 5 degrees or more, within a second.

    Args:
        times_s: `(n,)`, seconds, increasing.
        pitch_deg: `(n,)`, the pitch in each frame, positive upwards, not smoothed; NaN where it is
            not known, across which nothing is counted.

    Returns:
        The number; None if the frames are too far apart for it, or none is known.
    """
    if not _is_dense(times_s, pitch_deg):
        return None
    known = np.isfinite(pitch_deg)
    begins = np.flatnonzero(np.diff(known.astype(int), prepend=0) == 1)
    ends = np.flatnonzero(np.diff(known.astype(int), append=0) == -1) + 1
    return sum(
        _nods(times_s[begin:end].tolist(), pitch_deg[begin:end].tolist())
        for begin, end in zip(begins, ends, strict=True)
    )


def _is_dense(times_s: NDArray[np.float64], values: NDArray[np.floating]) -> bool:
    dense = len(times_s) > 1 and float(np.median(np.diff(times_s))) <= MAX_FRAME_INTERVAL_S
    return dense and bool(np.isfinite(values).any())


def _nods(times_s: list[float], pitch_deg: list[float]) -> int:
    """Count nods in frames without a gap: lows that are 5 degrees deep and short."""
    turns = _turning_points(pitch_deg)
    count = 0
    for before, low, after in zip(turns, turns[1:], turns[2:], strict=False):
        edge_deg = pitch_deg[low] + _NOD_DEG
        if min(pitch_deg[before], pitch_deg[after]) < edge_deg:
            continue  # a high
        leaves = next(each for each in range(low, before - 1, -1) if pitch_deg[each] >= edge_deg)
        returns = next(each for each in range(low, after + 1) if pitch_deg[each] >= edge_deg)
        count += times_s[returns] - times_s[leaves] <= _MAX_NOD_S
    return count


def _turning_points(values: list[float]) -> list[int]:
    """Return the places of highs and lows in turn, each 5 degrees or more from the next."""
    turns: list[int] = []
    high = low = 0
    direction = 0  # 1 after a rise, -1 after a fall
    for place, value in enumerate(values):
        high = place if value > values[high] else high
        low = place if value < values[low] else low
        if direction >= 0 and values[high] - value >= _NOD_DEG:
            turns.append(high)
            direction, low = -1, place
        elif direction <= 0 and value - values[low] >= _NOD_DEG:
            turns.append(low)
            direction, high = 1, place
    if direction:
        turns.append(high if direction > 0 else low)
    return turns
