"""What a person shows over time, kept in a few bytes per frame."""

from __future__ import annotations

import dataclasses
from array import array
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mien.emotions import SIX
from mien.structures import FacePrediction, FrameResult
from mien.track import frame_durations_s

__all__ = ["QUALITY", "PersonSeries", "SeriesBuilder"]

QUALITY = ("size_px", "sharpness", "brightness", "yaw_proxy", "roll_deg", "truncation")
"""What is averaged of a person's quality."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class PersonSeries:
    """The frames of one person, in order of time.

    Attributes:
        times_s: `(n,)`, seconds from the start of the video.
        durations_s: `(n,)`, how long each frame lasts.
        labels: `(n,)`, the index in `SIX` of the expression that is shown.
        probabilities: `(n, 6)` in the order of `SIX`, as they are shown.
        unsure: `(n,)`, whether the answer is unsure.
        detected: `(n,)`, whether the face was detected in this frame, not followed.
        quality_means: The mean of each of `QUALITY`.
    """

    times_s: NDArray[np.float64]
    durations_s: NDArray[np.float64]
    labels: NDArray[np.int8]
    probabilities: NDArray[np.float32]
    unsure: NDArray[np.bool_]
    detected: NDArray[np.bool_]
    quality_means: Mapping[str, float]


class SeriesBuilder:
    """Collects the faces of a video by person: 35 bytes for each."""

    def __init__(self) -> None:
        self._people: dict[int, _Growing] = {}

    def add(self, result: FrameResult) -> None:
        """Add the faces of a frame."""
        for face in result.faces:
            if face.track is not None:
                self._people.setdefault(face.track, _Growing()).add(face)

    def people(self) -> dict[int, PersonSeries]:
        """Return the people by number."""
        return {number: self._people[number].whole() for number in sorted(self._people)}


class _Growing:
    def __init__(self) -> None:
        self._times_s, self._probabilities = array("d"), array("f")
        self._labels, self._unsure, self._detected = array("b"), array("b"), array("b")
        self._quality_sums = [0.0] * len(QUALITY)

    def add(self, face: FacePrediction) -> None:
        self._times_s.append(face.timestamp_s or 0.0)
        self._probabilities.extend(face.probabilities.values())
        self._labels.append(SIX.labels.index(face.emotion))
        self._unsure.append(face.unsure)
        self._detected.append(face.found == "detected")
        for number, name in enumerate(QUALITY):
            self._quality_sums[number] += getattr(face.quality, name)

    def whole(self) -> PersonSeries:
        times_s = np.array(self._times_s)
        return PersonSeries(
            times_s=times_s,
            durations_s=frame_durations_s(times_s),
            labels=np.array(self._labels, np.int8),
            probabilities=np.array(self._probabilities, np.float32).reshape(-1, len(SIX)),
            unsure=np.array(self._unsure, np.bool_),
            detected=np.array(self._detected, np.bool_),
            quality_means=MappingProxyType(
                {
                    name: total / len(times_s)
                    for name, total in zip(QUALITY, self._quality_sums, strict=True)
                }
            ),
        )
