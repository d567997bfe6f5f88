"""Which pictures a figure counts and what their true labels are: the protocols of the field.

Votes are `(N, 10)` annotator counts in the order of FER+'s `fer2013new.csv`: the eight expressions
of `FERPLUS_8`, then "unknown" and "not a face".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.emotions import FERPLUS_8, SIX, LabelSet, mapping_matrix

__all__ = ["ferplus_majority", "ferplus_soft_labels", "to_six"]


def _without_lone_votes(votes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Set a vote of 1 to 0: the published code counts it as a slip (Barsoum et al. 2016)."""
    return np.where(votes == 1, 0, votes).astype(np.int64)


def ferplus_majority(votes: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Say each picture's label by the majority mode of FER+ (Barsoum et al. 2016).

    Args:
        votes: `(N, 10)` annotator counts.

    Returns:
        Labels `(N,)` in the order of `FERPLUS_8`, and a mask `(N,)` of the pictures that count: the
        winner holds more than half of the votes left and is neither "unknown" nor "not a face".
        The label of a picture that does not count is meaningless.
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
        Distributions `(N, 8)` float32 and a mask `(N,)` of the pictures that count: the eight
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
