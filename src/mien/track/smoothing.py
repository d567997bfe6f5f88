"""Smoothing over time: probabilities that do not flicker, and a label that does not jump.

The whole rule, which the web page mirrors (vectors in `tests/parity/smoother.json`). With the log
probabilities `l_k = log(max(p_k, 1e-4))` of a frame, `dt` seconds after the last one of the same
person, and the state `s`::

    s_k <- l_k                                         for the first frame
    s_k <- s_k + (1 - exp(-dt / tau)) (l_k - s_k)      for every other
    P_k  = exp(s_k) / sum_j exp(s_j)

A person's baseline (`mien.track.baseline`) is taken off these. The label changes to the most
probable one when that exceeds the shown one by the margin. Time enters in seconds alone, so videos
of 10 and of 60 frames a second come out alike. Other values, such as expression units, are smoothed
by the same rule, as they are and not as logarithms.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.options import SmoothingOptions
from mien.spec import MIN_PROBABILITY
from mien.track.baseline import corrected
from mien.track.tracker import track_timeout_s

__all__ = ["Smoothed", "Smoother"]


@dataclasses.dataclass(slots=True)
class _State:
    logs: NDArray[np.float64]
    label: int
    timestamp_s: float
    values: NDArray[np.float64] | None = None
    values_s: float = 0.0


class Smoothed(NamedTuple):
    """The probabilities of a face to show.

    Attributes:
        probabilities: `(K,)`, summing to 1.
        label: The number of the label to show.
        uncorrected: `(K,)`, the probabilities before the baseline was taken off; None if none was.
    """

    probabilities: NDArray[np.floating]
    label: int
    uncorrected: NDArray[np.floating] | None = None


class Smoother:
    """Smooths the probabilities of each person of one clip.

    Args:
        options: How strongly.

    Attributes:
        sampling_interval_s: Seconds from one frame to the next, 0 if unknown. Where frames are
            rare, people are remembered for two and a half of these intervals.
    """

    def __init__(self, options: SmoothingOptions | None = None) -> None:
        self.options = options or SmoothingOptions()
        self.sampling_interval_s = 0.0
        self._states: dict[int, _State] = {}

    def update(
        self,
        track: int,
        probabilities: NDArray[np.floating],
        timestamp_s: float,
        *,
        offset: NDArray[np.floating] | None = None,
    ) -> Smoothed:
        """Take one frame's probabilities of a person and return the smoothed ones.

        Args:
            track: The person's number.
            probabilities: `(K,)`, summing to 1.
            timestamp_s: When the frame was taken.
            offset: The person's baseline, `(K,)`, that is taken off the smoothed probabilities;
                None takes nothing off.
        """
        logs = np.log(np.maximum(np.asarray(probabilities, np.float64), MIN_PROBABILITY))
        state = self._states.get(track)
        if state is None or timestamp_s - state.timestamp_s > self._timeout_s:
            state = _State(logs, int(logs.argmax()), timestamp_s)
            self._states[track] = state
        else:
            weight = self._weight(timestamp_s - state.timestamp_s)
            state.logs = state.logs + weight * (logs - state.logs)
            state.timestamp_s = timestamp_s
        smoothed = np.exp(state.logs - state.logs.max())
        smoothed /= smoothed.sum()
        shown = smoothed if offset is None else corrected(smoothed, offset)
        best = int(shown.argmax())
        if shown[best] - shown[state.label] >= self.options.margin:
            state.label = best
        return Smoothed(shown, state.label, None if offset is None else smoothed)

    def update_values(
        self, track: int, values: NDArray[np.floating], timestamp_s: float
    ) -> NDArray[np.float64]:
        """Take further values of a person in one frame and return the smoothed ones, `(n,)`.

        A person may have none in some frames. After a longer absence of them they start anew.

        Args:
            track: The person's number, whose probabilities of this frame `update` has taken.
            values: `(n,)`, n the same each time.
            timestamp_s: When the frame was taken.
        """
        new, state = np.asarray(values, np.float64), self._states[track]
        elapsed_s = timestamp_s - state.values_s
        if state.values is not None and elapsed_s <= self._timeout_s:
            new = state.values + self._weight(elapsed_s) * (new - state.values)
        state.values, state.values_s = new, timestamp_s
        return new

    def _weight(self, elapsed_s: float) -> float:
        """Return how much of a change comes through after so many seconds, 0 to 1."""
        tau = self.options.time_constant_s
        return 1 - math.exp(-max(0.0, elapsed_s) / tau) if tau > 0 else 1.0

    def forget_before(self, timestamp_s: float) -> None:
        """Drop the people who are forgotten at this time: an hour of video has many."""
        self._states = {
            track: state
            for track, state in self._states.items()
            if timestamp_s - state.timestamp_s <= self._timeout_s
        }

    @property
    def _timeout_s(self) -> float:
        return track_timeout_s(self.options.forget_s, self.sampling_interval_s)

    def to_document(self) -> dict[str, Any]:
        """Return the state of every person, as plain values that JSON can hold."""
        return {
            str(track): {
                "logs": state.logs.tolist(),
                "label": state.label,
                "timestamp_s": state.timestamp_s,
                "values": None if state.values is None else state.values.tolist(),
                "values_s": state.values_s,
            }
            for track, state in self._states.items()
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Restore the state that `to_document` returned, to the last bit."""
        self._states = {
            int(track): _State(
                np.array(state["logs"], np.float64),
                state["label"],
                state["timestamp_s"],
                # Runs of earlier versions have none.
                None if state.get("values") is None else np.array(state["values"], np.float64),
                state.get("values_s", 0.0),
            )
            for track, state in document.items()
        }
