"""How a study searches and when it ends."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

from mien.errors import RecipeError

__all__ = ["PRUNERS", "STRATEGIES", "Pruner", "Strategy", "TuneOptions"]

Strategy = Literal["grid", "random", "tpe", "gp"]
Pruner = Literal["hyperband", "median", "none"]

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
PRUNERS: tuple[Pruner, ...] = get_args(Pruner)

FEWEST_SEEDS = 3
"""A gain's interval from fewer trainings than this would say nothing."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TuneOptions:
    """How a study searches and when it ends.

    Attributes:
        strategy: How points are chosen: `grid`, `random`, `tpe` (tree-structured Parzen
            estimators, Bergstra et al. 2011) or `gp` (a Gaussian process).
        pruner: What ends trials that fall behind: `hyperband` (Li et al. 2018), `median` or
            `none`.
        trials: Trials of the whole study, those of earlier runs and other machines included; None
            for as many as the time allows.
        hours: Time from now on, after which no trial is begun; None for no limit.
        seed: Seed of the search.
        workers: Processes on this machine.
        threads: Threads of torch in each worker.
        epochs: Epochs of a trial; None for the recipe's.
        images: How many images of the training part trials learn from, drawn at random; None
            for all.
        share: Share of the training part that is the selection part.
        near: Whether near copies count as copies, of which none may stand on both sides.
        seeds: Trainings each of start and best with which the gain is measured anew, on the
            reported `val`; 0 leaves that out.
    """

    strategy: Strategy = "tpe"
    pruner: Pruner = "median"
    trials: int | None = 50
    hours: float | None = None
    seed: int = 1
    workers: int = 1
    threads: int = 1
    epochs: int | None = None
    images: int | None = None
    share: float = 0.1
    near: bool = True
    seeds: int = FEWEST_SEEDS

    def __post_init__(self) -> None:
        checks = (
            (self.strategy in STRATEGIES, "strategy", f"one of {', '.join(STRATEGIES)}"),
            (self.pruner in PRUNERS, "pruner", f"one of {', '.join(PRUNERS)}"),
            (self.trials is None or self.trials > 0, "trials", "at least 1"),
            (self.hours is None or self.hours > 0, "hours", "above 0"),
            (self.workers > 0, "workers", "at least 1"),
            (self.threads > 0, "threads", "at least 1"),
            (self.epochs is None or self.epochs > 0, "epochs", "at least 1"),
            (self.images is None or self.images > 1, "images", "at least 2"),
            (0 < self.share < 1, "share", "above 0 and below 1"),
            (
                self.seeds == 0 or self.seeds >= FEWEST_SEEDS,
                "seeds",
                f"at least {FEWEST_SEEDS}, or 0 for no measurement of the gain",
            ),
        )
        faults = [
            f"{name}: expected {expected}, found {getattr(self, name)!r}"
            for right, name, expected in checks
            if not right
        ]
        if self.trials is None and self.hours is None:
            faults.append("trials, hours: expected at least one of them as the budget")
        if faults:
            raise RecipeError("\n".join(faults))
