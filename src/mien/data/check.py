"""Checking a dataset: copies, leaks, conflicting labels, blank images, doubtful labels."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien._wording import pluralize
from mien.data.dataset import FRAMINGS, SUBSETS, VOTE_COLUMNS, Dataset
from mien.data.duplicates import (
    NearPairs,
    exact_groups,
    has_copy_among,
    is_duplicate,
    near_pairs,
)
from mien.data.framing import Framing, framed_text, measure_framing
from mien.data.records import Fault
from mien.detect import Detector
from mien.emotions import FER2013_7, FERPLUS_8, ferplus_majority
from mien.preprocess import view_for_detection

__all__ = ["DataCheck", "Leak", "VoteCheck", "check_dataset", "conflicting_groups", "shared_people"]

_BLANK_SPREAD = 1.0
"""Images whose pixels have a smaller standard deviation (of 255) are blank."""

_UNBALANCED = 5.0
"""A largest class with more than so many times the images of the smallest one is unbalanced."""


@dataclasses.dataclass(frozen=True, slots=True)
class Leak:
    """Copies of one subset's images in another subset.

    Attributes:
        subset: The later subset of `SUBSETS`, whose figures the copies make too good.
        other: The earlier subset, which holds the copies.
        exact: Images of `subset` with a pixel-identical copy in `other`.
        near: Images of `subset` with a copy in `other`, near copies included; None if near copies
            were not searched.
        images: Images of `subset`.
        people: Images of `subset` whose person is in `other`, too; None if no people are known.
    """

    subset: str
    other: str
    exact: int
    near: int | None
    images: int
    people: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class VoteCheck:
    """Labels against annotators' votes.

    Attributes:
        voted: Images with votes.
        with_majority: Images with a majority (FER+'s majority mode).
        agreement: Of those that also have a label, the share whose label is the majority's; None
            if there are none.
        agreement_by_label: The same for each label that occurs.
        unsupported: Images whose label got no vote.
        not_a_face: Images with votes for "not a face" only.
        mostly_not_a_face: Images on which no expression got more votes than "not a face".
        unnamed: Images without a name in FER+, which FER+ leaves out; None if unknown.
    """

    voted: int
    with_majority: int
    agreement: float | None
    agreement_by_label: dict[str, float]
    unsupported: int
    not_a_face: int
    mostly_not_a_face: int
    unnamed: int | None


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class DataCheck:
    """The result of `check_dataset`.

    Attributes:
        source: The dataset's name.
        sha256: Its hash.
        counts: Images per subset and label.
        copies: Images that are pixel-identical to an earlier one.
        copy_groups: Groups of pixel-identical images.
        conflicts: Groups of pixel-identical images with different labels.
        near: Near copies; None if they were not searched.
        leaks: For each pair of subsets, the copies between them.
        blank: `(n,)` rows of blank images.
        faceless: `(n,)` rows in which the detector finds no face; None if not all were searched.
        framing: How faces lie in a sample of the images that were not aligned; None without a
            detector.
        people: The number of different people; None if none are known.
        framed: Images by how they were made, see `FRAMINGS`.
        votes: Labels against votes; None if there are no votes.
        faults: The parts of the source that cannot be read.
        groups: `(N,)`, the result of `exact_groups`.
    """

    source: str
    sha256: str
    counts: dict[str, dict[str, int]]
    copies: int
    copy_groups: int
    conflicts: int
    near: NearPairs | None
    leaks: tuple[Leak, ...]
    blank: NDArray[np.int64]
    faceless: NDArray[np.int64] | None
    votes: VoteCheck | None
    faults: tuple[Fault, ...]
    groups: NDArray[np.int64]
    framing: Framing | None = None
    people: int | None = None
    framed: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What is worth knowing and needs no attention, a sentence each."""
        found = []
        if any(count for name, count in self.framed.items() if name != "given"):
            found.append(f"images: {framed_text(self.framed)}")
        if self.people is None and self.leaks:
            found.append("no people are known, so one person may be in several subsets")
        return found

    @property
    def warnings(self) -> list[str]:
        """What needs attention before training, a sentence each; empty if nothing does."""
        found = [*self._image_warnings(), *self._label_warnings()]
        if self.faults:
            found.insert(
                0, f"{pluralize(len(self.faults), 'row or file', 'rows or files')} cannot be read"
            )
        return found

    def _image_warnings(self) -> list[str]:
        found = []
        if self.copies:
            repeated = pluralize(self.copies, "image is a copy", "images are copies")
            found.append(f"{repeated} of an earlier one, pixel by pixel")
        for leak in self.leaks:
            if leak.exact or leak.near:
                near = f", {leak.near:,} with near copies" if leak.near is not None else ""
                has = "has" if leak.exact == 1 else "have"
                found.append(
                    f"{leak.exact:,} of {pluralize(leak.images, 'image')} of {leak.subset} {has} "
                    f"an exact copy in {leak.other}{near}: figures on them are too good"
                )
            if leak.people:
                shows = pluralize(leak.people, "image shows", "images show")
                found.append(
                    f"{shows} people in {leak.subset} who are in {leak.other}, too, of "
                    f"{leak.images:,}: figures on them are too good"
                )
        if len(self.blank):
            found.append(f"{pluralize(len(self.blank), 'image is', 'images are')} blank")
        if self.faceless is not None and len(self.faceless):
            found.append(f"in {pluralize(len(self.faceless), 'image')} no face is found")
        if whole := self.framed.get("whole"):
            kept = pluralize(whole, "image shows no face and was", "images show no face and were")
            found.append(f"{kept} kept as a whole at the import")
        if self.framing is not None:
            found += self.framing.warnings
        return found

    def _label_warnings(self) -> list[str]:
        found = [
            f"{subset} is empty, and training needs it: make a split with "
            "`mien data split --kind stratified`"
            for subset in ("train", "val")
            if subset not in self.counts
        ]
        if self.conflicts:
            found.append(
                f"{pluralize(self.conflicts, 'group')} of identical images with different labels"
            )
        if self.votes is not None and self.votes.unsupported:
            found.append(
                f"{pluralize(self.votes.unsupported, 'image')} with a label that got no vote"
            )
        if self.votes is not None and self.votes.mostly_not_a_face:
            found.append(
                f"{pluralize(self.votes.mostly_not_a_face, 'image')} without a face, by most votes"
            )
        for subset, counts in self.counts.items():
            missing = [label for label in counts if label and not counts[label]]
            if missing:
                found.append(f"{subset} has no image of {', '.join(missing)}")
        counts = self.counts.get("train", {})
        train = [count for label, count in counts.items() if label and count]
        if train and max(train) > _UNBALANCED * min(train):
            ratio = max(train) / min(train)
            found.append(
                f"the largest class of train has {ratio:.1f} times the images of the smallest one"
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON has it, without the arrays of all images."""
        near = None
        if self.near is not None:
            near = {"pairs": len(self.near), "mirrored": int(self.near.mirrored.sum())}
        return {
            "source": self.source,
            "sha256": self.sha256,
            "counts": self.counts,
            "copies": {
                "images": self.copies,
                "groups": self.copy_groups,
                "with_conflicting_labels": self.conflicts,
            },
            "near_copies": near,
            "leaks": [dataclasses.asdict(leak) for leak in self.leaks],
            "blank_rows": self.blank.tolist(),
            "faceless_rows": None if self.faceless is None else self.faceless.tolist(),
            "framing": None if self.framing is None else dataclasses.asdict(self.framing),
            "framed": self.framed,
            "people": self.people,
            "votes": None if self.votes is None else dataclasses.asdict(self.votes),
            "unreadable": [dataclasses.asdict(fault) for fault in self.faults],
            "notes": self.notes,
            "warnings": self.warnings,
        }


def check_dataset(
    data: Dataset,
    *,
    near: bool = True,
    detector: Detector | None = None,
    find_faces: bool = False,
    faults: Sequence[Fault] = (),
) -> DataCheck:
    """Check a dataset for copies, leaks, conflicting labels, blank images and doubtful labels.

    Args:
        data: The dataset.
        near: Whether to search near copies, which takes most of the time.
        detector: Searches faces in a sample of the images, to see how they lie; None leaves that
            out.
        find_faces: Whether it searches a face in every image, too.
        faults: The parts of the source that cannot be read.
    """
    groups = exact_groups(data.images)
    pairs = near_pairs(data.images) if near else None
    repeated = np.unique(groups[is_duplicate(groups)])
    spread = np.array([image.std() for image in data.images])  # all at once fill the memory
    return DataCheck(
        source=data.source,
        sha256=data.sha256(),
        counts=_counts(data),
        copies=int(is_duplicate(groups).sum()),
        copy_groups=len(repeated),
        conflicts=len(conflicting_groups(data, groups)),
        near=pairs,
        leaks=tuple(_leaks(data, groups, pairs)),
        blank=np.flatnonzero(spread < _BLANK_SPREAD),
        faceless=_faceless(data, detector) if detector is not None and find_faces else None,
        votes=_check_votes(data) if data.votes.any() else None,
        faults=tuple(faults),
        groups=groups,
        framing=None if detector is None else measure_framing(data, detector),
        people=None if data.groups is None else len(set(data.groups.tolist()) - {""}),
        framed={name: int((data.framed == i).sum()) for i, name in enumerate(FRAMINGS)},
    )


def conflicting_groups(data: Dataset, groups: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the groups of identical images with different labels, as rows of the dataset."""
    repeated = np.flatnonzero(np.isin(groups, groups[is_duplicate(groups)]))
    rows = repeated[np.argsort(groups[repeated], kind="stable")]
    starts = np.flatnonzero(np.diff(groups[rows], prepend=-1))
    members = np.split(rows, starts[1:]) if len(rows) else []
    return [group for group in members if len(set(data.labels[group].tolist())) > 1]


def _counts(data: Dataset) -> dict[str, dict[str, int]]:
    counts = {}
    for name in SUBSETS:
        labels = data.subset(name).labels
        if not len(labels):
            continue
        counts[name] = {label: int((labels == i).sum()) for i, label in enumerate(data.label_names)}
        if (labels < 0).any():
            counts[name][""] = int((labels < 0).sum())
    return counts


def _leaks(data: Dataset, groups: NDArray[np.int64], pairs: NearPairs | None) -> list[Leak]:
    leaks = []
    for other, subset in itertools.combinations(range(len(SUBSETS)), 2):
        in_other, in_subset = data.split == other, data.split == subset
        if not (in_other.any() and in_subset.any()):
            continue
        exact = has_copy_among(in_other, groups)[in_subset]
        near = None if pairs is None else has_copy_among(in_other, groups, pairs)[in_subset]
        leaks.append(
            Leak(
                subset=SUBSETS[subset],
                other=SUBSETS[other],
                exact=int(exact.sum()),
                near=None if near is None else int(near.sum()),
                images=int(in_subset.sum()),
                people=shared_people(data, SUBSETS[subset], SUBSETS[other]),
            )
        )
    return leaks


def shared_people(data: Dataset, subset: str, other: str) -> int | None:
    """Return how many images of a subset show people who are in another one, too.

    Args:
        data: The dataset.
        subset: `train`, `val` or `test`.
        other: Likewise.

    Returns:
        None if no people are known.
    """
    if data.groups is None:
        return None
    own, others = (data.groups[data.split == SUBSETS.index(name)] for name in (subset, other))
    return int((np.isin(own, others) & (own != "")).sum())


def mostly_not_a_face(votes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which images have no expression with more votes than "not a face".

    Args:
        votes: `(N, 10)` in the order of `VOTE_COLUMNS`.

    Returns:
        `(N,)`; False where there are no votes.
    """
    no_face = votes[:, VOTE_COLUMNS.index("NF")]
    expressions = np.delete(
        votes, [VOTE_COLUMNS.index("NF"), VOTE_COLUMNS.index("unknown")], axis=1
    ).max(axis=1)
    mostly: NDArray[np.bool_] = (no_face >= expressions) & votes.any(axis=1) & (no_face > 0)
    return mostly


def _check_votes(data: Dataset) -> VoteCheck:
    votes, labels = data.votes, data.fer2013_labels
    voted = votes.any(axis=1)
    majority, has_majority = ferplus_majority(votes)
    as_ferplus = np.array([FERPLUS_8.labels.index(label) for label in FER2013_7.labels])
    label_as_ferplus = as_ferplus[labels]
    both = has_majority & (labels >= 0)
    agrees = majority == label_as_ferplus
    label_votes = votes[np.arange(len(data)), label_as_ferplus]
    not_a_face = votes[:, VOTE_COLUMNS.index("NF")]
    by_label = {
        label: float(agrees[both & (labels == number)].mean())
        for number, label in enumerate(FER2013_7.labels)
        if (both & (labels == number)).any()
    }
    return VoteCheck(
        voted=int(voted.sum()),
        with_majority=int(has_majority.sum()),
        agreement=float(agrees[both].mean()) if both.any() else None,
        agreement_by_label=by_label,
        unsupported=int(((label_votes == 0) & (labels >= 0) & voted).sum()),
        not_a_face=int((voted & (not_a_face == votes.sum(axis=1))).sum()),
        mostly_not_a_face=int(mostly_not_a_face(votes).sum()),
        unnamed=None if data.names is None else int((data.names[voted] == "").sum()),
    )


def _faceless(data: Dataset, detector: Detector) -> NDArray[np.int64]:
    rows = [
        row
        for row, image in enumerate(data.images)
        if not len(detector.detect(view_for_detection(image)))
    ]
    return np.array(rows, np.int64)
