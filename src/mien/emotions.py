"""Label sets and the maps between them: the one place where emotions are named.

Three label sets are in use. `SIX` is what users see. `FER2013_7` and `FERPLUS_8` are those of the
two labelings of the FER-2013 images, in the order of their files. Other orders and spellings are
translated here. Votes are `(N, 10)` annotator counts in the order of FER+'s `fer2013new.csv`: the
eight expressions of `FERPLUS_8`, then "unknown" and "not a face".
"""

from __future__ import annotations

import dataclasses
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError

__all__ = [
    "COLOURS",
    "FER2013_7",
    "FERPLUS_8",
    "LABEL_COLOURS",
    "LABEL_SETS",
    "SIX",
    "LabelSet",
    "canonical_label",
    "ferplus_majority",
    "ferplus_soft_labels",
    "label_set",
    "mapping_matrix",
    "to_six",
]


@dataclasses.dataclass(frozen=True, slots=True)
class LabelSet:
    """A named, ordered set of labels.

    Attributes:
        name: The name by which specs and protocols refer to it.
        labels: The labels in the order of the network's outputs.
    """

    name: str
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def index(self, label: str) -> int:
        """Return the position of `label`.

        Raises:
            InputError: The set has no such label; the message lists those it has.
        """
        try:
            return self.labels.index(label)
        except ValueError:
            known = ", ".join(self.labels)
            raise InputError(f"{self.name} has no label {label!r}; it has {known}") from None


SIX = LabelSet("six", ("happy", "neutral", "sad", "angry", "fear", "surprise"))
"""The six expressions that users see."""

FER2013_7 = LabelSet(
    "fer2013-7", ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
)
"""FER-2013's classes in the order of its `emotion` column, 0 to 6 (Goodfellow et al. 2013)."""

FERPLUS_8 = LabelSet(
    "ferplus-8",
    ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt"),
)
"""FER+'s expressions in the order of its vote columns (Barsoum et al. 2016)."""

LABEL_SETS = MappingProxyType({known.name: known for known in (SIX, FER2013_7, FERPLUS_8)})
"""The label sets by name."""

COLOURS = MappingProxyType(
    {
        "happy": "#E69F00",
        "neutral": "#8C8C8C",
        "sad": "#0072B2",
        "angry": "#D55E00",
        "fear": "#9D5FB8",
        "surprise": "#009E73",
    }
)
"""One colour per expression as `#RRGGBB`, the same in images, reports, window and page.

Five are from Okabe and Ito's palette for colour-blind readers (2008). Neutral is a mid grey, and a
violet of another lightness replaces their pink, so that small text can be read.
"""

LABEL_COLOURS = MappingProxyType({**COLOURS, "disgust": "#7F7A1B", "contempt": "#56B4E9"})
"""The colours of all labels that any label set has, for reports on data."""

_SPELLINGS = MappingProxyType(
    {
        "happiness": "happy",
        "joy": "happy",
        "sadness": "sad",
        "anger": "angry",
        "fearful": "fear",
        "afraid": "fear",
        "surprised": "surprise",
        "disgusted": "disgust",
        "neutrality": "neutral",
    }
)


def label_set(name: str) -> LabelSet:
    """Return the label set called `name`.

    Raises:
        InputError: There is none of that name; the message lists the known ones.
    """
    try:
        return LABEL_SETS[name]
    except KeyError:
        known = ", ".join(LABEL_SETS)
        raise InputError(f"unknown label set {name!r}; known are {known}") from None


def canonical_label(spelling: str) -> str:
    """Translate the spelling of a class name (`"Anger"`, `"fearful"`) into mien's label.

    Raises:
        InputError: It is no known spelling of a label.
    """
    folded = spelling.strip().lower()
    label = _SPELLINGS.get(folded, folded)
    if not any(label in known.labels for known in LABEL_SETS.values()):
        names = sorted({name for known in LABEL_SETS.values() for name in known.labels})
        raise InputError(
            f"unknown emotion {spelling!r}; known are {', '.join(names)}. "
            "Map it to one of them, for example wut=angry"
        )
    return label


def mapping_matrix(source: LabelSet, target: LabelSet) -> NDArray[np.float32]:
    """Return the matrix that maps the labels of `source` to those of `target`.

    Disgust becomes angry if the target has no disgust, as in FER-PP. Contempt is left out if the
    target has none. Probabilities over `source` times this matrix, rescaled to sum to 1, are
    probabilities over `target`.

    Returns:
        `(K_source, K_target)` float32 of zeros and ones, at most a single one per row.

    Raises:
        InputError: No source label maps to one of the target's labels.
    """
    matrix = np.zeros((len(source), len(target)), np.float32)
    for row, label in enumerate(source.labels):
        merged = "angry" if label == "disgust" and label not in target.labels else label
        if merged in target.labels:
            matrix[row, target.labels.index(merged)] = 1.0
    unreachable = [
        label for label, total in zip(target.labels, matrix.sum(0), strict=True) if total == 0
    ]
    if unreachable:
        raise InputError(
            f"{source.name} has no label that maps to {', '.join(unreachable)} of {target.name}"
        )
    return matrix


def to_six(labels: NDArray[np.integer], source: LabelSet) -> NDArray[np.int64]:
    """Translate labels into the six: disgust becomes angry, and a label without counterpart -1.

    Args:
        labels: `(N,)` in the order of `source`; negative ones mean no label.
        source: The label set they are in.

    Returns:
        `(N,)` in the order of `SIX`, -1 where there is none.
    """
    matrix = mapping_matrix(source, SIX)
    table = np.where(matrix.any(axis=1), matrix.argmax(axis=1), -1)
    table = np.append(table, -1)  # for index -1
    return table[np.where(labels < 0, -1, labels)]


def _without_lone_votes(votes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Set single votes to 0, as the published code does with mistakes (Barsoum et al. 2016)."""
    return np.where(votes == 1, 0, votes).astype(np.int64)


def ferplus_majority(votes: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return each image's label by the majority mode of FER+ (Barsoum et al. 2016).

    Args:
        votes: `(N, 10)` annotator counts.

    Returns:
        Labels `(N,)` in the order of `FERPLUS_8`, and a mask `(N,)` of the images that have a
        majority: the winner holds more than half of the votes left and is neither "unknown" nor
        "not a face". The label of an image without a majority is meaningless.
    """
    counts = _without_lone_votes(votes)
    winner = counts.argmax(axis=1)
    decided = 2 * counts.max(axis=1) > counts.sum(axis=1)
    return winner, decided & (winner < len(FERPLUS_8))


def ferplus_soft_labels(votes: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Turn the votes into a distribution over the eight expressions, to train on.

    Args:
        votes: `(N, 10)` annotator counts.

    Returns:
        Distributions `(N, 8)` float32 and a mask `(N,)` of the images that have one: the eight
        expressions hold more than half of the votes, lone votes left out. The rows of the others
        are zero.
    """
    counts = _without_lone_votes(votes)
    expressions = counts[:, : len(FERPLUS_8)]
    included = 2 * expressions.sum(axis=1) > counts.sum(axis=1)
    total = np.maximum(expressions.sum(axis=1, keepdims=True), 1)
    return np.where(included[:, None], expressions / total, 0).astype(np.float32), included
