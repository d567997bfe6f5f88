"""Synchrony: how alike the expressions of two people go, and who comes first.

The probabilities of an expression of both people are brought onto a grid of `GRID_S` over the times
in which both are visible; of the rest nothing is known. `r` is their Pearson correlation. For each
lag up to `MAX_LAG_S` one of them is moved against the other, and the largest correlation is the
peak (windowed cross-correlation over the whole video; Boker et al. 2002). The largest of many is
above 0 by chance alone, so it is given beside the mean of the same for `SHIFTS` series that are
shifted in a circle by so much that no synchrony is left (pseudo-synchrony; Moulder et al. 2018).
Pairs that share less than `MIN_OVERLAP_S` are left out, and expressions that one of them never
changes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.emotions import SIX
from mien.study.series import PersonSeries

__all__ = ["GRID_S", "MAX_LAG_S", "MIN_OVERLAP_S", "SHIFTS", "synchrony_rows"]

GRID_S = 0.1
"""Distance of the times that are compared; the smoothing leaves nothing faster."""

MAX_LAG_S = 2.0
"""People answer an expression within a second or two."""

MIN_OVERLAP_S = 10.0
"""Shorter times together say nothing."""

SHIFTS = 20
"""Shifted series by which chance is estimated."""

_MIN_DEVIATION = 1e-3
"""What varies by less is constant: no correlation is taken of it."""


def synchrony_rows(source: str, people: Mapping[int, PersonSeries]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table `synchrony` for a video.

    Args:
        source: The video.
        people: Its people by number.
    """
    for (first, a), (second, b) in itertools.combinations(sorted(people.items()), 2):
        begin = max(a.times_s[0], b.times_s[0])
        end = min(a.times_s[-1], b.times_s[-1])
        if end - begin < MIN_OVERLAP_S:
            continue
        times_s = np.arange(begin, end, GRID_S)
        places = [_frame_at(series, times_s) for series in (a, b)]
        both = (places[0] >= 0) & (places[1] >= 0)
        overlap_s = float(both.sum() * GRID_S)
        if overlap_s < MIN_OVERLAP_S:
            continue
        for label, emotion in enumerate(SIX.labels):
            values = [
                np.where(both, series.probabilities[place, label].astype(np.float64), np.nan)
                for series, place in zip((a, b), places, strict=True)
            ]
            if min(float(np.nanstd(each)) for each in values) < _MIN_DEVIATION:
                continue
            correlations = _correlations(*values)
            if correlations is not None:
                yield {
                    "source": source,
                    "person_a": first,
                    "person_b": second,
                    "emotion": emotion,
                    "overlap_s": overlap_s,
                    **correlations,
                }


def _frame_at(series: PersonSeries, times_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the frame that lasts at each time, -1 where the person is not visible."""
    place = np.searchsorted(series.times_s, times_s, side="right") - 1
    is_seen = times_s < series.times_s[place] + series.durations_s[place]
    return np.where((place >= 0) & is_seen, place, -1)


def _correlations(a: NDArray[np.float64], b: NDArray[np.float64]) -> dict[str, float] | None:
    """Return the columns of a row; None where chance cannot be estimated."""
    lags = np.arange(-round(MAX_LAG_S / GRID_S), round(MAX_LAG_S / GRID_S) + 1)
    found = _lagged(a, b, lags)
    peak = int(np.nanargmax(found))  # without a lag there is always one
    room = len(lags)
    shifts = np.linspace(room, max(len(a) - room, room), SHIFTS).round().astype(int)
    by_chance = np.array([np.fmax.reduce(_lagged(a, np.roll(b, each), lags)) for each in shifts])
    if np.isnan(by_chance).all():
        return None
    return {
        "r": float(found[len(lags) // 2]),
        "peak_r": float(found[peak]),
        "peak_lag_s": float(lags[peak] * GRID_S),
        "chance_peak_r": float(np.nanmean(by_chance)),
    }


def _lagged(
    a: NDArray[np.float64], b: NDArray[np.float64], lags: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the correlation of a with b at each lag; a positive lag takes b later.

    It is NaN where one of them does not vary over the times that both have at this lag.
    """
    found = np.full(len(lags), np.nan)
    for place, lag in enumerate(lags):
        first, second = (a[: len(a) - lag], b[lag:]) if lag >= 0 else (a[-lag:], b[: len(b) + lag])
        known = ~(np.isnan(first) | np.isnan(second))
        x, y = first[known], second[known]
        if len(x) > 1 and x.std() >= _MIN_DEVIATION and y.std() >= _MIN_DEVIATION:
            found[place] = np.corrcoef(x, y)[0, 1]
    return found
