"""Groups of similar expressions among the faces of an album, and shots of the same moment."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mien.data import iter_near_pairs, joined_groups
from mien.emotions import SIX
from mien.errors import MissingExtraError

__all__ = ["AlbumGroup", "Grouping", "group_faces", "require_grouping"]

_MAX_GROUPS = 12
_FACES_PER_GROUP = 4
"""The number of groups that is chosen leaves each of them about so many faces at least."""

_COMPARED = 1000
"""Faces by which the number of groups is chosen; comparing all pairs of more takes long."""

_SAME_EXPRESSION = 0.8
_PAIRS_AT_ONCE = 65_536
"""Two shots show the same moment only if the cosine of their embeddings is at least so large."""

_SECOND_SHARE = 0.5
"""A group is named after its second expression, too, if that has this share of the first one's
mean probability."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AlbumGroup:
    """A group of faces with similar expressions.

    Attributes:
        number: Its number, from 0, the largest group first.
        name: Its one or two most probable expressions, for example `happy and surprise`.
        faces: How many faces it has.
        moments: How many moments they show: nearly identical shots count once.
        medoid: The number of its most typical face, the one that is most similar to the others.
        probabilities: The mean of the six probabilities.
    """

    number: int
    name: str
    faces: int
    moments: int
    medoid: int
    probabilities: tuple[float, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grouping:
    """How N faces were grouped.

    Attributes:
        groups: The groups, the largest first.
        group: The group of each face, `(N,)`.
        distance: One minus the cosine of each face's embedding with its group's medoid's, `(N,)`.
        moment: The number of each face's moment, `(N,)`.
        shown: The faces that stand for their moments, one each: the sharpest, in ascending order.
    """

    groups: tuple[AlbumGroup, ...]
    group: NDArray[np.int64]
    distance: NDArray[np.float64]
    moment: NDArray[np.int64]
    shown: NDArray[np.int64]


def group_faces(
    embeddings: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    greys: NDArray[np.uint8],
    sharpness: NDArray[np.float64],
    *,
    groups: int | None = None,
) -> Grouping:
    """Group faces by expression.

    The embeddings of one face per moment are grouped by k-means; since they have unit length, that
    is by cosine. The other faces of a moment belong to its group. Without a number, the one from 2
    to 12 with the largest mean silhouette (Rousseeuw 1987) is taken.

    Args:
        embeddings: `(N, D)`, of unit length.
        probabilities: The six probabilities, `(N, 6)`.
        greys: The faces, `(N, H, W)` luma; those that correlate by 0.95 and more, and whose
            embeddings have a cosine of 0.8 and more, show one moment.
        sharpness: `(N,)`; the sharpest face stands for its moment.
        groups: How many groups; at most one per moment is made.
    """
    moment = _moments(greys, embeddings)
    shown = np.array(sorted(_sharpest(moment, sharpness)), np.int64)
    of_shown = _k_means(embeddings[shown], groups)
    of_moment = np.empty(moment.max() + 1, np.int64)
    of_moment[moment[shown]] = of_shown
    group = of_moment[moment]
    order = np.argsort(-np.bincount(group), kind="stable")
    group = np.argsort(order)[group]
    found = []
    distance = np.empty(len(group))
    for number in range(len(order)):
        members = np.flatnonzero(group == number)
        candidates = np.intersect1d(members, shown)
        own = embeddings[candidates].astype(np.float64)
        medoid = int(candidates[np.argmax(own @ own.sum(axis=0))])
        distance[members] = 1 - embeddings[members] @ embeddings[medoid]
        mean = probabilities[candidates].mean(axis=0)
        found.append(
            AlbumGroup(
                number=number,
                name=_name(mean),
                faces=len(members),
                moments=len(candidates),
                medoid=medoid,
                probabilities=tuple(mean.tolist()),
            )
        )
    return Grouping(
        groups=tuple(found),
        group=group,
        distance=distance.clip(0, 2),
        moment=moment,
        shown=shown,
    )


def require_grouping() -> None:
    """Raise an error if the library of `group_faces` is missing, before the work begins.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise MissingExtraError("making an album", "data")


def _moments(greys: NDArray[np.uint8], embeddings: NDArray[np.float32]) -> NDArray[np.int64]:
    """Number the moments from 0: chains of faces that look and show nearly the same."""
    moment = np.arange(len(greys))
    for pairs in iter_near_pairs(greys):
        first, second = (each[~pairs.mirrored] for each in (pairs.first, pairs.second))
        cosine = np.concatenate(
            [
                np.einsum("ij,ij->i", embeddings[first[part]], embeddings[second[part]])
                for part in _parts(len(first))
            ]
        )
        same = cosine >= _SAME_EXPRESSION
        moment = joined_groups(moment, first[same], second[same])
    return moment


def _parts(count: int) -> list[slice]:
    return [
        slice(start, start + _PAIRS_AT_ONCE) for start in range(0, max(1, count), _PAIRS_AT_ONCE)
    ]


def _sharpest(moment: NDArray[np.int64], sharpness: NDArray[np.float64]) -> Iterator[int]:
    order = np.lexsort((-sharpness, moment))
    _, firsts = np.unique(moment[order], return_index=True)
    yield from order[firsts].tolist()


def _k_means(embeddings: NDArray[np.float32], groups: int | None) -> NDArray[np.int64]:
    """Return the group of each face, `(N,)`, without empty groups."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    def grouped(count: int) -> NDArray[np.int64]:
        means = KMeans(count, n_init=4, random_state=0).fit(embeddings)
        _, numbers = np.unique(means.labels_, return_inverse=True)
        return np.asarray(numbers, np.int64)

    different = len(np.unique(embeddings, axis=0))
    if groups is not None:
        return grouped(min(groups, different))
    best, best_score = np.zeros(len(embeddings), np.int64), 0.0
    compared = np.random.default_rng(0).permutation(len(embeddings))[:_COMPARED]
    for count in range(2, min(_MAX_GROUPS, different // _FACES_PER_GROUP) + 1):
        found = grouped(count)
        if len(np.unique(found[compared])) < 2:
            continue
        score = float(silhouette_score(embeddings[compared], found[compared], metric="cosine"))
        if score > best_score:
            best, best_score = found, score
    return best


def _name(mean: NDArray[np.float32]) -> str:
    first, second = np.argsort(-mean, kind="stable")[:2]
    names = [SIX.labels[first]]
    if mean[second] >= _SECOND_SHARE * mean[first]:
        names.append(SIX.labels[second])
    return " and ".join(names)
