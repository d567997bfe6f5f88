"""Episodes: the times in which a person shows one expression.

The whole rule. A frame lasts until the person's next one (`frame_durations_s`). Frames in a row
that show the same expression, without an absence between them, are a run. The runs are taken in
order of time. A run whose expression was shown last no more than `max_gap_s` before joins that run,
and what lies between the two is given up; any other run stands for itself. Runs shorter than
`min_duration_s` are left out at the end. So the episodes of a person never overlap. Frames with an
unsure answer count as the others do, and each episode says how many there are.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mien.emotions import SIX
from mien.options import EventOptions
from mien.study.series import PersonSeries

__all__ = ["Episode", "find_episodes"]

_TOLERANCE_S = 1e-9
"""Times are sums; a run of exactly the shortest duration is long enough."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A time in which a person shows one expression.

    Attributes:
        emotion: The expression.
        start_s: The time of its first frame.
        end_s: The time at which its last frame ends.
        peak_s: The time of the frame in which the expression is most probable.
        peak_probability: Its probability there.
        mean_confidence: Its mean probability over the frames that show it.
        unsure_share: The share of these frames with an unsure answer, 0 to 1.
    """

    emotion: str
    start_s: float
    end_s: float
    peak_s: float
    peak_probability: float
    mean_confidence: float
    unsure_share: float


@dataclasses.dataclass(slots=True)
class _Run:
    label: int
    first: int
    last: int
    start_s: float
    end_s: float


def find_episodes(series: PersonSeries, options: EventOptions | None = None) -> list[Episode]:
    """Return the episodes of a person, in order of time.

    Args:
        series: The person's frames.
        options: What counts as an episode.
    """
    options = options or EventOptions()
    joined: list[_Run] = []
    for run in _runs(series):
        place = _joins(joined, run, options.max_gap_s)
        if place is None:
            joined.append(run)
        else:
            del joined[place + 1 :]
            joined[place].last, joined[place].end_s = run.last, run.end_s
    shortest_s = options.min_duration_s - _TOLERANCE_S
    return [_episode(series, run) for run in joined if run.end_s - run.start_s >= shortest_s]


def _runs(series: PersonSeries) -> list[_Run]:
    """Return the longest stretches of frames that show one expression without an absence."""
    ends_s = series.times_s + series.durations_s
    is_new = np.diff(series.labels) != 0
    is_new |= series.times_s[1:] > ends_s[:-1] + _TOLERANCE_S
    begins = np.concatenate(([0], np.flatnonzero(is_new) + 1))
    lasts = np.append(begins[1:] - 1, len(series.times_s) - 1)
    return [
        _Run(
            int(series.labels[first]),
            int(first),
            int(last),
            float(series.times_s[first]),
            float(ends_s[last]),
        )
        for first, last in zip(begins, lasts, strict=True)
    ]


def _joins(joined: list[_Run], run: _Run, max_gap_s: float) -> int | None:
    """Return the place of the earlier run that this one goes on with; None for none."""
    for place in range(len(joined) - 1, -1, -1):
        if run.start_s - joined[place].end_s > max_gap_s + _TOLERANCE_S:
            return None
        if joined[place].label == run.label:
            return place
    return None


def _episode(series: PersonSeries, run: _Run) -> Episode:
    frames = slice(run.first, run.last + 1)
    own: NDArray[np.float64] = series.probabilities[frames, run.label].astype(np.float64)
    shown = series.labels[frames] == run.label
    peak = int(np.where(shown, own, -1.0).argmax())
    return Episode(
        emotion=SIX.labels[run.label],
        start_s=run.start_s,
        end_s=run.end_s,
        peak_s=float(series.times_s[run.first + peak]),
        peak_probability=float(own[peak]),
        mean_confidence=float(own[shown].mean()),
        unsure_share=float(series.unsure[frames][shown].mean()),
    )
