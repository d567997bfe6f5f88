"""Which images a figure counts and what their true labels are: the protocols of the field.

Votes are `(N, 10)` annotator counts in the order of FER+'s `fer2013new.csv`: the eight expressions
of `FERPLUS_8`, then "unknown" and "not a face".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mien.emotions import FER2013_7, FERPLUS_8, SIX, LabelSet, mapping_matrix
from mien.errors import InputError

__all__ = [
    "PROTOCOLS",
    "Protocol",
    "ferplus_majority",
    "ferplus_soft_labels",
    "protocol",
    "to_six",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Protocol:
    """Which output is judged by which labels.

    Attributes:
        name: How it is called on the command line and in results.
        title: How it is called in tables.
        output: The labels of the output that is judged.
        label_set: The labels that it is judged by: those of the output, or the six.
        truth: Whose word counts: the majority of FER+'s votes, or FER-2013's labels.
    """

    name: str
    title: str
    output: LabelSet
    label_set: LabelSet
    truth: Literal["ferplus", "fer2013"]

    def judged(self, answers: Mapping[str, NDArray[np.floating]]) -> NDArray[np.floating] | None:
        """Return the probabilities that are judged, `(N, K)` over `label_set`.

        Args:
            answers: A model's probabilities by their label set's name.

        Returns:
            Those of `output`, added up where several of its labels count as one; None where the
            model has no such output.
        """
        found = answers.get(self.output.name)
        if found is None or self.output is self.label_set:
            return found
        merged: NDArray[np.floating] = found @ mapping_matrix(self.output, self.label_set)
        return merged

    def labels(self, labels: NDArray[np.integer], votes: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return each image's true label, `(N,)` in the order of `label_set`; -1 does not count.

        Args:
            labels: `(N,)` in the order of `FER2013_7`, -1 where there is none.
            votes: `(N, 10)` annotator counts.
        """
        if self.truth == "fer2013":
            known = labels.astype(np.int64)
            return to_six(known, FER2013_7) if self.label_set is SIX else known
        majority, counted = ferplus_majority(votes)
        known = np.where(counted, majority, -1)
        return to_six(known, FERPLUS_8) if self.label_set is SIX else known

    def soft_labels(self, votes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the votes' distributions over `label_set`, `(N, K)`; zeros where there are none.

        Args:
            votes: `(N, 10)` annotator counts.
        """
        soft, _ = ferplus_soft_labels(votes)
        if self.label_set is FERPLUS_8:
            return soft.astype(np.float64)
        mapped = soft.astype(np.float64) @ mapping_matrix(FERPLUS_8, self.label_set)
        total = mapped.sum(axis=1, keepdims=True)
        shares: NDArray[np.float64] = np.divide(
            mapped, total, out=np.zeros_like(mapped), where=total > 0
        )
        return shares


PROTOCOLS = MappingProxyType(
    {
        known.name: known
        for known in (
            Protocol("ferplus-8", "FER+ 8 classes, majority", FERPLUS_8, FERPLUS_8, "ferplus"),
            Protocol("fer2013-7", "FER-2013 7 classes", FER2013_7, FER2013_7, "fer2013"),
            Protocol("fer2013-6", "FER-2013 6 classes", FER2013_7, SIX, "fer2013"),
            Protocol("six-ferplus", "six-way output, FER+ majority", SIX, SIX, "ferplus"),
            Protocol("six-fer2013", "six-way output, FER-2013", SIX, SIX, "fer2013"),
        )
    }
)
"""The protocols by name."""


def protocol(name: str) -> tuple[Protocol, ...]:
    """Return the protocols called `name`; `six` stands for both of the six-way output, or `all`.

    Raises:
        InputError: There is none of that name; the message lists the known ones.
    """
    if name == "all":
        return tuple(PROTOCOLS.values())
    if name == "six":
        return tuple(known for known in PROTOCOLS.values() if known.output is SIX)
    if name not in PROTOCOLS:
        known_names = ", ".join(("all", "six", *PROTOCOLS))
        raise InputError(f"unknown protocol {name!r}; known are {known_names}")
    return (PROTOCOLS[name],)


def _without_lone_votes(votes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Set a vote of 1 to 0: the published code counts it as a slip (Barsoum et al. 2016)."""
    return np.where(votes == 1, 0, votes).astype(np.int64)


def ferplus_majority(votes: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Say each image's label by the majority mode of FER+ (Barsoum et al. 2016).

    Args:
        votes: `(N, 10)` annotator counts.

    Returns:
        Labels `(N,)` in the order of `FERPLUS_8`, and a mask `(N,)` of the images that count: the
        winner holds more than half of the votes left and is neither "unknown" nor "not a face".
        The label of an image that does not count is meaningless.
    """
    counted = _without_lone_votes(votes)
    winner = counted.argmax(axis=1)
    decided = 2 * counted.max(axis=1) > counted.sum(axis=1)
    return winner, decided & (winner < len(FERPLUS_8))


def ferplus_soft_labels(votes: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Turn the votes into a distribution over the eight expressions, to train on.

    Args:
        votes: `(N, 10)` annotator counts.

    Returns:
        Distributions `(N, 8)` float32 and a mask `(N,)` of the images that count: the eight
        expressions hold more than half of the votes, lone votes left out. The rows of the others
        are zero.
    """
    counted = _without_lone_votes(votes)
    expressions = counted[:, : len(FERPLUS_8)]
    keep = 2 * expressions.sum(axis=1) > counted.sum(axis=1)
    total = np.maximum(expressions.sum(axis=1, keepdims=True), 1)
    return np.where(keep[:, None], expressions / total, 0).astype(np.float32), keep


def to_six(labels: NDArray[np.integer], source: LabelSet) -> NDArray[np.int64]:
    """Translate labels into the six: disgust counts as angry, what has no counterpart as -1.

    Args:
        labels: `(N,)` in the order of `source`; negative ones mean no label.
        source: The label set they are in.

    Returns:
        `(N,)` in the order of `SIX`, -1 where there is none.
    """
    matrix = mapping_matrix(source, SIX)
    table = np.where(matrix.any(axis=1), matrix.argmax(axis=1), -1)
    table = np.append(table, -1)  # what index -1 finds
    return table[np.where(labels < 0, -1, labels)]
