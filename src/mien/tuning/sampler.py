"""Optuna's samplers and pruners by the names of mien's options."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, GPSampler, GridSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from mien.options import TuneOptions
from mien.tuning.space import Space

__all__ = ["make_pruner", "make_sampler"]

_MIN_RANDOM_TRIALS, _MAX_RANDOM_TRIALS = 4, 10
"""Limits of the number of random trials before a sampler uses its model of the objective.

It is a quarter of the budget; Optuna's own default is 10."""


class _GridSampler(GridSampler):
    """A grid sampler that does not stop the study.

    Optuna's own stops it after the last point, which fails for trials of `ask` and for trials whose
    point was queued.
    """

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Do nothing; the budget ends the study."""


class _GPSampler(GPSampler):
    """A Gaussian process sampler that returns no point twice.

    Optuna's own does not learn from pruned and failed trials, and in a space of choices alone it
    would return the same point until the budget is spent.
    """

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Return the most promising point, or nothing for a random point if it was tried."""
        point = super().sample_relative(study, trial, search_space)
        others = (
            other for other in study.get_trials(deepcopy=False) if other.number != trial.number
        )
        return {} if any(point == other.params for other in others) else point


def make_sampler(options: TuneOptions, space: Space, *, stream: int) -> BaseSampler:
    """Return the sampler, which chooses the points.

    Args:
        options: Sampler, seed and budget.
        space: The search space.
        stream: Number of the worker's random stream. A worker with the random numbers of another,
            or its own from before an interruption, would try the same points again.

    Raises:
        RecipeError: The sampler is `grid` and a parameter has too many values.
    """
    seed = options.seed * 100_003 + stream
    startup = min(_MAX_RANDOM_TRIALS, max(_MIN_RANDOM_TRIALS, (options.trials or 40) // 4))
    if options.sampler == "grid":
        # All workers need the same order of the grid.
        return _GridSampler(space.grid(), seed=options.seed)
    if options.sampler == "random":
        return RandomSampler(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if options.sampler == "tpe":
            return TPESampler(seed=seed, n_startup_trials=startup)
        return _GPSampler(seed=seed, n_startup_trials=startup, warn_independent_sampling=False)


def make_pruner(options: TuneOptions, *, epochs: int) -> BasePruner:
    """Return the pruner, which ends trials early, for trials of so many epochs."""
    if options.pruner == "median":
        return MedianPruner(n_startup_trials=4, n_warmup_steps=max(1, epochs // 4))
    if options.pruner == "hyperband":
        return HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=3)
    return NopPruner()
