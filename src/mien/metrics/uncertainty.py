"""Uncertainty of figures: bootstrap intervals, and a test whether two models differ."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Interval",
    "McNemar",
    "bootstrap_intervals",
    "bootstrap_mean",
    "mcnemar",
    "share_interval",
    "wilson_interval",
]

_CHUNK = 250


@dataclasses.dataclass(frozen=True, slots=True)
class Interval:
    """An interval of a figure, by bootstrap or by Wilson's formula.

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
        p_value: Exact two-sided probability of such a difference between equally good models; see
            `mcnemar` for images of known people.
    """

    only_first: int
    only_second: int
    p_value: float


def bootstrap_intervals(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    groups: NDArray[Any] | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 1,
    bins: int = 15,
) -> Mapping[str, Interval]:
    """Return bootstrap intervals (Efron 1979) of the main figures.

    A resample is a weight per image; each figure is computed from weighted sums. Images of one
    person are alike, so with `groups` whole people are drawn (the cluster bootstrap, Davison and
    Hinkley 1997, section 3.8); else the intervals are those of images of different people.

    The ends are the percentiles of the resamples, but for two cases. A calibration error is
    estimated too high from few images, and from resamples once more, so its interval is the basic
    one (Davison and Hinkley 1997, equation 5.6), from 0 on and at least to the estimate. And
    resamples of predictions that are all correct, or all wrong, do not vary: there, the shares have
    Wilson's intervals for as many people, or images. Of one person nothing can be told of others.

    Args:
        probabilities: `(N, K)`.
        labels: `(N,)`.
        groups: `(N,)`, who each image shows; None if all images show different people.
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
    summed, sizes = _summed(columns, groups)
    if len(sizes) < 2 and count > 1:
        shares = dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1"), Interval(0.0, 1.0))
        return shares | {"nll": Interval(0.0, math.inf), "ece": Interval(0.0, 1.0)}
    found: dict[str, list[NDArray[np.float64]]] = {}
    for weights in _weights(len(sizes), resamples, seed):
        total = weights @ sizes
        sums = weights @ summed
        actual, chosen, hits, gaps, lost = np.split(sums, edges, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            recall = np.where(actual > 0, hits / actual, np.nan)
            f1 = np.where(actual + chosen > 0, 2 * hits / (actual + chosen), np.nan)
        values = {
            "accuracy": hits.sum(axis=1) / total,
            "balanced_accuracy": np.nanmean(recall, axis=1),
            "macro_f1": np.nanmean(f1, axis=1),
            "nll": lost[:, 0] / total,
            "ece": np.abs(gaps).sum(axis=1) / total,
        }
        for name, each in values.items():
            found.setdefault(name, []).append(each)
    intervals = {name: _percentiles(parts, level) for name, parts in found.items()}
    ece = float(np.abs(columns.sum(axis=0)[edges[2] : edges[3]]).sum() / count)
    low, high = 2 * ece - intervals["ece"].high, 2 * ece - intervals["ece"].low
    intervals["ece"] = Interval(max(0.0, low), max(ece, high))
    if correct.all() or not correct.any():
        units = np.array([len(np.unique(owners)) for owners in _owners(true_of, groups)])
        alike = len(units) ** 2 / (1 / units).sum()  # as many shares as their mean is as sure as
        whole = correct[0]
        intervals["accuracy"] = _wilson(whole, len(sizes))
        intervals["balanced_accuracy"] = intervals["macro_f1"] = _wilson(whole, alike)
    return intervals


def _owners(true_of: NDArray[np.float64], groups: NDArray[Any] | None) -> list[NDArray[Any]]:
    """Return the people of each class that occurs, or its images."""
    people = np.arange(len(true_of)) if groups is None else groups
    return [people[column > 0] for column in true_of.T if column.any()]


def _summed(
    columns: NDArray[np.float64], groups: NDArray[Any] | None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the sums of columns `(N, C)` over the images of each person, and how many it has."""
    if groups is None:
        return columns, np.ones(len(columns), np.int64)
    _, person = np.unique(groups, return_inverse=True)
    sizes = np.bincount(person)
    summed = np.zeros((len(sizes), columns.shape[1]))
    np.add.at(summed, person, columns)
    return summed, sizes


def _weights(count: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield how often each of some people or images is drawn, `(resamples, count)`, in parts."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        yield rng.multinomial(count, np.full(count, 1 / count), size=size)


def _percentiles(parts: Sequence[NDArray[np.float64]], level: float) -> Interval:
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(np.concatenate(parts), (tail, 100 - tail))
    return Interval(float(low), float(high))


def share_interval(
    correct: NDArray[np.bool_], *, groups: NDArray[Any] | None = None, resamples: int = 1000
) -> Interval:
    """Return the 95 % interval of a share: Wilson's, or by drawing whole people.

    Args:
        correct: `(N,)`, whether each image counts.
        groups: `(N,)`, who each image shows; None if all images show different people. Where the
            share is 0 or 1 the interval is Wilson's for as many people; of one person it is 0 to 1.
        resamples: Number of resamples.
    """
    if groups is None or not len(correct):
        return wilson_interval(int(correct.sum()), len(correct))
    summed, sizes = _summed(correct[:, None].astype(np.float64), groups)
    if len(sizes) < 2 and len(correct) > 1:
        return Interval(0.0, 1.0)
    if correct.all() or not correct.any():
        return _wilson(float(correct[0]), len(sizes))
    parts = [
        (weights @ summed)[:, 0] / (weights @ sizes)
        for weights in _weights(len(sizes), resamples, seed=1)
    ]
    return _percentiles(parts, 0.95)


def wilson_interval(correct: int, total: int) -> Interval:
    """Return the 95 % interval of a share (Wilson 1927), 0 to 1 where there is nothing to count.

    Args:
        correct: How many were correct.
        total: Of how many.
    """
    if not total:
        return Interval(0.0, 1.0)
    return _wilson(correct / total, total)


def _wilson(share: float, total: float) -> Interval:
    z = 1.959964
    scale = 1 + z**2 / total
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
    return _percentiles(means, level)


def mcnemar(
    first_correct: NDArray[np.bool_],
    second_correct: NDArray[np.bool_],
    *,
    groups: NDArray[Any] | None = None,
) -> McNemar:
    """Compare two models by the images that only one of them predicts correctly.

    With `groups` whole people change sides: of equally good models the difference in the images of
    a person is as likely as its opposite (a permutation test, Fisher 1935). Where all images show
    different people that is McNemar's test.

    Args:
        first_correct: `(N,)`, whether the first model's predictions are correct.
        second_correct: `(N,)`, the same for the second model.
        groups: `(N,)`, who each image shows; None if all images show different people.
    """
    only_first = int((first_correct & ~second_correct).sum())
    only_second = int((second_correct & ~first_correct).sum())
    if groups is not None:
        differences = first_correct.astype(np.float64) - second_correct
        by_person = _summed(differences[:, None], groups)[0][:, 0].astype(np.int64)
        return McNemar(only_first, only_second, _flipped(by_person))
    differing = only_first + only_second
    tail, ways = 0, 1
    for k in range(min(only_first, only_second) + 1):
        tail += ways
        ways = ways * (differing - k) // (k + 1)
    # Whole numbers: a float would overflow from 1,024 differing images on.
    p_value = min(1.0, 2 * tail / 2**differing) if differing < 1000 else _large(tail, differing)
    return McNemar(only_first, only_second, p_value)


def _flipped(differences: NDArray[np.int64]) -> float:
    """Return how likely a sum as far from 0 is if the sign of each difference is random."""
    sizes = np.abs(differences)
    total, reached = int(sizes.sum()), abs(int(differences.sum()))
    chances = np.zeros(2 * total + 1)  # of the sums from -total on
    chances[total] = 1.0
    for size in sizes[sizes > 0]:
        chances = (np.roll(chances, size) + np.roll(chances, -size)) / 2
    sums = np.arange(-total, total + 1)
    return min(1.0, float(chances[np.abs(sums) >= reached].sum()))


def _large(tail: int, differing: int) -> float:
    return min(1.0, math.exp(math.log(2) + math.log(tail) - differing * math.log(2)))
