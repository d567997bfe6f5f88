"""The comparison of groups of videos: means and bootstrap intervals over videos.

The unit is the video, never the frame. The 25 frames of a second show nearly the same, so that an
hour of one person has 90,000 rows and says as much about people in general as one observation; an
interval over frames would be many times too narrow, and would call every difference certain.
Several people of a video are averaged by their visible time first, for the same reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.emotions import SIX
from mien.metrics import bootstrap_mean
from mien.study.covariates import Covariates

__all__ = ["MAX_GROUPS", "group_rows"]

MAX_GROUPS = 12
"""A covariate with more values, such as an age, makes no groups."""


def group_rows(
    shares: Mapping[str, NDArray[np.float64]], covariates: Covariates
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table `groups`: of all videos, and of each group.

    Args:
        shares: The share of time that shows each expression, `(6,)` in the order of `SIX`, by the
            path of each video with a person.
        covariates: Those of the videos.
    """
    yield from _rows(None, None, list(shares.values()))
    for column in covariates.columns:
        groups: defaultdict[str, list[NDArray[np.float64]]] = defaultdict(list)
        for source, values in covariates.values.items():
            if source in shares and values[column]:
                groups[values[column]].append(shares[source])
        if len(groups) <= MAX_GROUPS:
            for name in sorted(groups):
                yield from _rows(column, name, groups[name])


def _rows(
    covariate: str | None, group: str | None, shares: list[NDArray[np.float64]]
) -> Iterator[dict[str, Any]]:
    if not shares:
        return
    values = np.stack(shares)
    for place, emotion in enumerate(SIX.labels):
        interval = bootstrap_mean(values[:, place])
        yield {
            "covariate": covariate,
            "group": group,
            "emotion": emotion,
            "videos": len(shares),
            "mean_share": float(values[:, place].mean()),
            "low": None if interval is None else interval.low,
            "high": None if interval is None else interval.high,
        }
