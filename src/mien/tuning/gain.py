"""The gain of the best recipe over the start recipe, measured with several seeds each."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import torch

from mien._reading import read_csv
from mien.data import Dataset
from mien.errors import MissingExtraError, RecipeError
from mien.reports import Gain
from mien.training import METRICS_FILE, EmotionRecipe, drop_non_faces, recipe_text
from mien.tuning.objective import KeptScore, epoch_score, train_quietly
from mien.tuning.processes import process_context

__all__ = ["GAIN_FILE", "measure_gain", "welch_interval"]

GAIN_FILE = "gain.json"
"""The measured gain, in the study's folder."""


def welch_interval(
    start: Sequence[float], best: Sequence[float], *, level: float = 0.95
) -> tuple[float, float, float]:
    """Return the difference of two means and its confidence interval by Welch's t-test.

    Args:
        start: At least two values.
        best: At least two values.
        level: The confidence level, 0 to 1.

    Returns:
        Difference (mean of `best` minus mean of `start`), lower and upper end of its interval.

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
        """Train and return the objective on the reported `val`, of the epoch that is kept."""
        torch.set_num_threads(self.threads)
        # A finished run trains no epoch again, and its metrics stay as they are.
        folder = self.folder / self.sha256()[:16]
        train_quietly(self.recipe, self.data, on_epoch=self._check, folder=folder)
        path, expected = folder / METRICS_FILE, "the metrics of a training"
        table = read_csv(path, RecipeError, expected=expected)
        scores = KeptScore(self.objective, patience=self.recipe.patience)
        try:
            rows = list(zip(*(map(float, values) for values in table.values()), strict=True))
            return [scores.add(dict(zip(table, row, strict=True))).kept for row in rows][-1]
        except (LookupError, ValueError) as error:
            raise RecipeError(f"{path}: {error}. Expected {expected}") from error

    def _check(self, metrics: Mapping[str, float]) -> None:
        epoch_score(metrics, self.objective)

    def sha256(self) -> str:
        """Return a hash of recipe and images, so that another training has another folder."""
        text = recipe_text(self.recipe) + self.data.sha256()
        return hashlib.sha256(text.encode()).hexdigest()


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
    on_message: Callable[[str], None] = lambda message: None,
) -> Gain:
    """Train the start recipe and the best recipe on the whole training subset with several seeds.

    Args:
        start: The recipe that the study started from.
        best: The best recipe of the study.
        data: The dataset with its reported split: `train` is for training, `val` for the gain.
        objective: The metric, one of `OBJECTIVES`.
        seeds: Number of seeds of each recipe, counted up from the recipe's own.
        folder: The folder of the trainings; an interrupted measurement is resumed from it.
        workers: Number of processes.
        threads: Threads of torch in each process.
        on_message: Called with a line of text after each training.

    Raises:
        TrialFailure: A training diverges.
    """
    faces = drop_non_faces(data)
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
    if workers == 1:
        for run in runs:
            scores[run.name] = run()
            on_message(f"gain: {run.name}: {scores[run.name]:.2%}")
    else:
        with ProcessPoolExecutor(workers, mp_context=process_context()) as pool:
            pending = {pool.submit(run): run for run in runs}
            for done in as_completed(pending):
                name = pending[done].name
                scores[name] = done.result()
                on_message(f"gain: {name}: {scores[name]:.2%}")
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
