"""Optuna's samplers and pruners by the names that mien has for them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, GPSampler, GridSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from mien.tuning.options import TuneOptions
from mien.tuning.space import Space

__all__ = ["make_pruner", "make_sampler"]

_FEWEST_RANDOM, _MOST_RANDOM = 4, 10
"""Trials by chance before a model of the objective is believed: a quarter of the budget, in these
bounds; Optuna's own default is 10."""


class _Grid(GridSampler):
    """A grid whose end the budget decides.

    Optuna's own stops the study after the last point, which an asked trial and one that is given
    its point beforehand do not survive.
    """

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Do nothing."""


class _Process(GPSampler):
    """A Gaussian process that tries no point twice.

    Optuna's own does not learn from pruned and failed trials, and where all keys have choices it
    would ask for the same point until the budget is used up.
    """

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Return the most promising point; nothing, so that chance decides, if it was tried."""
        point = super().sample_relative(study, trial, search_space)
        others = (
            other for other in study.get_trials(deepcopy=False) if other.number != trial.number
        )
        return {} if any(point == other.params for other in others) else point


def make_sampler(options: TuneOptions, space: Space, *, stream: int) -> BaseSampler:
    """Return what chooses the points.

    Args:
        options: Strategy, seed and budget.
        space: What varies.
        stream: Number of the worker's stream of chance; a worker that draws the same numbers as
            another, or as itself before an interruption, would try the same points again.

    Raises:
        RecipeError: A grid of a space that has no end of values.
    """
    seed = options.seed * 100_003 + stream
    startup = min(_MOST_RANDOM, max(_FEWEST_RANDOM, (options.trials or 40) // 4))
    if options.strategy == "grid":
        # The grid's order has to be the same for everybody.
        return _Grid(space.grid(), seed=options.seed)
    if options.strategy == "random":
        return RandomSampler(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if options.strategy == "tpe":
            return TPESampler(seed=seed, n_startup_trials=startup)
        return _Process(seed=seed, n_startup_trials=startup, warn_independent_sampling=False)


def make_pruner(options: TuneOptions, *, epochs: int) -> BasePruner:
    """Return what ends trials that fall behind, for trials of so many epochs."""
    if options.pruner == "median":
        return MedianPruner(n_startup_trials=4, n_warmup_steps=max(1, epochs // 4))
    if options.pruner == "hyperband":
        return HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=3)
    return NopPruner()
