"""How well groups of images are told, such as those of one estimated skin tone."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mien.data import FACE_CROP, FRAMINGS, Dataset
from mien.detect import SKIN_TONES, skin_tone, skin_tone_deg
from mien.emotions import LabelSet
from mien.metrics import Interval, bootstrap_intervals, share_interval

__all__ = [
    "FEWEST_OF_A_TONE",
    "GroupScore",
    "aligned_skin_tones_deg",
    "score_group",
    "score_skin_tones",
]

FEWEST_OF_A_TONE = 30
"""Images below which a class of skin tone says little."""

_BOX_SHARES = (0.15, 0.85)
"""Where a detector's box begins and ends in `FACE_CROP`: it covers 76 % of a face crop of
FER-2013, the median of its boxes, and that covers 80 % of each side."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GroupScore:
    """The figures of a group of images.

    Attributes:
        name: The group; of skin tones, a name of `detect.SKIN_TONES`.
        images: Its images that have a label.
        accuracy: Share of correct predictions, 0 to 1.
        accuracy_interval: Its 95 % interval (Wilson; by drawing people, where they are known).
        balanced_accuracy: Mean recall over the labels that occur, 0 to 1.
        balanced_accuracy_interval: Its 95 % bootstrap interval.
        wrongly_neutral: The share of the images of other labels that are called neutral; None if
            there are no such images.
        wrongly_neutral_interval: Its 95 % interval, as that of the accuracy.
    """

    name: str
    images: int
    accuracy: float
    accuracy_interval: Interval
    balanced_accuracy: float
    balanced_accuracy_interval: Interval
    wrongly_neutral: float | None
    wrongly_neutral_interval: Interval | None


def score_group(
    name: str,
    predictions: NDArray[np.integer],
    labels: NDArray[np.integer],
    label_set: LabelSet,
    *,
    people: NDArray[np.integer] | None = None,
) -> GroupScore:
    """Score the images of a group.

    Args:
        name: The group's name.
        predictions: `(N,)` in the order of `label_set`, N at least 1; -1 for no answer, which is
            wrong.
        labels: `(N,)`, likewise, without -1.
        label_set: The K labels, one of them `neutral`.
        people: `(N,)`, who each image shows, as `Dataset.people`; None if nobody is known.
    """
    classes, neutral = len(label_set), label_set.index("neutral")
    recalls = [(predictions[labels == each] == each).mean() for each in np.unique(labels)]
    correct = predictions == labels
    # The class after the last is no answer.
    answers = np.eye(classes + 1)[np.where(predictions < 0, classes, predictions)]
    others = labels != neutral
    called = predictions[others] == neutral
    called_of = None if people is None else people[others]
    intervals = bootstrap_intervals(answers, labels, groups=people)
    return GroupScore(
        name=name,
        images=len(labels),
        accuracy=float(correct.mean()),
        accuracy_interval=share_interval(correct, groups=people),
        balanced_accuracy=float(np.mean(recalls)),
        balanced_accuracy_interval=intervals["balanced_accuracy"],
        wrongly_neutral=float(called.mean()) if len(called) else None,
        wrongly_neutral_interval=share_interval(called, groups=called_of) if len(called) else None,
    )


def score_skin_tones(
    angles_deg: NDArray[np.floating],
    predictions: NDArray[np.integer],
    labels: NDArray[np.integer],
    label_set: LabelSet,
    *,
    people: NDArray[np.integer] | None = None,
) -> tuple[GroupScore, ...]:
    """Score the images of each class of skin tone.

    Args:
        angles_deg: `(N,)`, the angles of `detect.skin_tone_deg`; NaN where there is none.
        predictions: `(N,)`, as for `score_group`.
        labels: `(N,)`, likewise; -1 does not count.
        label_set: The K labels.
        people: `(N,)`, as for `score_group`.

    Returns:
        The classes that have an image, lightest first.
    """
    known = ~np.isnan(angles_deg) & (labels >= 0)
    tones = np.array(
        [
            skin_tone(angle) if is_known else ""
            for angle, is_known in zip(angles_deg.tolist(), known.tolist(), strict=True)
        ],
        np.str_,
    )
    return tuple(
        score_group(
            name,
            predictions[tones == name],
            labels[tones == name],
            label_set,
            people=None if people is None else people[tones == name],
        )
        for name, _ in SKIN_TONES
        if (tones == name).any()
    )


def aligned_skin_tones_deg(data: Dataset) -> NDArray[np.float64]:
    """Estimate the skin tones of a dataset from the aligned faces that it keeps in colour.

    Args:
        data: The dataset, N images.

    Returns:
        `(N,)` angles in degrees; NaN where there is none: the image is grey, or was not aligned.
    """
    angles_deg = np.full(len(data), np.nan)
    if data.faces is None or data.faces.ndim < 4:
        return angles_deg
    low, high = (share * FACE_CROP.size for share in _BOX_SHARES)
    box_xyxy = np.array([low, low, high, high], np.float32)
    for row in np.flatnonzero(data.framed == FRAMINGS.index("aligned")):
        angle_deg = skin_tone_deg(data.faces[row], box_xyxy)
        angles_deg[row] = np.nan if angle_deg is None else angle_deg
    return angles_deg
