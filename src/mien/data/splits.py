"""Splits: which images are for training, for choosing and for reporting; files with a hash."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien._checking import Within, check_number, check_whole
from mien._decode import FieldError, all_demands, decode, demand, shown
from mien._output import whole_file
from mien._reading import read_json
from mien._wording import pluralize
from mien.data.dataset import SUBSETS, Dataset
from mien.data.duplicates import copy_groups, exact_groups, joined_groups, near_pairs
from mien.emotions import FER2013_7, SIX, to_six
from mien.errors import DatasetError, InputError, MissingExtraError
from mien.options import MAX_SEED

__all__ = [
    "Split",
    "fer_pp_split",
    "group_folds",
    "leak_free_split",
    "likely_people",
    "published_split",
    "read_split",
    "split_groups",
    "stratified_split",
]

_FORMAT = 2
_LEFT_OUT = "-"
_SYMBOLS = "0123456789abcdefghijklmnopqrstuvwxyz"

_NUMBERS = {symbol: number for number, symbol in enumerate(_SYMBOLS)} | {_LEFT_OUT: -1}

_ONE_PERSON_CORRELATION = 0.92
"""Of pairs of aligned faces that correlate so much, 97 to 99 % show one person, measured on posed
and on acted expressions with known people; at 0.9 it is 86 to 90 %, and unlike people hang
together. The network's embedding tells expressions apart, not people: it adds nothing."""

_LEAST_GAIN = 1e-9

_FER_PP_ORDER = ("angry", "fear", "happy", "sad", "surprise", "neutral")
_FER_PP_VALIDATION = 0.1
_FER_PP_SEED = 42
"""The settings by which FER-PP's notebook divides FER-2013 (github.com/charrybot/FER-PP)."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The subset of each image of one dataset.

    Attributes:
        kind: How it was made, for example `leak-free`.
        dataset_sha256: `Dataset.sha256` of the dataset that it divides.
        subsets: The subsets' names.
        assignment: `(N,)` int8, an index into `subsets`; -1 for images that are left out.
    """

    kind: str
    dataset_sha256: str
    subsets: tuple[str, ...]
    assignment: NDArray[np.int8]

    def sha256(self) -> str:
        """Return the hash that identifies this split, 64 hexadecimal digits."""
        # The keys of the first format: model files name splits by the hash that it gave them.
        hashed = {
            "kind": self.kind,
            "dataset_sha256": self.dataset_sha256,
            "parts": list(self.subsets),
            "assignment": self._assigned(),
        }
        return hashlib.sha256(json.dumps(hashed).encode()).hexdigest()

    def counts(self) -> dict[str, int]:
        """Return the number of images of each subset, and of those left out if there are any."""
        counts = {
            subset: int((self.assignment == i).sum()) for i, subset in enumerate(self.subsets)
        }
        left_out = int((self.assignment < 0).sum())
        return counts | ({"left out": left_out} if left_out else {})

    def apply(self, data: Dataset, *, fold: int | None = None) -> Dataset:
        """Return the dataset with this split.

        Args:
            data: The dataset that the split was made for.
            fold: For a split into folds, the one that is `val`; the others are `train`.

        Raises:
            DatasetError: The split was made for another dataset.
            InputError: A fold is missing, or is given to a split without folds.
        """
        if data.sha256() != self.dataset_sha256 or len(data) != len(self.assignment):
            raise DatasetError(
                f"{self.kind} split: made for the dataset {self.dataset_sha256[:12]}, but "
                f"{data.source} is {data.sha256()[:12]}. Make a new one with: mien data split"
            )
        return dataclasses.replace(data, split=self._subset_indices(fold))

    def _subset_indices(self, fold: int | None) -> NDArray[np.int8]:
        folded = self.subsets[0].startswith("fold")
        if folded != (fold is not None):
            wanted = f"a fold of 0 to {len(self.subsets) - 1}" if folded else "no fold"
            raise InputError(f"{self.kind} split: expected {wanted}, found {fold}")
        if fold is not None:
            if not 0 <= fold < len(self.subsets):
                raise InputError(f"fold: expected 0 to {len(self.subsets) - 1}, found {fold}")
            chosen = np.where(self.assignment == fold, SUBSETS.index("val"), SUBSETS.index("train"))
            return np.where(self.assignment < 0, -1, chosen).astype(np.int8)
        table = np.array([SUBSETS.index(subset) for subset in self.subsets] + [-1], np.int8)
        chosen = table[self.assignment]  # -1 finds the last one, which is -1
        return chosen

    def write(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the split as JSON, one character per image.

        Raises:
            OutputError: The file exists already or cannot be written.
        """
        fields = {
            "format": _FORMAT,
            "sha256": self.sha256(),
            "counts": self.counts(),
            "kind": self.kind,
            "dataset_sha256": self.dataset_sha256,
            "subsets": self.subsets,
            "assignment": self._assigned(),
        }
        with whole_file(Path(path), overwrite=overwrite) as partial:
            partial.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")

    def _assigned(self) -> str:
        """Return one character per image: its subset's number, or that of those left out."""
        return "".join(_SYMBOLS[i] if i >= 0 else _LEFT_OUT for i in self.assignment)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """The fields of a split's file; the counts are for people."""

    format: int
    sha256: str
    counts: Mapping[str, int]
    kind: str
    dataset_sha256: str
    subsets: tuple[str, ...]
    assignment: str

    @all_demands()
    def __post_init__(self) -> None:
        folds = [f"fold {number}" for number in range(len(self.subsets))]
        different = len(set(self.subsets)) == len(self.subsets)
        known = set(self.subsets) <= set(SUBSETS) or list(self.subsets) == folds
        expected = f"names of {', '.join(SUBSETS)}, or fold 0, fold 1, ..."
        right = bool(self.subsets) and different and known
        demand(right, "subsets", expected, self.subsets)
        symbols = _SYMBOLS[: len(self.subsets)] + _LEFT_OUT
        strange = sorted(set(self.assignment) - set(symbols))
        demand(not strange, "assignment", f"one of {symbols} per image", "".join(strange))


def read_split(path: str | Path) -> Split:
    """Read a split's file and check its hash.

    Raises:
        DatasetError: The file is missing or damaged, or not a split of this format.
    """
    expected = "a split. Make one with: mien data split"
    document = read_json(Path(path), DatasetError, expected=expected)
    found = document.get("format") if isinstance(document, dict) else None
    if found != _FORMAT:
        raise DatasetError(
            f"{path}: format: expected {_FORMAT}, found {shown(found)}. "
            "Make a new one with: mien data split"
        )
    try:
        file = decode(_File, document)
    except FieldError as error:
        raise DatasetError(f"{path}: {error}. Expected {expected}") from error
    numbers = [_NUMBERS[symbol] for symbol in file.assignment]
    split = Split(file.kind, file.dataset_sha256, file.subsets, np.array(numbers, np.int8))
    if split.sha256() != file.sha256:
        raise DatasetError(
            f"{path}: damaged, its hash is another one. Make a new one with: mien data split"
        )
    return split


def published_split(data: Dataset) -> Split:
    """Return the split that the dataset was imported with."""
    return Split("published", data.sha256(), SUBSETS, data.split)


def leak_free_split(data: Dataset, *, near: bool = False) -> Split:
    """Return the dataset's split without copies between its subsets.

    `test` is unchanged. Images of `val` with a copy in `test`, and images of `train` with a copy
    in `val` or `test`, are left out.

    Args:
        data: The dataset.
        near: Whether near copies count as copies; see `near_pairs`.
    """
    groups = _groups(data, near=near)
    train, val, test = (data.split == subset for subset in range(3))
    in_test = np.isin(groups, groups[test])
    in_val = np.isin(groups, groups[val])
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
    check_whole("seed", seed, MAX_SEED)
    labels = to_six(data.labels, FER2013_7)
    if (labels < 0).any():
        raise InputError(f"{data.source}: FER-PP's split needs a label for every image")
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
    if not isinstance(folds, int) or not 2 <= folds <= len(_SYMBOLS):
        raise InputError(f"folds: expected 2 to {len(_SYMBOLS)}, found {folds!r}")
    check_whole("seed", seed, MAX_SEED)
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
    check_whole("seed", seed, MAX_SEED)
    check_number("val", val, Within(0, 1))
    check_number("test", test, Within(0, 1))
    if not (val > 0 and test >= 0 and val + test < 1):
        expected = "a share of val above 0, and one of test, below 1 together"
        raise InputError(f"val and test: expected {expected}, found {val:g} and {test:g}")
    usable = np.flatnonzero(data.split >= 0)
    groups = split_groups(data, near=near)[usable]
    counts = _class_counts(data.labels[usable], groups)  # (U, K)
    targets = _targets(counts, np.array([1 - val - test, val, test]))
    chosen = _divide(counts, targets, np.random.default_rng(seed))
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
            where all images of a class would hang together, they can be divided.

    Returns:
        `(N,)` int64.
    """
    exact = exact_groups(data.images)
    if near:
        groups = copy_groups(exact, near_pairs(data.images))
    elif near is None and data.groups is None:
        pairs = near_pairs(data.images, correlation=_ONE_PERSON_CORRELATION)
        groups = copy_groups(exact, pairs)
        for label in np.unique(data.labels):
            own = data.labels == label
            if len(np.unique(groups[own])) == 1:
                groups[own] = exact[own] + len(data)  # other numbers than those of `groups`
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
        pairs = near_pairs(data.images, correlation=_ONE_PERSON_CORRELATION)
        groups = copy_groups(groups, pairs)
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


def _class_counts(labels: NDArray[np.int8], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the images of each class in each group, `(U, K)`, groups in ascending order."""
    numbers, unit = np.unique(groups, return_inverse=True)
    classes, label = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(numbers), len(classes)), np.int64)
    np.add.at(counts, (unit, label), 1)
    return counts


def _targets(counts: NDArray[np.int64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
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


def _divide(
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


def _groups(data: Dataset, *, near: bool) -> NDArray[np.int64]:
    """Return the number of each image's group of copies, with near copies if asked."""
    groups = exact_groups(data.images)
    return copy_groups(groups, near_pairs(data.images)) if near else groups
