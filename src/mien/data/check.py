"""What is wrong with a dataset: copies, leaks, conflicts, blanks, non-faces, doubtful labels."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien._wording import pluralize
from mien.data.dataset import SUBSETS, VOTE_COLUMNS, Dataset
from mien.data.duplicates import NearPairs, copy_groups, exact_groups, is_duplicate, near_pairs
from mien.data.records import Fault
from mien.detect import Detector
from mien.emotions import FER2013_7, FERPLUS_8, ferplus_majority
from mien.preprocess import view_for_detection

__all__ = ["DataCheck", "Leak", "VoteCheck", "check_dataset", "conflicting"]

_BLANK_SPREAD = 1.0
"""Images whose pixels have a smaller standard deviation (of 255) show nothing."""

_UNBALANCED = 5.0
"""More images of the largest class than so many times the smallest one's are worth a look."""


@dataclasses.dataclass(frozen=True, slots=True)
class Leak:
    """Copies of one subset's images in another.

    Attributes:
        reported: The subset whose figure the copies flatter.
        seen: The subset that has the copies.
        exact: Images of `reported` with a pixel-identical copy in `seen`.
        near: Images of `reported` with a copy in `seen`, near ones included; None if not looked.
        count: Images of `reported`.
    """

    reported: str
    seen: str
    exact: int
    near: int | None
    count: int


@dataclasses.dataclass(frozen=True, slots=True)
class VoteCheck:
    """Labels against annotators' votes.

    Attributes:
        voted: Images with votes.
        decided: Images with a majority (FER+'s majority mode).
        agreement: Of those that also have a label, the share whose label is the majority's; None
            if there are none.
        agreement_by_label: The same for each label that occurs.
        unsupported: Images whose label got no vote at all.
        not_a_face: Images that every voter called no face.
        mostly_not_a_face: Images to which no expression got more votes than "not a face".
        unnamed: Images that FER+ gives no name, which is how it leaves them out.
    """

    voted: int
    decided: int
    agreement: float | None
    agreement_by_label: dict[str, float]
    unsupported: int
    not_a_face: int
    mostly_not_a_face: int
    unnamed: int | None


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class DataCheck:
    """What `check_dataset` found.

    Attributes:
        source: The dataset's name.
        sha256: Its hash.
        counts: Images per subset and label.
        copies: Images that repeat an earlier one pixel by pixel.
        copy_groups: Groups of pixel-identical images.
        conflicts: Groups of pixel-identical images with different labels.
        near: Near copies; None if they were not looked for.
        leaks: For each pair of subsets, copies that cross it.
        blank: `(n,)` rows of images that show nothing.
        faceless: `(n,)` rows in which the detector sees no face; None if it was not asked.
        votes: Labels against votes; None if there are no votes.
        faults: What of the source could not be read.
        groups: `(N,)` of `exact_groups`.
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

    @property
    def attention(self) -> list[str]:
        """What a person should look at before training, a sentence each; empty if nothing."""
        found = [*self._about_images(), *self._about_labels()]
        if self.faults:
            found.insert(
                0, f"{pluralize(len(self.faults), 'row or file', 'rows or files')} cannot be read"
            )
        return found

    def _about_images(self) -> list[str]:
        found = []
        if self.copies:
            repeated = pluralize(self.copies, "image repeats", "images repeat")
            found.append(f"{repeated} another one pixel by pixel")
        for leak in self.leaks:
            if leak.exact or leak.near:
                near = f", {leak.near:,} with near copies" if leak.near is not None else ""
                has = "has" if leak.exact == 1 else "have"
                found.append(
                    f"{leak.exact:,} of {pluralize(leak.count, 'image')} of {leak.reported} {has} "
                    f"an exact copy in {leak.seen}{near}: figures on them are flattered"
                )
        if len(self.blank):
            found.append(f"{pluralize(len(self.blank), 'image is', 'images are')} blank")
        if self.faceless is not None and len(self.faceless):
            found.append(f"in {pluralize(len(self.faceless), 'image')} no face is found")
        return found

    def _about_labels(self) -> list[str]:
        found = [
            f"there is no {subset}, without which nothing is trained: "
            "`mien data split --kind stratified` divides a dataset"
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
                f"{pluralize(self.votes.mostly_not_a_face, 'image')} of no face, by most votes"
            )
        for subset, counts in self.counts.items():
            missing = [label for label in FER2013_7.labels if not counts.get(label)]
            if missing:
                found.append(f"{subset} has no image of {', '.join(missing)}")
        counts = self.counts.get("train", {})
        train = [count for label, count in counts.items() if label and count]
        if train and max(train) > _UNBALANCED * min(train):
            ratio = max(train) / min(train)
            found.append(f"the largest class of train has {ratio:.1f} times the smallest one's")
        return found

    def to_json(self) -> dict[str, Any]:
        """Return everything but the arrays of all images, as JSON has it."""
        near = None
        if self.near is not None:
            near = {"pairs": len(self.near), "mirrored": int(self.near.mirrored.sum())}
        return {
            "source": self.source,
            "sha256": self.sha256,
            "counts": self.counts,
            "copies": {
                "is_duplicate": self.copies,
                "groups": self.copy_groups,
                "with_conflicting_labels": self.conflicts,
            },
            "near_copies": near,
            "leaks": [dataclasses.asdict(leak) for leak in self.leaks],
            "blank_rows": self.blank.tolist(),
            "faceless_rows": None if self.faceless is None else self.faceless.tolist(),
            "votes": None if self.votes is None else dataclasses.asdict(self.votes),
            "unreadable": [dataclasses.asdict(fault) for fault in self.faults],
            "attention": self.attention,
        }


def check_dataset(
    data: Dataset,
    *,
    near: bool = True,
    detector: Detector | None = None,
    faults: Sequence[Fault] = (),
) -> DataCheck:
    """Look a dataset over.

    Args:
        data: The dataset.
        near: Whether to look for near copies, which takes most of the time.
        detector: Looks for a face in every image; None leaves that out.
        faults: What of the source could not be read.

    Raises:
        MissingExtraError: SciPy, which near copies need, is not installed.
    """
    groups = exact_groups(data.images)
    pairs = near_pairs(data.images) if near else None
    joined = copy_groups(groups, pairs) if pairs is not None else None
    repeated = np.unique(groups[is_duplicate(groups)])
    spread = data.images.std(axis=(1, 2))
    return DataCheck(
        source=data.source,
        sha256=data.sha256(),
        counts=_counts(data),
        copies=int(is_duplicate(groups).sum()),
        copy_groups=len(repeated),
        conflicts=len(conflicting(data, groups)),
        near=pairs,
        leaks=tuple(_leaks(data, groups, joined)),
        blank=np.flatnonzero(spread < _BLANK_SPREAD),
        faceless=None if detector is None else _faceless(data, detector),
        votes=_against_votes(data) if data.votes.any() else None,
        faults=tuple(faults),
        groups=groups,
    )


def conflicting(data: Dataset, groups: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the groups of identical images that have different labels, rows each."""
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
        counts[name] = {label: int((labels == i).sum()) for i, label in enumerate(FER2013_7.labels)}
        if (labels < 0).any():
            counts[name][""] = int((labels < 0).sum())
    return counts


def _leaks(
    data: Dataset, groups: NDArray[np.int64], joined: NDArray[np.int64] | None
) -> list[Leak]:
    leaks = []
    for seen, reported in itertools.combinations(range(len(SUBSETS)), 2):
        in_seen, in_reported = data.split == seen, data.split == reported
        if not (in_seen.any() and in_reported.any()):
            continue
        crossing = [
            None if numbers is None else int(np.isin(numbers[in_reported], numbers[in_seen]).sum())
            for numbers in (groups, joined)
        ]
        leaks.append(
            Leak(
                reported=SUBSETS[reported],
                seen=SUBSETS[seen],
                exact=crossing[0] or 0,
                near=crossing[1],
                count=int(in_reported.sum()),
            )
        )
    return leaks


def mostly_not_a_face(votes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say which images no expression has more votes for than there are for no face.

    Args:
        votes: `(N, 10)` in the order of `VOTE_COLUMNS`.

    Returns:
        `(N,)`; False where nobody voted.
    """
    no_face = votes[:, VOTE_COLUMNS.index("NF")]
    expressions = np.delete(
        votes, [VOTE_COLUMNS.index("NF"), VOTE_COLUMNS.index("unknown")], axis=1
    ).max(axis=1)
    mostly: NDArray[np.bool_] = (no_face >= expressions) & votes.any(axis=1) & (no_face > 0)
    return mostly


def _against_votes(data: Dataset) -> VoteCheck:
    votes, labels = data.votes, data.labels
    voted = votes.any(axis=1)
    majority, decided = ferplus_majority(votes)
    as_ferplus = np.array([FERPLUS_8.labels.index(label) for label in FER2013_7.labels])
    wanted = as_ferplus[labels]
    both = decided & (labels >= 0)
    right = majority == wanted
    got = votes[np.arange(len(data)), wanted]
    not_a_face = votes[:, VOTE_COLUMNS.index("NF")]
    by_label = {
        label: float(right[both & (labels == number)].mean())
        for number, label in enumerate(FER2013_7.labels)
        if (both & (labels == number)).any()
    }
    return VoteCheck(
        voted=int(voted.sum()),
        decided=int(decided.sum()),
        agreement=float(right[both].mean()) if both.any() else None,
        agreement_by_label=by_label,
        unsupported=int(((got == 0) & (labels >= 0) & voted).sum()),
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
