"""The selection subset: the part of the training subset on which trials are evaluated."""

from __future__ import annotations

import dataclasses

import numpy as np

from mien._wording import pluralize
from mien.data import SUBSETS, Dataset, split_groups
from mien.errors import InputError

__all__ = ["selection_split"]

_TRAIN, _VAL = SUBSETS.index("train"), SUBSETS.index("val")


def selection_split(
    data: Dataset,
    *,
    share: float,
    max_images: int | None,
    seed: int,
    near: bool = True,
) -> Dataset:
    """Divide the training subset into images for training and the selection subset.

    The reported `val` and `test` are left out, and so are training images with a copy in them.
    Copies of one image, and the images of one person, are never in both subsets.

    Args:
        data: The dataset with its reported split.
        share: Share of the training subset that becomes the selection subset.
        max_images: Number of training images, drawn at random; None for all.
        seed: Seed of the division.
        near: Whether near copies count as copies too.

    Returns:
        The images of both: `train` for training, and `val`, the selection subset.

    Raises:
        InputError: The training subset is too small, or has fewer images than `max_images`.
    """
    groups = split_groups(data, near=near)
    reported = (data.split >= 0) & (data.split != _TRAIN)
    usable = np.flatnonzero((data.split == _TRAIN) & ~np.isin(groups, groups[reported]))
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.unique(groups[usable]))
    sizes = np.cumsum(np.bincount(groups[usable])[order])
    selected_groups = order[: int(np.searchsorted(sizes, share * len(usable))) + 1]
    selected = np.isin(groups[usable], selected_groups)
    training, selection = rng.permutation(usable[~selected]), usable[selected]
    if not len(training) or not len(selection):
        raise InputError(
            f"{data.source}: the training subset has {pluralize(len(usable), 'image')} without "
            f"copies in val and test, too few to set {share:.0%} of them aside"
        )
    if max_images is not None:
        if max_images > len(training):
            raise InputError(
                f"max_images: expected at most {len(training)}, what is left of the training "
                f"subset, found {max_images}"
            )
        training = training[:max_images]
    rows = np.sort(np.concatenate((training, selection)))
    split = np.where(np.isin(rows, selection), _VAL, _TRAIN).astype(np.int8)
    return dataclasses.replace(data.select(rows), split=split)
