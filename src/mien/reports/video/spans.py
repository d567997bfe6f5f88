"""The spans of time that are the points of a report's charts, and where a person was away."""

from __future__ import annotations

import dataclasses
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mien.track import frame_durations_s, longest_gap_s

__all__ = ["Spans"]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """The spans of time in which a person was seen; n frames are in m spans.

    Spans that follow each other without an absence are a stretch. Charts have nothing between two
    stretches. An absence within one span, or one that is shorter, is not told.

    Attributes:
        place: The span of each frame, `(n,)`.
        begins_s: When the first frame of each was taken, `(m,)`.
        ends_s: When the next one begins, or where a stretch ends, one frame after its last, `(m,)`.
        stretches: The stretch of each, from 0, `(m,)`.
    """

    place: NDArray[np.int64]
    begins_s: NDArray[np.float64]
    ends_s: NDArray[np.float64]
    stretches: NDArray[np.int64]

    @classmethod
    def of(cls, times_s: NDArray[np.float64], *, step_s: float) -> Self:
        """Divide the frames of a person.

        Args:
            times_s: `(n,)`, none before the one before it; n is at least 1.
            step_s: The length of a span.
        """
        _, place = np.unique(np.floor(times_s / step_s), return_inverse=True)
        first = np.flatnonzero(np.diff(place, prepend=-1))
        last = np.append(first[1:], len(times_s)) - 1
        begins_s, ends_s = times_s[first], times_s[last] + frame_durations_s(times_s)[last]
        longest_s = max(longest_gap_s(times_s), step_s)
        is_absence = begins_s[1:] - times_s[last[:-1]] > longest_s
        ends_s[:-1] = np.where(is_absence, ends_s[:-1], begins_s[1:])
        return cls(place, begins_s, ends_s, np.append(0, np.cumsum(is_absence)))

    def means(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the mean of each span, `(m, k)`.

        Args:
            values: Of each frame, `(n, k)`.
        """
        counts = np.bincount(self.place)
        sums = [np.bincount(self.place, column) for column in values.T]
        return np.stack(sums, axis=1) / counts[:, None]

    def most_frequent(self, labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
        """Return the most frequent label of each span, `(m,)`.

        Args:
            labels: Of each frame, `(n,)`, from 0.
            count: How many labels there are.
        """
        cells = np.bincount(self.place * count + labels, minlength=len(self.begins_s) * count)
        return np.asarray(cells.reshape(-1, count).argmax(axis=1), np.int64)

    def points(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the points of a chart: the middle of each span, and both ends of each stretch.

        Returns:
            Their times in seconds, ascending, and the span of each.
        """
        changes = np.diff(self.stretches).astype(bool)
        starts = np.flatnonzero(np.append(True, changes))
        stops = np.flatnonzero(np.append(changes, True))
        middles_s = (self.begins_s + self.ends_s) / 2
        times_s = np.concatenate([self.begins_s[starts], middles_s, self.ends_s[stops]])
        spans = np.concatenate([starts, np.arange(len(middles_s)), stops])
        order = np.argsort(times_s, kind="stable")
        return times_s[order], spans[order]
