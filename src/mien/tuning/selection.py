"""The selection part: what trials are judged by, carved out of the training part."""

from __future__ import annotations

import dataclasses

import numpy as np

from mien._wording import pluralize
from mien.data import SUBSETS, Dataset, copy_groups, exact_groups, near_pairs
from mien.errors import InputError

__all__ = ["selection_part"]

_TRAIN, _VAL = SUBSETS.index("train"), SUBSETS.index("val")


def selection_part(
    data: Dataset, *, share: float, images: int | None, seed: int, near: bool = True
) -> Dataset:
    """Divide the training part into what trials learn from, `train`, and are judged by, `val`.

    The reported `val` and `test` are left out, and so are training images with a copy in them.
    Copies of one image stay on one side.

    Args:
        data: The dataset with its reported split.
        share: Share of the training part that judges.
        images: How many images to learn from, drawn at random; None for all.
        seed: Seed of the division.
        near: Whether near copies count as copies too.

    Returns:
        Only the images that take part.

    Raises:
        InputError: The training part is too small to be divided, or has fewer than `images`.
    """
    groups = exact_groups(data.images)
    if near:
        groups = copy_groups(groups, near_pairs(data.images))
    reported = (data.split >= 0) & (data.split != _TRAIN)
    usable = np.flatnonzero((data.split == _TRAIN) & ~np.isin(groups, groups[reported]))
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.unique(groups[usable]))
    reached = np.cumsum(np.bincount(groups[usable])[order])
    judging = order[: int(np.searchsorted(reached, share * len(usable))) + 1]
    judges = np.isin(groups[usable], judging)
    learned, judged = rng.permutation(usable[~judges]), usable[judges]
    if not len(learned) or not len(judged):
        raise InputError(
            f"{data.source}: the training part has {pluralize(len(usable), 'image')} without "
            f"copies in val and test, too few to set {share:.0%} of them aside"
        )
    if images is not None:
        if images > len(learned):
            raise InputError(
                f"images: expected at most {len(learned)}, what is left of the training part, "
                f"found {images}"
            )
        learned = learned[:images]
    chosen = np.sort(np.concatenate((learned, judged)))
    split = np.where(np.isin(chosen, judged), _VAL, _TRAIN).astype(np.int8)
    return dataclasses.replace(data.select(chosen), split=split)
