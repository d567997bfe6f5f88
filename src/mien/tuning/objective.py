"""What a trial does: train the recipe with its point, report every epoch, end early if told to."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import signal
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
from mien.tuning.keys import changed
from mien.tuning.space import Space
from mien.tuning.study import FAULT, SECONDS, WORKER, worker_name

__all__ = ["Objective", "TrialFailure", "epoch_score", "quiet_training", "train_quietly"]


class TrialFailure(MienError):  # noqa: N818 - an outcome that the study keeps, not its end
    """A trial came to nothing; the message says why, and the study goes on."""


@contextlib.contextmanager
def quiet_training() -> Iterator[None]:
    """Keep what Lightning says of every single training off the screen."""
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
    """Train without a word.

    Args:
        recipe: What to train and how.
        data: What to train on, and what to judge by as `val`.
        on_epoch: Called with each epoch's metrics; what it raises ends the training.
        folder: The run's folder, where an interrupted training goes on; None keeps nothing.

    Raises:
        TrialFailure: The training diverges.
    """
    with quiet_training(), contextlib.ExitStack() as stack:
        kept = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mien-")))
        try:
            train_emotion(
                recipe,
                data,
                out=kept,
                resume=folder is not None,
                on_epoch=on_epoch,
                progress=False,
            )
        except DivergedError as error:
            raise TrialFailure(str(error)) from error
        except SystemExit as error:
            # Lightning answers Ctrl-C by ending the process, and deaf to the next one.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt from error


def epoch_score(metrics: Mapping[str, float], objective: str) -> float:
    """Return the objective of one epoch.

    Raises:
        TrialFailure: It is no finite number, since nothing has labels for it.
    """
    score = metrics[f"val/{objective}"]
    if not math.isfinite(score):
        raise TrialFailure(
            f"{objective} is {score}: no image that trials are judged by has labels for it"
        )
    return score


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What a study maximises.

    Attributes:
        recipe: What the point changes.
        space: What varies.
        data: Trials learn from its `train` and are judged by its `val`; see `selection_part`.
        epochs: Epochs of a trial.
        on_epoch: Called after every epoch.
    """

    recipe: EmotionRecipe
    space: Space
    data: Dataset
    epochs: int
    on_epoch: Callable[[], None] = lambda: None

    def __call__(self, trial: optuna.Trial) -> float:
        """Train one point.

        Returns:
            The objective on the selection part after the last epoch.

        Raises:
            TrialFailure: The recipe refuses the point, or the training diverges or does not fit
                into memory.
            TrialPruned: The trial has fallen behind.
        """
        began = time.monotonic()
        trial.set_user_attr(WORKER, worker_name())
        try:
            return self._train(trial, self.space.suggest(trial))
        except TrialFailure as failure:
            trial.set_user_attr(FAULT, str(failure))
            raise
        finally:
            trial.set_user_attr(SECONDS, round(time.monotonic() - began, 2))

    def _train(self, trial: optuna.Trial, values: Mapping[str, Any]) -> float:
        score = math.nan

        def judge(metrics: Mapping[str, float]) -> None:
            nonlocal score
            score = epoch_score(metrics, self.space.objective)
            epoch = round(metrics["epoch"])
            trial.report(score, epoch)
            self.on_epoch()
            if epoch < self.epochs and trial.should_prune():
                raise optuna.TrialPruned(f"fell behind in epoch {epoch}")

        self.train(values, on_epoch=judge)
        return score

    def train(self, values: Mapping[str, Any], *, on_epoch: OnEpoch) -> None:
        """Train the recipe with other values.

        Raises:
            TrialFailure: The recipe refuses the values, or the training does not fit into memory.
        """
        try:
            recipe = dataclasses.replace(changed(self.recipe, values), epochs=self.epochs)
            train_quietly(recipe, self.data, on_epoch=on_epoch)
        except FieldError as error:
            raise TrialFailure(f"the recipe refuses the point: {error}") from error
        except torch.OutOfMemoryError as error:
            raise TrialFailure("does not fit into the device's memory") from error
