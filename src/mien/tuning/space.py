"""Search spaces: which keys of a recipe vary, and how far."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from mien.errors import RecipeError
from mien.tuning.keys import known_keys

__all__ = ["OBJECTIVES", "Parameter", "Space", "Suggests"]

OBJECTIVES = ("score", "ferplus_accuracy", "fer2013_accuracy", "fer2013_six_accuracy")
"""What can be maximised: the metrics `val/...` of a training, counted on the selection part."""


class Suggests(Protocol):
    """What a space needs of an Optuna trial."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Choose one of some values."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        """Choose a whole number."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None, log: bool
    ) -> float:
        """Choose a number."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One key that varies: among choices, or in a range.

    Attributes:
        key: The recipe's key.
        choices: The values to choose among; None for a range.
        low: Smallest value of a range; both ends whole numbers make it one of whole numbers.
        high: Largest value, included.
        step: Distance of the values from each other; None for any value (1 for whole numbers).
        log: Whether to search in the logarithm.
        when: Parameters that stand before this one, and their values for which it varies;
            otherwise the recipe's value stays.
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
        """Return the choices by what a storage can hold: a list is held as its JSON."""
        return {
            json.dumps(choice) if isinstance(choice, list) else choice: choice
            for choice in self.choices or ()
        }

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Say whether it varies, given the values of the parameters before it."""
        return all(values.get(key) in wanted for key, wanted in self.when.items())

    def suggest(self, trial: Suggests) -> Any:
        """Let a trial choose the value that the recipe gets."""
        if self.choices is not None:
            labels = self.labels
            return labels[trial.suggest_categorical(self.key, list(labels))]
        low, high = self.ends
        if isinstance(low, int) and isinstance(high, int):
            step = 1 if self.step is None else int(self.step)
            return trial.suggest_int(self.key, low, high, step=step, log=self.log)
        return trial.suggest_float(self.key, low, high, step=self.step, log=self.log)

    @property
    def ends(self) -> tuple[float, float]:
        """Return both ends of the range."""
        if self.low is None or self.high is None:
            raise ValueError(f"{self.key}: has choices, no range")
        return self.low, self.high

    def label_of(self, value: Any) -> Any:
        """Return what a storage holds for a value of the recipe; None if it is outside."""
        if self.choices is not None:
            return next((label for label, choice in self.labels.items() if choice == value), None)
        low, high = self.ends
        whole = isinstance(low, int) and isinstance(high, int)
        fits = not isinstance(value, bool | str | list) and low <= value <= high
        if not fits or (whole and value != int(value)):
            return None
        step = self.step or (1 if whole and not self.log else None)
        if step is not None and not math.isclose((value - low) / step, round((value - low) / step)):
            return None
        return int(value) if whole else float(value)

    def grid(self) -> list[Any] | None:
        """Return all its values as a storage holds them; None if there is no end of them."""
        if self.choices is not None:
            return list(self.labels)
        low, high = self.ends
        whole = isinstance(low, int) and isinstance(high, int)
        if self.step is None and not whole:
            return None
        step = self.step or 1
        count = math.floor((high - low) / step + 1e-9) + 1
        values = [low + number * step for number in range(count)]
        return [int(value) for value in values] if whole else values


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A search space.

    Attributes:
        objective: What is maximised, one of `OBJECTIVES`.
        parameters: In the order in which they are chosen.
    """

    objective: str
    parameters: tuple[Parameter, ...]

    def suggest(self, trial: Suggests) -> dict[str, Any]:
        """Let a trial choose; returns the recipe's new values by key."""
        values: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.applies(values):
                values[parameter.key] = parameter.suggest(trial)
        return values

    def values(self, held: Mapping[str, Any]) -> dict[str, Any]:
        """Turn what a storage holds of a trial into the recipe's new values."""
        by_key = {parameter.key: parameter for parameter in self.parameters}
        return {key: by_key[key].labels.get(value, value) for key, value in held.items()}

    def start(self, recipe: Any) -> tuple[dict[str, Any], list[str]]:
        """Return the recipe's own point as a storage holds it, and the keys that lie outside."""
        known = known_keys(recipe)
        held = {p.key: p.label_of(known[p.key]) for p in self.parameters if p.applies(known)}
        outside = [key for key, label in held.items() if label is None]
        return held, outside

    def grid(self) -> dict[str, list[Any]]:
        """Return the values of every parameter.

        Raises:
            RecipeError: A parameter has no end of values.
        """
        values = {parameter.key: parameter.grid() for parameter in self.parameters}
        endless = [key for key, found in values.items() if found is None]
        if endless:
            raise RecipeError(
                f"grid: there is no end of values of {', '.join(endless)} without steps. "
                "Give them 'step' or 'choices', or choose another strategy"
            )
        return {key: found for key, found in values.items() if found is not None}

    def document(self) -> dict[str, Any]:
        """Return it as plain values: two spaces are the same if these are."""
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

    def sha256(self) -> str:
        """Return the hash by which studies know the space, 64 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.document(), sort_keys=True).encode()).hexdigest()
