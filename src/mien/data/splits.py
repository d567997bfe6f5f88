"""Splits: which images are for training, for choosing and for reporting."""

from __future__ import annotations

import math
import warnings

import numpy as np
from numpy.typing import NDArray

from mien._checking import Within, check_number, check_whole
from mien._wording import pluralize
from mien.data.dataset import SUBSETS, Dataset
from mien.data.division import class_counts, divide_groups, subset_targets
from mien.data.duplicates import (
    exact_groups,
    has_copy_among,
    iter_near_pairs,
    joined_groups,
    near_groups,
)
from mien.data.split_file import SPLIT_SYMBOLS, Split
from mien.emotions import FER2013_7, SIX, to_six
from mien.errors import InputError, MissingExtraError
from mien.options import MAX_SEED

__all__ = [
    "fer_pp_split",
    "group_folds",
    "leak_free_split",
    "likely_people",
    "published_split",
    "split_groups",
    "stratified_split",
]

_ONE_PERSON_CORRELATION = 0.92
"""Of pairs of aligned faces that correlate so much, 97 to 99 % show one person, measured on posed
and on acted expressions with known people; at 0.9 it is 86 to 90 %, and unlike people hang
together. The network's embedding tells expressions apart, not people: it adds nothing."""

_FER_PP_ORDER = ("angry", "fear", "happy", "sad", "surprise", "neutral")
_FER_PP_VALIDATION = 0.1
_FER_PP_SEED = 42
"""The settings by which FER-PP's notebook divides FER-2013 (github.com/charrybot/FER-PP)."""


def published_split(data: Dataset) -> Split:
    """Return the split that the dataset was imported with."""
    return Split("published", data.sha256(), SUBSETS, data.split)


def leak_free_split(data: Dataset, *, near: bool = False) -> Split:
    """Return the dataset's split without copies between its subsets.

    `test` is unchanged. Images of `val` with a copy in `test`, and images of `train` with a copy
    in `val` or `test`, are left out.

    Args:
        data: The dataset.
        near: Whether near copies count as copies, see `near_pairs`; chains of them do not.
    """
    groups = exact_groups(data.images)
    train, val, test = (data.split == subset for subset in range(3))
    in_val, in_test = (has_copy_among(subset, groups) for subset in (val, test))
    for pairs in iter_near_pairs(data.images) if near else ():
        in_val |= has_copy_among(val, groups, pairs)
        in_test |= has_copy_among(test, groups, pairs)
    leaking = (val & in_test) | (train & (in_test | in_val))
    kind = "leak-free, near copies too" if near else "leak-free"
    return Split(kind, data.sha256(), SUBSETS, np.where(leaking, -1, data.split).astype(np.int8))


def fer_pp_split(data: Dataset, *, selection: float = 0.0, seed: int = 1) -> Split:
    """Return FER-PP's random split: a tenth of all rows is `val`, the rest `train`.

    Stratified over six classes, disgust counting as angry, by scikit-learn's `train_test_split`
    with seed 42. 8.5 % of its `val` have a pixel-identical copy in its `train`: use it only to
    compare with that program.

    With `selection` its `val` becomes `test`, and that share of its `train` becomes `val`, so that
    a training can choose by `val` and be reported on FER-PP's own images. Copies of one image stay
    together.

    Args:
        data: The dataset.
        selection: Share of FER-PP's `train` that becomes `val`, 0 to below 1.
        seed: The random seed of that choice.

    Raises:
        InputError: The dataset is not FER-2013: an image has no label of the six classes, or
            there are too few; or `selection` is out of range.
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.model_selection import GroupShuffleSplit, train_test_split
    except ImportError as error:
        raise MissingExtraError("FER-PP's split", "data") from error
    check_number("selection", selection, Within(0, 1, below=True))
    seed = check_whole("seed", seed, MAX_SEED)
    labels = to_six(data.fer2013_labels, FER2013_7)
    if (labels < 0).any():
        raise InputError(f"{data.source}: FER-PP's split needs a label of FER-2013 for every image")
    counts = np.bincount(labels, minlength=len(SIX))
    tenth = math.ceil(_FER_PP_VALIDATION * len(data))
    if counts[counts > 0].min(initial=2) < 2 or tenth < (counts > 0).sum():
        found = ", ".join(f"{n} {label}" for label, n in zip(SIX.labels, counts, strict=True) if n)
        raise InputError(
            f"{data.source}: too small for FER-PP's split, which needs an image of each class in "
            f"its tenth and in the rest: found {found or 'no image'}. Use another kind of split"
        )
    order = np.array([_FER_PP_ORDER.index(label) for label in SIX.labels])
    one_hot = np.eye(len(SIX), dtype=int)[order[labels]]
    train, val = train_test_split(
        np.arange(len(data)),
        test_size=_FER_PP_VALIDATION,
        shuffle=True,
        stratify=one_hot,
        random_state=_FER_PP_SEED,
    )
    assignment = np.zeros(len(data), np.int8)
    if not selection:
        assignment[val] = SUBSETS.index("val")
        return Split("FER-PP random", data.sha256(), SUBSETS[:2], assignment)
    groups = exact_groups(data.images)[train]
    different = len(np.unique(groups))
    if math.ceil(selection * different) >= different:
        raise InputError(
            f"selection: {selection:g} of {different} different images leaves none for train"
        )
    divider = GroupShuffleSplit(n_splits=1, test_size=selection, random_state=seed)
    _, chosen = next(divider.split(train, groups=groups))
    assignment[val] = SUBSETS.index("test")
    assignment[train[chosen]] = SUBSETS.index("val")
    kind = f"FER-PP random, its validation as test, {selection:g} of the rest as val, seed {seed}"
    return Split(kind, data.sha256(), SUBSETS, assignment)


def group_folds(data: Dataset, *, folds: int = 5, seed: int = 1, near: bool = False) -> Split:
    """Divide `train` and `val` into folds of similar class balance, each with all copies.

    All images of a person are in one fold. `test` is left out, and so are images with a copy in it
    or of a person in it.

    Args:
        data: The dataset.
        folds: How many, 2 to 36.
        seed: The random seed.
        near: Whether near copies count as copies.

    Raises:
        InputError: The number of folds is out of range, or there are too few images or people for
            it.
        MissingExtraError: scikit-learn is not installed.
    """
    if not isinstance(folds, int) or not 2 <= folds <= len(SPLIT_SYMBOLS):
        raise InputError(f"folds: expected 2 to {len(SPLIT_SYMBOLS)}, found {folds!r}")
    seed = check_whole("seed", seed, MAX_SEED)
    try:
        from sklearn.model_selection import StratifiedGroupKFold
    except ImportError as error:
        raise MissingExtraError("splitting into folds", "data") from error
    groups = split_groups(data, near=near)
    test = SUBSETS.index("test")
    tested = np.isin(groups, groups[data.split == test])
    usable = np.flatnonzero((data.split >= 0) & (data.split != test) & ~tested)
    if len(np.unique(groups[usable])) < folds:
        what = "different images" if data.groups is None else "people in train and val"
        raise InputError(f"folds: {folds} are more than {data.source} has {what}")
    largest = np.unique(data.labels[usable], return_counts=True)[1].max()
    if largest < folds:
        raise InputError(
            f"folds: {folds} are more than the {pluralize(largest, 'image')} of the largest class "
            f"of {data.source}. Take fewer"
        )
    divider = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    assignment = np.full(len(data), -1, np.int8)
    divided = divider.split(usable, data.labels[usable], groups[usable])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class may be smaller than there are folds
        for number, (_, held_out) in enumerate(divided):
            if not len(held_out):
                raise InputError(f"folds: no image is left for fold {number}. Take fewer folds")
            assignment[usable[held_out]] = number
    names = tuple(f"fold {number}" for number in range(folds))
    kind = f"{folds} folds, seed {seed}" + _together(data, near)
    return Split(kind, data.sha256(), names, assignment)


def stratified_split(
    data: Dataset,
    *,
    val: float = 0.15,
    test: float = 0.15,
    seed: int = 1,
    near: bool | None = None,
) -> Split:
    """Make a new split: subsets of similar class balance, each with all copies of its images.

    All images of a person are in one subset, where `Dataset.groups` knows people; what is then
    possible comes closest to the shares of every class. Images that the dataset's own split leaves
    out stay left out; the rest of that split does not matter. Of a class of few images the first
    goes to `train`, then one each to `val` and `test`.

    Args:
        data: The dataset.
        val: Share of `val`, above 0.
        test: Share of `test`; 0 makes none.
        seed: The random seed.
        near: Whether near copies count as copies; None if no people are known, see
            `split_groups`.

    Raises:
        InputError: The shares are out of range, no class has two different images, or all images
            show one person.
    """
    seed = check_whole("seed", seed, MAX_SEED)
    check_number("val", val, Within(0, 1))
    check_number("test", test, Within(0, 1))
    if not (val > 0 and test >= 0 and val + test < 1):
        expected = "a share of val above 0, and one of test, below 1 together"
        raise InputError(f"val and test: expected {expected}, found {val:g} and {test:g}")
    usable = np.flatnonzero(data.split >= 0)
    groups = split_groups(data, near=near)[usable]
    counts = class_counts(data.labels[usable], groups)  # (U, K)
    targets = subset_targets(counts, np.array([1 - val - test, val, test]))
    chosen = divide_groups(counts, targets, np.random.default_rng(seed))
    if not (chosen == SUBSETS.index("val")).any():
        people = data.groups is not None and len(counts) < 2 <= len(usable)
        what = "all images show one person" if people else "no class has two different images"
        raise InputError(f"{data.source}: {what} to divide")
    assignment = np.full(len(data), -1, np.int8)
    assignment[usable] = chosen[np.unique(groups, return_inverse=True)[1]]
    kind = f"stratified, {val:g} val, {test:g} test, seed {seed}" + _together(data, near)
    return Split(kind, data.sha256(), SUBSETS, assignment)


def split_groups(data: Dataset, *, near: bool | None = None) -> NDArray[np.int64]:
    """Number the images so that those that must not be divided share a number.

    These are pixel-identical ones and those of one person, by `Dataset.groups`.

    Args:
        data: The dataset.
        near: Whether near copies belong together as well. None takes them where no people are
            known, and from a lower correlation on: faces so close are mostly of one person. But
            where all images of a class would hang together, only exact copies are.

    Returns:
        `(N,)` int64.
    """
    exact = exact_groups(data.images)
    if near:
        groups = near_groups(data.images, exact)
    elif near is None and data.groups is None:
        groups = near_groups(data.images, exact, correlation=_ONE_PERSON_CORRELATION)
        for label in np.unique(data.labels):
            own = data.labels == label
            if len(np.unique(groups[own])) == 1:
                groups[own] = exact[own] + len(data)  # other numbers than those of `groups`
        # Other classes may hold exact copies of these images.
        groups = joined_groups(groups, np.arange(len(data)), exact)
    else:
        groups = exact
    return _joined_people(data, groups)


def likely_people(data: Dataset) -> NDArray[np.int64]:
    """Number the images so that those that show one person, as far as is known, share a number.

    Where people are unknown, pixels decide: what is so close is mostly of one person. Unlike in
    `split_groups` there is no exception; so all images of a class may share a number.

    Args:
        data: The dataset.

    Returns:
        `(N,)` int64.
    """
    groups = exact_groups(data.images)
    if data.groups is None or not (data.groups != "").all():
        groups = near_groups(data.images, groups, correlation=_ONE_PERSON_CORRELATION)
    return _joined_people(data, groups)


def _joined_people(data: Dataset, groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join groups that show one person, by `Dataset.groups`."""
    if data.groups is None:
        return groups
    _, people = np.unique(data.groups, return_inverse=True)
    known = np.flatnonzero(data.groups != "")
    firsts = {person: row for row, person in reversed(list(zip(known, people[known], strict=True)))}
    return joined_groups(
        groups, known, np.array([firsts[each] for each in people[known]], np.int64)
    )


def _together(data: Dataset, near: bool | None) -> str:
    """Say in a split's kind what is never divided, beside exact copies."""
    people = ", people together" if data.groups is not None else ""
    return people + (", near copies too" if near or (near is None and not people) else "")
