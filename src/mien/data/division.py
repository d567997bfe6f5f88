"""The division of groups of images into subsets, so that each has its share of every class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.data.dataset import SUBSETS

__all__ = ["class_counts", "divide_groups", "subset_targets"]

_LEAST_GAIN = 1e-9


def class_counts(labels: NDArray[np.int8], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the images of each class in each group, `(U, K)`, groups in ascending order."""
    numbers, unit = np.unique(groups, return_inverse=True)
    classes, label = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(numbers), len(classes)), np.int64)
    np.add.at(counts, (unit, label), 1)
    return counts


def subset_targets(counts: NDArray[np.int64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many images of each class each subset should have, `(3, K)`.

    Of a class that occurs in few groups train comes first, then val, then test.
    """
    totals, occurs = counts.sum(axis=0), (counts > 0).sum(axis=0)
    targets = np.zeros((len(SUBSETS), len(totals)))
    for subset in (1, 2):
        if shares[subset]:
            wanted = np.maximum(1, np.round(shares[subset] * totals))
            targets[subset] = np.where(occurs > subset, wanted, 0)
    targets[0] = np.maximum(totals - targets[1:].sum(axis=0), 0)
    return targets


def divide_groups(
    counts: NDArray[np.int64], targets: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int8]:
    """Assign groups to subsets so that the counts of classes come close to the targets.

    The largest groups are assigned first, each to the subset where the squared distance from the
    targets, relative to the size of the class, grows least. Then single groups move as long as that
    brings the counts closer, and into a subset that is still empty.

    Args:
        counts: `(U, K)`, the images of each class in each group.
        targets: `(3, K)`, the images of each class in each subset.
        rng: Decides between groups of one size.

    Returns:
        `(U,)` int8, an index into `SUBSETS`.
    """
    order = rng.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    weights = 1 / np.maximum(targets.sum(axis=0), 1)
    found, chosen = np.zeros(targets.shape), np.zeros(len(counts), np.int8)
    for unit in order:
        growth = (weights * counts[unit] * (2 * (found - targets) + counts[unit])).sum(axis=1)
        chosen[unit] = growth.argmin()
        found[chosen[unit]] += counts[unit]

    def growths() -> NDArray[np.float64]:
        """Return how the squared distance grows by each move, `(3, U)`."""
        away = -2 * (found - targets)[chosen] + counts
        into = 2 * (found - targets)[:, None] + counts
        growth: NDArray[np.float64] = (weights * counts * (away + into)).sum(axis=2)
        growth[chosen, np.arange(len(counts))] = 0
        return growth

    def move(unit: int, subset: int) -> None:
        found[chosen[unit]] -= counts[unit]
        found[subset] += counts[unit]
        chosen[unit] = subset

    for _ in range(len(counts)):
        growth = growths()
        subset, unit = np.unravel_index(growth.argmin(), growth.shape)
        if growth[subset, unit] > -_LEAST_GAIN:
            break
        move(int(unit), int(subset))
    for subset in np.flatnonzero(targets.any(axis=1)):
        spare = np.bincount(chosen, minlength=len(SUBSETS))[chosen] > 1
        if not (chosen == subset).any() and spare.any():
            move(int(np.where(spare, growths()[subset], np.inf).argmin()), int(subset))
    return chosen
