"""The agreement of an embedding with people about which faces are similar."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError
from mien.metrics.metrics import jensen_shannon_divergence

__all__ = ["TripletScore", "score_triplets"]

_PAIRS = ((1, 2), (0, 2), (0, 1))
"""Pair number k of a triplet leaves out its face number k."""


@dataclasses.dataclass(frozen=True, slots=True)
class TripletScore:
    """How often an embedding and the votes agree on which two of three faces are most similar.

    Attributes:
        triplets: Number of triplets.
        accuracy: Share of them on which both agree; a third by chance.
    """

    triplets: int
    accuracy: float


def score_triplets(
    embedding: NDArray[np.floating],
    soft_labels: NDArray[np.floating],
    *,
    draws: int = 100_000,
    margin: float = 0.1,
    seed: int = 0,
) -> TripletScore:
    """Score an expression embedding on triplets of faces (Vemulapalli and Agarwala 2019).

    In that paper people chose the two most similar of three faces. Here the votes choose them: the
    similarity of two faces is 1 minus the Jensen-Shannon distance of their votes, which is the root
    of the divergence. Triplets are left out if the best pair is ahead of the next one by less than
    `margin`.

    Args:
        embedding: `(N, D)`, rows of unit length.
        soft_labels: `(N, K)`, the votes' distributions; rows of zeros are left out.
        draws: Triplets drawn at random.
        margin: Least difference in similarity between the best and the second pair, 0 to 1.
        seed: The random seed.

    Raises:
        InputError: Fewer than three faces have votes, no triplet is clear, or the arrays' lengths
            differ.
    """
    if len(embedding) != len(soft_labels):
        raise InputError(
            f"embedding and soft_labels: expected as many rows in both, found {len(embedding)} "
            f"and {len(soft_labels)}"
        )
    voted = np.flatnonzero(soft_labels.sum(axis=1) > 0)
    if len(voted) < len(_PAIRS):
        raise InputError(f"soft_labels: expected three faces with votes, found {len(voted)}")
    drawn = voted[np.random.default_rng(seed).integers(0, len(voted), (draws, 3))]  # (T, 3)
    drawn = drawn[(np.diff(np.sort(drawn, axis=1), axis=1) > 0).all(axis=1)]
    similarity = np.stack(
        [
            1
            - np.sqrt(
                jensen_shannon_divergence(soft_labels[drawn[:, a]], soft_labels[drawn[:, b]]).clip(
                    0
                )
            )
            for a, b in _PAIRS
        ],
        axis=1,
    )  # (T, 3)
    ordered = np.sort(similarity, axis=1)
    clear = ordered[:, 2] - ordered[:, 1] >= margin
    if not clear.any():
        raise InputError(f"soft_labels: the votes are clear on none of {len(drawn)} triplets")
    drawn, similarity = drawn[clear], similarity[clear]
    cosine = np.stack(
        [(embedding[drawn[:, a]] * embedding[drawn[:, b]]).sum(axis=1) for a, b in _PAIRS], axis=1
    )
    agreed = cosine.argmax(axis=1) == similarity.argmax(axis=1)
    return TripletScore(triplets=int(clear.sum()), accuracy=float(agreed.mean()))
