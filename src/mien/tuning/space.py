"""Search spaces: the keys of a recipe that vary, and their values."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from mien.errors import RecipeError
from mien.tuning.keys import recipe_values

__all__ = ["MAX_GRID", "OBJECTIVES", "Parameter", "Space", "Suggester"]

MAX_GRID = 100_000
"""The most values of a parameter that are tried one by one."""

OBJECTIVES = ("score", "ferplus_accuracy", "fer2013_accuracy", "fer2013_six_accuracy")
"""Objectives: the metrics `val/...` of a training, here on the selection subset."""


class Suggester(Protocol):
    """The methods of an Optuna trial that a space needs."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Choose one of several values."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        """Choose an integer."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None, log: bool
    ) -> float:
        """Choose a number."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A key that varies: among choices, or in a range.

    Attributes:
        key: The recipe's key.
        choices: The possible values; None for a range.
        low: Smallest value of a range; if both ends are integers, all values are.
        high: Largest value, included.
        step: Difference between neighbouring values; None for any value (1 for integers).
        log: Whether values are drawn uniformly in the logarithm.
        when: Earlier parameters and their values for which this one varies; otherwise the recipe's
            value stays.
    """

    key: str
    choices: tuple[Any, ...] | None = None
    low: float | None = None
    high: float | None = None
    step: float | None = None
    log: bool = False
    when: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)

    @property
    def labels(self) -> dict[str | float | bool, Any]:
        """Return the choices by their form in a storage, in which a list is JSON."""
        return {
            json.dumps(choice) if isinstance(choice, list) else choice: choice
            for choice in self.choices or ()
        }

    def is_active(self, values: Mapping[str, Any]) -> bool:
        """Say whether it varies, given the values of the earlier parameters."""
        return all(values.get(key) in wanted for key, wanted in self.when.items())

    def suggest(self, trial: Suggester) -> Any:
        """Let a trial choose a value, and return it as the recipe has it."""
        if self.choices is not None:
            labels = self.labels
            return labels[trial.suggest_categorical(self.key, list(labels))]
        low, high = self.bounds
        if isinstance(low, int) and isinstance(high, int):
            step = 1 if self.step is None else int(self.step)
            return trial.suggest_int(self.key, low, high, step=step, log=self.log)
        return trial.suggest_float(self.key, low, high, step=self.step, log=self.log)

    @property
    def bounds(self) -> tuple[float, float]:
        """Return both ends of the range."""
        if self.low is None or self.high is None:
            raise ValueError(f"{self.key}: has choices and no range")
        return self.low, self.high

    def storage_value(self, value: Any) -> Any:
        """Return a value of the recipe as a storage has it; None if it lies outside."""
        if self.choices is not None:
            return next((label for label, choice in self.labels.items() if choice == value), None)
        low, high = self.bounds
        integers = isinstance(low, int) and isinstance(high, int)
        fits = not isinstance(value, bool | str | list) and low <= value <= high
        if not fits or (integers and value != int(value)):
            return None
        step = self.step or (1 if integers and not self.log else None)
        if step is not None and not math.isclose((value - low) / step, round((value - low) / step)):
            return None
        return int(value) if integers else float(value)

    def grid(self) -> list[Any] | None:
        """Return all values as a storage has them; None if there are too many."""
        if self.choices is not None:
            return list(self.labels)
        low, high = self.bounds
        integers = isinstance(low, int) and isinstance(high, int)
        if self.step is None and not integers:
            return None
        step = self.step or 1
        count = math.floor((high - low) / step + 1e-9) + 1
        if count > MAX_GRID:
            return None
        values = [low + number * step for number in range(count)]
        return [int(value) for value in values] if integers else values


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A search space.

    Attributes:
        objective: The metric to maximise, one of `OBJECTIVES`.
        parameters: The parameters in the order of their choice.
    """

    objective: str
    parameters: tuple[Parameter, ...]

    def suggest(self, trial: Suggester) -> dict[str, Any]:
        """Let a trial choose a point, and return the recipe's new values by key."""
        values: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.is_active(values):
                values[parameter.key] = parameter.suggest(trial)
        return values

    def values(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Convert a trial's point in a storage to the recipe's new values."""
        by_key = {parameter.key: parameter for parameter in self.parameters}
        return {key: by_key[key].labels.get(value, value) for key, value in stored.items()}

    def start_point(self, recipe: Any) -> tuple[dict[str, Any], list[str]]:
        """Return the recipe's own point as a storage has it, and the keys that lie outside."""
        values = recipe_values(recipe)
        active = [parameter for parameter in self.parameters if parameter.is_active(values)]
        point = {
            parameter.key: parameter.storage_value(values[parameter.key]) for parameter in active
        }
        return point, [key for key, value in point.items() if value is None]

    def grid(self) -> dict[str, list[Any]]:
        """Return all values of every parameter.

        Raises:
            RecipeError: A parameter has too many values.
        """
        values = {parameter.key: parameter.grid() for parameter in self.parameters}
        infinite = [key for key, found in values.items() if found is None]
        if infinite:
            raise RecipeError(
                f"grid: more than {MAX_GRID:,} values of {', '.join(infinite)}. "
                "Give them a larger 'step' or 'choices', or choose another sampler"
            )
        return {key: found for key, found in values.items() if found is not None}

    def document(self) -> dict[str, Any]:
        """Return the space as plain values, which are equal for equal spaces."""
        rows = [
            {
                name: value
                for name, value in dataclasses.asdict(parameter).items()
                if value not in (None, {})
            }
            for parameter in self.parameters
        ]
        document = {"objective": self.objective, "parameters": rows}
        return dict(json.loads(json.dumps(document)))
