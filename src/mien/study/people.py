"""The row of a person: how long each expression was shown, how often it changed, how sure it is."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from mien.emotions import SIX
from mien.study.events import Episode
from mien.study.series import PersonSeries

__all__ = ["person_row"]

_SECONDS_PER_MINUTE = 60.0


def person_row(
    source: str, number: int, series: PersonSeries, episodes: Sequence[Episode]
) -> dict[str, Any]:
    """Return a row of the table `people`.

    Args:
        source: The video.
        number: The person's number in it.
        series: The person's frames.
        episodes: Their episodes, in order of time.
    """
    visible_s = float(series.durations_s.sum())
    seconds = np.bincount(series.labels, series.durations_s, minlength=len(SIX))
    means = series.probabilities.mean(axis=0, dtype=np.float64)
    changes = [
        f"{before.emotion}>{after.emotion}"
        for before, after in itertools.pairwise(episodes)
        if before.emotion != after.emotion
    ]
    lengths = [episode.end_s - episode.start_s for episode in episodes]
    by_label = list(zip(SIX.labels, range(len(SIX)), strict=True))
    return {
        "source": source,
        "person": number,
        "first_s": float(series.times_s[0]),
        "last_s": float(series.times_s[-1]),
        "frames": len(series.times_s),
        "detected_share": float(series.detected.mean()),
        "visible_s": visible_s,
        **{f"p_{label}_mean": float(means[place]) for label, place in by_label},
        **{f"share_{label}": float(seconds[place]) / visible_s for label, place in by_label},
        **{f"{label}_s": float(seconds[place]) for label, place in by_label},
        "episodes": len(episodes),
        "episode_mean_s": float(np.mean(lengths)) if lengths else None,
        "transitions_per_min": len(changes) * _SECONDS_PER_MINUTE / visible_s,
        "most_frequent_transition": Counter(changes).most_common(1)[0][0] if changes else None,
        "unsure_share": float(series.unsure.mean()),
        **{f"{name}_mean": mean for name, mean in series.quality_means.items()},
    }
