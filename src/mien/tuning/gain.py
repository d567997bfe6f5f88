"""The gain of the best recipe over the start, measured anew with several seeds."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import torch

from mien.data import Dataset
from mien.errors import MissingExtraError
from mien.reports import Gain
from mien.training import CURVE, EmotionRecipe, recipe_text, with_faces
from mien.tuning.objective import epoch_score, train_quietly

__all__ = ["GAIN", "measure_gain", "welch_interval"]

GAIN = "gain.json"
"""What was measured, in the study's folder."""


def welch_interval(
    start: Sequence[float], best: Sequence[float], *, level: float = 0.95
) -> tuple[float, float, float]:
    """Return the difference of two means with its interval, variances not taken as equal.

    Args:
        start: At least two figures.
        best: At least two figures.
        level: How sure.

    Returns:
        Difference (best less start), lower and upper end.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    try:
        from scipy import stats
    except ImportError as error:
        raise MissingExtraError("the gain's interval", "data") from error
    difference = float(np.mean(best) - np.mean(start))
    if np.ptp(best) == np.ptp(start) == 0:
        return difference, difference, difference
    interval = stats.ttest_ind(best, start, equal_var=False).confidence_interval(level)
    return difference, float(interval.low), float(interval.high)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    name: str
    recipe: EmotionRecipe
    data: Dataset
    folder: Path
    objective: str
    threads: int

    def __call__(self) -> float:
        """Train and return the objective on the reported `val` after the last epoch."""
        torch.set_num_threads(self.threads)
        # A training that had ended before trains no epoch, and leaves its curve as it is.
        folder = self.folder / self.terms()[:16]
        train_quietly(self.recipe, self.data, on_epoch=self._check, folder=folder)
        with (folder / CURVE).open(encoding="utf-8", newline="") as file:
            last = list(csv.DictReader(file))[-1]
        return epoch_score({name: float(value) for name, value in last.items()}, self.objective)

    def _check(self, metrics: Mapping[str, float]) -> None:
        epoch_score(metrics, self.objective)

    def terms(self) -> str:
        """Return a hash of recipe and images: another training goes into another folder."""
        said = recipe_text(self.recipe) + self.data.sha256()
        return hashlib.sha256(said.encode()).hexdigest()


def measure_gain(
    start: EmotionRecipe,
    best: EmotionRecipe,
    data: Dataset,
    *,
    objective: str,
    seeds: int,
    folder: Path,
    workers: int = 1,
    threads: int = 1,
    on_line: Callable[[str], None] = lambda line: None,
) -> Gain:
    """Train start and best on the whole training part with several seeds each.

    Args:
        start: The recipe that the study began with.
        best: The best one.
        data: The dataset with its reported split: `train` is trained on, `val` is reported.
        objective: What is counted, one of `OBJECTIVES`.
        seeds: How many seeds each, from the recipe's own on.
        folder: For the runs; an interrupted measurement goes on there.
        workers: Processes.
        threads: Threads of torch in each.
        on_line: Called with a line for a person after each training.

    Raises:
        TrialFailure: A training diverges.
    """
    faces = with_faces(data)
    usable = dataclasses.replace(faces, split=np.where(faces.split == 2, -1, faces.split))
    runs = [
        _Run(
            name=f"{name}, seed {recipe.seed + number}",
            recipe=dataclasses.replace(recipe, seed=recipe.seed + number),
            data=usable.select(usable.split >= 0),
            folder=folder / f"{name}-seed{recipe.seed + number}",
            objective=objective,
            threads=threads,
        )
        for number in range(seeds)
        for name, recipe in (("start", start), ("best", best))
    ]
    scores: dict[str, float] = {}
    context = multiprocessing.get_context("spawn")
    if workers == 1:
        for run in runs:
            scores[run.name] = run()
            on_line(f"gain: {run.name}: {scores[run.name]:.2%}")
    else:
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            waiting = {pool.submit(run): run for run in runs}
            for done in as_completed(waiting):
                name = waiting[done].name
                scores[name] = done.result()
                on_line(f"gain: {name}: {scores[name]:.2%}")
    measured = [
        [scores[run.name] for run in runs if run.name.startswith(name)]
        for name in ("start", "best")
    ]
    difference, low, high = welch_interval(*measured)
    return Gain(
        start=tuple(measured[0]),
        best=tuple(measured[1]),
        difference=difference,
        low=low,
        high=high,
        training_images=len(faces.subset("train")),
        val_images=len(faces.subset("val")),
        epochs=(start.epochs, best.epochs),
    )
