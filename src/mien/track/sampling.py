"""How far apart detections are, by the times of the frames themselves."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

__all__ = ["SamplingInterval"]


class SamplingInterval:
    """Seconds from one detection to the next in a video: the longer of the last two steps.

    A person who is missed once is seen again two steps later, at most twice the longer one:
    tracks, which last for two and a half intervals, survive that however uneven the steps are.

    Args:
        least_s: No interval is shorter. Steps that end early, before a change of the image, say
            nothing about the next ones.
    """

    def __init__(self, least_s: float = 0.0) -> None:
        self.least_s = least_s
        self._times_s: tuple[float, ...] = ()

    def update(self, timestamp_s: float) -> float:
        """Note the time of a detection and return the interval; `least_s` before the second one.

        Args:
            timestamp_s: When its frame was taken; not before that of the last call.
        """
        self._times_s = (*self._times_s[-2:], timestamp_s)
        steps = (later - earlier for earlier, later in itertools.pairwise(self._times_s))
        return max(self.least_s, *steps, 0.0)

    def to_document(self) -> dict[str, Any]:
        """Return the state as plain values that JSON can hold."""
        return {"times_s": list(self._times_s)}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Restore the state that `to_document` returned."""
        self._times_s = tuple(document["times_s"])
