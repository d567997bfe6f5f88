"""A person's baseline: what a face shows at rest, taken off what it is said to express.

The whole rule, which the web page mirrors (vectors in `tests/parity/baseline.json`). A frame's
probabilities p have the residual r, which is what the face shows beside its expression
(`mien.spec.BaselineSpec`). Over the frames of a person, each of weight w, the offset is::

    b = (sum w r) / (sum w + PRIOR)

The weight of a frame is the time since the person's last one, at most `MAX_STEP_S`, in units of
`OBSERVATION_S`; that of an image is 1. For a face that is known to be neutral, with the residual n
to the average neutral face, nothing is estimated any more::

    b = NEUTRAL_WEIGHT n / (NEUTRAL_WEIGHT + PRIOR)

The corrected probabilities of somebody whose (smoothed) ones are P are::

    P'_k = P_k exp(-b_k) / sum_j P_j exp(-b_j)

The estimate runs with the frames and never looks ahead: a live view, a video whose rows are written
as they come, and one that is resumed give the same. For images, `mean_offset` takes all of them at
once, since their order means nothing.

Source of the constants: `benchmarks/baseline.py` (figures in `benchmarks/results/baseline.json`). A
residual varies from person to person with a standard deviation of 0.4 to 0.6 among the persons of
the set `ck48`, from image to image of one of them by 0.5 to 0.7, and by twice that among FER-2013's
faces; the best weight of the prior, in images, is the ratio of the variances, 2 to 6. Half or twice
of each constant changes little.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.options import BaselineOptions
from mien.spec import BaselineSpec, centred_logs
from mien.track.tracker import track_timeout_s

__all__ = [
    "MAX_STEP_S",
    "NEUTRAL_WEIGHT",
    "OBSERVATION_S",
    "PRIOR",
    "Baselines",
    "corrected",
    "mean_offset",
    "neutral_offset",
]

PRIOR = 4.0
"""How many observations the assumption weighs that a person differs in nothing."""

OBSERVATION_S = 2.0
"""So many seconds of a video count as one observation: within them a face changes little."""

MAX_STEP_S = 1.0
"""A frame counts for the time since the person's last one, but for no longer than this."""

NEUTRAL_WEIGHT = 4.0
"""How many observations a face weighs that is known to be neutral."""


def corrected(
    probabilities: NDArray[np.floating], offset: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return probabilities without a person's offset, `(..., 6)`, each row summing to 1."""
    logs = centred_logs(probabilities) - offset
    powers = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float64)


def neutral_offset(probabilities: NDArray[np.floating], spec: BaselineSpec) -> NDArray[np.float64]:
    """Return the offset of a person whose neutral face has these probabilities, `(6,)`."""
    return spec.neutral_residual(probabilities) * (NEUTRAL_WEIGHT / (NEUTRAL_WEIGHT + PRIOR))


def mean_offset(probabilities: NDArray[np.floating], spec: BaselineSpec) -> NDArray[np.float64]:
    """Return the offset of the one person whose N images have these probabilities.

    Args:
        probabilities: `(N, 6)`; N may be 0, and then the offset is 0.
        spec: What it is measured from.

    Returns:
        `(6,)`.
    """
    residuals = spec.residual(np.asarray(probabilities, np.float64).reshape(-1, 6))  # (N, 6)
    return np.asarray(residuals.sum(axis=0) / (len(residuals) + PRIOR), np.float64)


@dataclasses.dataclass(slots=True)
class _State:
    total: NDArray[np.float64]
    weight: float
    timestamp_s: float
    neutral: NDArray[np.float64] | None = None


class Baselines:
    """The offsets of the people of one clip.

    Args:
        spec: What a baseline is measured from.
        options: Whose offsets are estimated; None estimates nobody's, and only people have one
            whose neutral face is known.
        max_gap_s: Tracks that were away for longer are forgotten.

    Attributes:
        sampling_interval_s: Seconds from one detection to the next, 0 if unknown.
    """

    def __init__(
        self,
        spec: BaselineSpec,
        options: BaselineOptions | None = None,
        *,
        max_gap_s: float = 1.0,
    ) -> None:
        self._spec, self._options, self._max_gap_s = spec, options, max_gap_s
        self.sampling_interval_s = 0.0
        neutral = None if options is None else options.neutral
        self._neutral = None if neutral is None else neutral_offset(np.array(neutral), spec)
        self._states: dict[int, _State] = {}

    def update(
        self, track: int, probabilities: NDArray[np.floating], timestamp_s: float
    ) -> NDArray[np.float64]:
        """Take one frame's probabilities of a person and return the person's offset, `(6,)`.

        Args:
            track: The track's number.
            probabilities: `(6,)`, not smoothed, summing to 1.
            timestamp_s: When the frame was taken.
        """
        state = self._state(track, timestamp_s)
        weight = min(max(0.0, timestamp_s - state.timestamp_s), MAX_STEP_S) / OBSERVATION_S
        state.total = state.total + weight * self._spec.residual(probabilities)
        state.weight += weight
        state.timestamp_s = timestamp_s
        if state.neutral is not None:
            return state.neutral
        if self._neutral is not None:
            return self._neutral
        if self._options is None:
            return np.zeros(len(state.total))
        return state.total / (state.weight + PRIOR)

    def set_neutral(
        self, track: int, probabilities: NDArray[np.floating], timestamp_s: float
    ) -> None:
        """Take a person's probabilities, `(6,)`, as those of the neutral face.

        They hold until the track ends, or others are given.
        """
        state = self._state(track, timestamp_s)
        state.neutral = neutral_offset(probabilities, self._spec)

    def forget_before(self, timestamp_s: float) -> None:
        """Drop the tracks that have ended by this time: an hour of video has many."""
        if self._is_one_person:
            return
        timeout_s = track_timeout_s(self._max_gap_s, self.sampling_interval_s)
        self._states = {
            track: state
            for track, state in self._states.items()
            if timestamp_s - state.timestamp_s <= timeout_s
        }

    @property
    def _is_one_person(self) -> bool:
        return self._options is not None and self._options.people == "one-person"

    def _state(self, track: int, timestamp_s: float) -> _State:
        person = 0 if self._is_one_person else track
        if person not in self._states:
            self._states[person] = _State(np.zeros(len(self._spec.neutral)), 0.0, timestamp_s)
        return self._states[person]

    def to_document(self) -> dict[str, Any]:
        """Return the state of every person, as plain values that JSON can hold."""
        return {
            str(track): {
                "total": state.total.tolist(),
                "weight": state.weight,
                "timestamp_s": state.timestamp_s,
                "neutral": None if state.neutral is None else state.neutral.tolist(),
            }
            for track, state in self._states.items()
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Restore the state that `to_document` returned, to the last bit."""
        self._states = {
            int(track): _State(
                np.array(state["total"], np.float64),
                state["weight"],
                state["timestamp_s"],
                None if state["neutral"] is None else np.array(state["neutral"], np.float64),
            )
            for track, state in document.items()
        }
