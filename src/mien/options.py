"""Options of trainings and studies.

They stand outside of `mien.training` and `mien.tuning` because the command line reads its defaults
from them, and those packages load torch.
"""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

from mien.errors import RecipeError

__all__ = [
    "MIN_SEEDS",
    "PRUNERS",
    "SAMPLERS",
    "DeviceOptions",
    "PrunerName",
    "SamplerName",
    "TuneOptions",
]

SamplerName = Literal["grid", "random", "tpe", "gp"]
PrunerName = Literal["hyperband", "median", "none"]

SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)
PRUNERS: tuple[PrunerName, ...] = get_args(PrunerName)

MIN_SEEDS = 3
"""Smallest number of seeds for a gain: the interval of fewer trainings would say nothing."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOptions:
    """The devices of a training, with Lightning's own names and values.

    Attributes:
        accelerator: `auto`, `cpu`, `gpu`, ...
        devices: Number of devices, or `auto`.
        nodes: Number of machines.
        strategy: How the devices share the work: `auto`, `ddp`, ...
        threads: Threads of torch on the CPU; 0 leaves torch's own number.
    """

    accelerator: str = "auto"
    devices: int | str = "auto"
    nodes: int = 1
    strategy: str = "auto"
    threads: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TuneOptions:
    """How a study searches, and when it ends.

    Attributes:
        sampler: What chooses the points: `grid`, `random`, `tpe` (tree-structured Parzen
            estimators, Bergstra et al. 2011) or `gp` (a Gaussian process).
        pruner: What ends trials early: `hyperband` (Li et al. 2018), `median` or `none`.
        trials: Trials of the whole study, those of earlier runs and other machines included; None
            for as many as the time allows.
        hours: Time from now after which no trial is started; None for no limit.
        seed: Seed of the search.
        workers: Processes on this machine.
        threads: Threads of torch in each worker.
        epochs: Epochs of a trial; None for those of the recipe.
        max_images: Number of training images of a trial, drawn at random; None for all.
        selection_share: Share of the training subset that becomes the selection subset, on which
            trials are evaluated.
        near: Whether near copies count as copies, which are never in both subsets.
        seeds: Number of trainings each of the start recipe and the best recipe for the gain on the
            reported `val`; 0 leaves the gain out.
        study: Name of the study in the storage.
        storage: Where the study is kept, as for `open_storage`; None for a file in its folder.
    """

    sampler: SamplerName = "tpe"
    pruner: PrunerName = "median"
    trials: int | None = 50
    hours: float | None = None
    seed: int = 1
    workers: int = 1
    threads: int = 1
    epochs: int | None = None
    max_images: int | None = None
    selection_share: float = 0.1
    near: bool = True
    seeds: int = MIN_SEEDS
    study: str = "emotion"
    storage: str | None = None

    def __post_init__(self) -> None:
        checks = (
            (self.sampler in SAMPLERS, "sampler", f"one of {', '.join(SAMPLERS)}"),
            (self.pruner in PRUNERS, "pruner", f"one of {', '.join(PRUNERS)}"),
            (self.trials is None or self.trials > 0, "trials", "at least 1"),
            (self.hours is None or self.hours > 0, "hours", "above 0"),
            (self.workers > 0, "workers", "at least 1"),
            (self.threads > 0, "threads", "at least 1"),
            (self.epochs is None or self.epochs > 0, "epochs", "at least 1"),
            (self.max_images is None or self.max_images > 1, "max_images", "at least 2"),
            (0 < self.selection_share < 1, "selection_share", "above 0 and below 1"),
            (
                self.seeds == 0 or self.seeds >= MIN_SEEDS,
                "seeds",
                f"at least {MIN_SEEDS}, or 0 to leave out the gain",
            ),
        )
        faults = [
            f"{name}: expected {expected}, found {getattr(self, name)!r}"
            for correct, name, expected in checks
            if not correct
        ]
        if self.trials is None and self.hours is None:
            faults.append("trials, hours: expected at least one of them as the budget")
        if faults:
            raise RecipeError("\n".join(faults))
