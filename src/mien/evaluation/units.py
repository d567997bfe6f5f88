"""Which expression units go along with an expression in a dataset, and what a face has of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mien.data import Dataset
from mien.emotions import SIX
from mien.errors import InputError
from mien.inference import EmotionModel, UnitModel
from mien.units import merged_sides

__all__ = ["UnitRelations", "relate_units"]

_BATCH = 256
_LEAST_SD = 0.01
"""Units that vary by less are at rest in every face: how they go along with anything is noise."""

_MIN_PROBABILITY = 1e-4
_LEAST_FACES = 30


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnitRelations:
    """How units go along with the answers of an emotion network over N faces.

    Two sides are one unit, their mean; units that vary in no face are left out.

    Attributes:
        faces: N.
        mean: The mean of each unit.
        deviation: Its standard deviation.
        correlation: For each expression, Pearson's r of each unit with the log odds of it.
    """

    faces: int
    mean: Mapping[str, float]
    deviation: Mapping[str, float]
    correlation: Mapping[str, Mapping[str, float]]

    def speaking_for(self, emotion: str, units: Mapping[str, float]) -> dict[str, float]:
        """Return how much each unit of a face speaks for an expression, largest first.

        That is its correlation with the expression, times how far it is from its mean, in standard
        deviations. Negative values speak against it. It is a relation, and no cause: the emotion
        network does not see the units.

        Args:
            emotion: One of the six.
            units: All coefficients of the face by name.
        """
        merged = merged_sides(units, within=None)
        related = self.correlation[emotion]
        spoken = {
            name: related[name] * (merged[name] - self.mean[name]) / self.deviation[name]
            for name in self.mean
        }
        return dict(sorted(spoken.items(), key=lambda each: -abs(each[1])))


def relate_units(model: EmotionModel, unit_model: UnitModel, data: Dataset) -> UnitRelations:
    """Read the faces of a dataset with both networks and correlate their answers.

    Args:
        model: The emotion network.
        unit_model: The network of units.
        data: The faces, N of 30 or more.

    Raises:
        InputError: There are fewer faces.
    """
    count = len(data)
    if count < _LEAST_FACES:
        raise InputError(f"{data.source}: expected {_LEAST_FACES} faces or more, found {count}")
    units: dict[str, list[NDArray[np.floating]]] = {}
    answers = []
    for start in range(0, count, _BATCH):
        part = data.select(np.arange(start, min(start + _BATCH, count)))
        answers.append(model.probabilities(part.crops(model.crop)))
        for name, values in unit_model.read(part.crops(unit_model.crop)).units.items():
            units.setdefault(name, []).append(values)
    whole = {name: np.concatenate(parts).astype(np.float64) for name, parts in units.items()}
    p = np.concatenate(answers).astype(np.float64).clip(_MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
    return _related(merged_sides(whole, within=None), np.log(p / (1 - p)))


def _related(
    units: Mapping[str, NDArray[np.floating]], log_odds: NDArray[np.float64]
) -> UnitRelations:
    """Correlate units, `(N,)` each, with the log odds of the six, `(N, 6)`."""
    varying = {name: values for name, values in units.items() if values.std() >= _LEAST_SD}
    odds = log_odds - log_odds.mean(axis=0)
    sizes = np.sqrt((odds**2).sum(axis=0)).clip(min=1e-12)
    correlation: dict[str, dict[str, float]] = {label: {} for label in SIX.labels}
    for name, values in varying.items():
        centred = values - values.mean()
        found = (centred @ odds) / (sizes * np.sqrt((centred**2).sum()))
        for label, r in zip(SIX.labels, found.tolist(), strict=True):
            correlation[label][name] = r
    return UnitRelations(
        faces=len(log_odds),
        mean={name: float(values.mean()) for name, values in varying.items()},
        deviation={name: float(values.std()) for name, values in varying.items()},
        correlation=correlation,
    )
