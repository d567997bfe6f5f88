"""The objective of a study: train the recipe with a trial's point and report every epoch."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
import torch

from mien._decode import FieldError
from mien.data import Dataset
from mien.errors import DivergedError, MienError
from mien.training import EmotionRecipe, train_emotion
from mien.training.run import OnEpoch
from mien.tuning.keys import with_values
from mien.tuning.space import Space
from mien.tuning.study import FAULT_ATTRIBUTE, SECONDS_ATTRIBUTE, WORKER_ATTRIBUTE, worker_name

__all__ = [
    "EpochScore",
    "KeptScore",
    "Objective",
    "TrialFailure",
    "epoch_score",
    "quiet_training",
    "train_quietly",
]


class TrialFailure(MienError):  # noqa: N818 - a result that the study records and goes on from
    """A trial has failed; the message gives the reason, and the study goes on."""


@contextlib.contextmanager
def quiet_training() -> Iterator[None]:
    """Suppress Lightning's messages and warnings about each training."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def train_quietly(
    recipe: EmotionRecipe, data: Dataset, *, on_epoch: OnEpoch, folder: Path | None = None
) -> None:
    """Train without output on the screen.

    Args:
        recipe: The recipe.
        data: Images for training as `train`, and for the objective as `val`.
        on_epoch: Called with each epoch's metrics; an exception of it ends the training.
        folder: The run's folder, from which an interrupted training is resumed; None for a
            temporary one.

    Raises:
        TrialFailure: The training diverges.
    """
    with quiet_training(), contextlib.ExitStack() as stack:
        out = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mien-")))
        try:
            train_emotion(
                recipe,
                data,
                out=out,
                resume=folder is not None,
                on_epoch=on_epoch,
                progress=False,
            )
        except DivergedError as error:
            raise TrialFailure(str(error)) from error


def epoch_score(metrics: Mapping[str, float], objective: str) -> float:
    """Return the objective of one epoch.

    Raises:
        TrialFailure: It is not finite, since no image has labels for it.
    """
    score = metrics[f"val/{objective}"]
    if not math.isfinite(score):
        raise TrialFailure(
            f"{objective} is {score}: no image of the selection subset has labels for it"
        )
    return score


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EpochScore:
    """The objective after an epoch.

    Attributes:
        epoch: The epoch's number, from 1.
        score: The objective of its weights.
        kept: The objective of the weights that the training would end with now.
    """

    epoch: int
    score: float
    kept: float


class KeptScore:
    """Follows the objective of the weights that a training ends with.

    They are those of the best epoch by `val/score` if its recipe has `patience`, else of the last.

    Args:
        objective: The metric, one of `OBJECTIVES`.
        patience: The recipe's.
    """

    def __init__(self, objective: str, *, patience: int) -> None:
        self._objective, self._patience = objective, patience
        self._best, self._kept = -math.inf, math.nan

    def add(self, metrics: Mapping[str, float]) -> EpochScore:
        """Add an epoch's metrics.

        Raises:
            TrialFailure: The objective is not finite.
        """
        score = epoch_score(metrics, self._objective)
        if not self._patience:
            self._kept = score
        # Of epochs with the same score the first is kept.
        elif math.isnan(self._kept) or metrics["val/score"] > self._best:
            self._best, self._kept = metrics["val/score"], score
        return EpochScore(epoch=round(metrics["epoch"]), score=score, kept=self._kept)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """The objective that a study maximises.

    Attributes:
        recipe: The recipe whose values the points replace.
        space: The search space.
        data: The data of `selection_split`: trials train on `train` and are evaluated on `val`.
        epochs: Epochs of a trial.
        on_epoch: Called after every epoch.
    """

    recipe: EmotionRecipe
    space: Space
    data: Dataset
    epochs: int
    on_epoch: Callable[[], None] = lambda: None

    def __call__(self, trial: optuna.Trial) -> float:
        """Train with the point of a trial.

        Returns:
            The objective on the selection subset, of the epoch whose weights the training keeps.

        Raises:
            TrialFailure: The recipe does not accept the point, the training diverges, or it does
                not fit into memory.
            TrialPruned: The pruner ends the trial.
        """
        started = time.monotonic()
        trial.set_user_attr(WORKER_ATTRIBUTE, worker_name())
        try:
            return self._train(trial, self.space.suggest(trial))
        except TrialFailure as failure:
            trial.set_user_attr(FAULT_ATTRIBUTE, str(failure))
            raise
        finally:
            trial.set_user_attr(SECONDS_ATTRIBUTE, round(time.monotonic() - started, 2))

    def _train(self, trial: optuna.Trial, values: Mapping[str, Any]) -> float:
        kept = math.nan

        def report(found: EpochScore) -> None:
            nonlocal kept
            kept = found.kept
            trial.report(found.score, found.epoch)
            self.on_epoch()
            if found.epoch < self.epochs and trial.should_prune():
                raise optuna.TrialPruned(f"pruned after epoch {found.epoch}")

        self.train(values, on_epoch=report)
        return kept

    def train(self, values: Mapping[str, Any], *, on_epoch: Callable[[EpochScore], None]) -> None:
        """Train the recipe with other values.

        Args:
            values: Values by the recipe's keys.
            on_epoch: Called after each epoch; an exception of it ends the training.

        Raises:
            TrialFailure: The recipe does not accept the values, the training diverges, or it does
                not fit into memory.
        """
        try:
            recipe = dataclasses.replace(with_values(self.recipe, values), epochs=self.epochs)
            scores = KeptScore(self.space.objective, patience=recipe.patience)
            train_quietly(recipe, self.data, on_epoch=lambda metrics: on_epoch(scores.add(metrics)))
        except FieldError as error:
            raise TrialFailure(f"the recipe refuses the point: {error}") from error
        except torch.OutOfMemoryError as error:
            raise TrialFailure("does not fit into the device's memory") from error
