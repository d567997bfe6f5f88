"""What the report on a study is made from: plain values, whichever library made them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

__all__ = ["Gain", "StudyRecord", "TrialRecord"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One trial.

    Attributes:
        number: From 0, in the order of their start.
        state: `complete`, `pruned`, `failed` (its training failed) or `lost` (its worker
            stopped).
        value: The objective, 0 to 1; None unless it is complete.
        values: What varied, by key; a list as its JSON.
        curve: The objective after each epoch.
        seconds: How long it took; None if that is not known.
        fault: Why it failed; empty if it did not.
        start: Whether it is the recipe that the study began with.
    """

    number: int
    state: str
    value: float | None
    values: Mapping[str, Any]
    curve: Mapping[int, float]
    seconds: float | None
    fault: str = ""
    start: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """A study whose trials have ended.

    Attributes:
        name: The study's name.
        objective: What was maximised.
        trials: In their order.
        importance: Share of the values' variance that a parameter explains, largest first; empty
            if there are too few trials to tell.
        scales: `log` for the keys that were searched in the logarithm.
        choices: The choices of the keys that are no range, as text.
    """

    name: str
    objective: str
    trials: tuple[TrialRecord, ...]
    importance: Mapping[str, float]
    scales: Mapping[str, str]
    choices: Mapping[str, tuple[str, ...]]

    @property
    def complete(self) -> list[TrialRecord]:
        """The trials with a value."""
        return [trial for trial in self.trials if trial.value is not None]

    @property
    def best(self) -> TrialRecord | None:
        """The best trial; None before the first one is complete."""
        return max(self.complete, key=lambda trial: trial.value or 0.0, default=None)

    @property
    def keys(self) -> list[str]:
        """The keys that varied, the most important first."""
        found = {key for trial in self.trials for key in trial.values}
        return sorted(found, key=lambda key: (-self.importance.get(key, 0.0), key))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """The best recipe against the start, both trained anew with several seeds.

    Attributes:
        start: The start's figures, one per seed, 0 to 1.
        best: The best recipe's.
        difference: Mean of `best` less mean of `start`.
        low: Lower end of the difference's 95 % interval (Welch's t).
        high: Upper end.
        training_images: Number of training images.
        val_images: Number of images of the reported `val` on which they were evaluated.
        epochs: Epochs of start and best.
    """

    start: tuple[float, ...]
    best: tuple[float, ...]
    difference: float
    low: float
    high: float
    training_images: int
    val_images: int
    epochs: tuple[int, int]
