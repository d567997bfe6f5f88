"""Uncertainty of figures: bootstrap intervals, and a test whether two models differ."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Interval",
    "McNemar",
    "bootstrap_intervals",
    "bootstrap_mean",
    "mcnemar",
    "wilson_interval",
]

_CHUNK = 250


@dataclasses.dataclass(frozen=True, slots=True)
class Interval:
    """An interval of a figure, by bootstrap percentiles or by Wilson's formula.

    Attributes:
        low: Its lower end.
        high: Its upper end.
    """

    low: float
    high: float


@dataclasses.dataclass(frozen=True, slots=True)
class McNemar:
    """Two models on the same images (McNemar 1947).

    Attributes:
        only_first: Images that only the first model predicts correctly.
        only_second: Images that only the second model predicts correctly.
        p_value: Exact two-sided probability of such a difference between equally good models.
    """

    only_first: int
    only_second: int
    p_value: float


def bootstrap_intervals(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 1,
    bins: int = 15,
) -> Mapping[str, Interval]:
    """Return percentile bootstrap intervals (Efron 1979) of the main figures.

    A resample is a weight per image; each figure is computed from weighted sums.

    Args:
        probabilities: `(N, K)`.
        labels: `(N,)`.
        resamples: Number of resamples.
        level: Share of the resamples within the interval.
        seed: The random seed.
        bins: Bins of the calibration error.

    Returns:
        Intervals of `accuracy`, `balanced_accuracy`, `macro_f1`, `nll` and `ece`.
    """
    count, classes = probabilities.shape
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1).astype(np.float64)
    true_of = np.eye(classes)[labels]
    predicted_as = np.eye(classes)[predicted]
    correct = (predicted == labels).astype(np.float64)
    nll = -np.log(np.maximum(probabilities[np.arange(count), labels], 1e-12)).astype(np.float64)
    bin_of = np.eye(bins)[np.minimum((confidence * bins).astype(np.int64), bins - 1)]
    columns = np.concatenate(
        (
            true_of,
            predicted_as,
            true_of * correct[:, None],
            bin_of * (correct - confidence)[:, None],
            nll[:, None],
        ),
        axis=1,
    )
    edges = np.cumsum([classes, classes, classes, bins])
    rng = np.random.default_rng(seed)
    found: dict[str, list[NDArray[np.float64]]] = {}
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        weights = rng.multinomial(count, np.full(count, 1 / count), size=size)
        sums = weights @ columns
        actual, chosen, hits, gaps, lost = np.split(sums, edges, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            recall = np.where(actual > 0, hits / actual, np.nan)
            f1 = np.where(actual + chosen > 0, 2 * hits / (actual + chosen), np.nan)
        values = {
            "accuracy": hits.sum(axis=1) / count,
            "balanced_accuracy": np.nanmean(recall, axis=1),
            "macro_f1": np.nanmean(f1, axis=1),
            "nll": lost[:, 0] / count,
            "ece": np.abs(gaps).sum(axis=1) / count,
        }
        for name, each in values.items():
            found.setdefault(name, []).append(each)
    tail = 100 * (1 - level) / 2
    intervals = {}
    for name, parts in found.items():
        low, high = np.percentile(np.concatenate(parts), (tail, 100 - tail))
        intervals[name] = Interval(float(low), float(high))
    return intervals


def wilson_interval(correct: int, total: int) -> Interval:
    """Return the 95 % interval of a share (Wilson 1927), 0 to 1 where there is nothing to count.

    Args:
        correct: How many were correct.
        total: Of how many.
    """
    if not total:
        return Interval(0.0, 1.0)
    z = 1.959964
    share, scale = correct / total, 1 + z**2 / total
    middle = (share + z**2 / (2 * total)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def bootstrap_mean(
    values: NDArray[np.floating], *, resamples: int = 2000, level: float = 0.95, seed: int = 1
) -> Interval | None:
    """Return the percentile bootstrap interval (Efron 1979) of a mean; None for fewer than two.

    Args:
        values: `(N,)`, one for each independent observation.
        resamples: Number of resamples.
        level: Share of the resamples within the interval.
        seed: The random seed.
    """
    if len(values) < 2:
        return None
    rng = np.random.default_rng(seed)
    means: list[NDArray[np.float64]] = []
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        means.append(values[rng.integers(len(values), size=(size, len(values)))].mean(axis=1))
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(np.concatenate(means), (tail, 100 - tail))
    return Interval(float(low), float(high))


def mcnemar(first_correct: NDArray[np.bool_], second_correct: NDArray[np.bool_]) -> McNemar:
    """Compare two models by the images that only one of them predicts correctly.

    Args:
        first_correct: `(N,)`, whether the first model's predictions are correct.
        second_correct: `(N,)`, the same for the second model.
    """
    only_first = int((first_correct & ~second_correct).sum())
    only_second = int((second_correct & ~first_correct).sum())
    differing = only_first + only_second
    tail = sum(math.comb(differing, k) for k in range(min(only_first, only_second) + 1))
    # Whole numbers: a float would overflow from 1,024 differing images on.
    p_value = min(1.0, 2 * tail / 2**differing) if differing < 1000 else _large(tail, differing)
    return McNemar(only_first, only_second, p_value)


def _large(tail: int, differing: int) -> float:
    return min(1.0, math.exp(math.log(2) + math.log(tail) - differing * math.log(2)))
