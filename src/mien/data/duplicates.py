"""Copies among images: pixel-identical ones, and near ones by correlation."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "NearPairs",
    "exact_groups",
    "has_copy_among",
    "is_duplicate",
    "iter_near_pairs",
    "joined_groups",
    "near_groups",
    "near_pairs",
]

NEAR_CORRELATION = 0.95
"""Two images are near copies if their pixels, one mirrored or not, correlate at least so much."""

_COMPONENTS = 96
_CHUNK, _PRODUCTS = 1024, 1 << 22
"""Images that are compared with all others at once, and products of which there are then at most
so many."""

_UNITS_PER_STEP = 512
_PAIRS_PER_BATCH = 2048
_ROUNDING = 1e-4


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class NearPairs:
    """P pairs of images that are nearly the same; pixel-identical ones are among them.

    Attributes:
        first: `(P,)` int64, the lower number of each pair.
        second: `(P,)` int64.
        correlation: `(P,)` float32, that of the pixels, the larger one of as-is and mirrored.
        mirrored: `(P,)` bool, whether it is that of the mirrored image.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    correlation: NDArray[np.float32]
    mirrored: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.first)


def exact_groups(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number the images so that pixel-identical ones, and only those, share a number.

    Args:
        images: `(N, H, W)` uint8.

    Returns:
        `(N,)` int64: the number of the first image of each group.
    """
    firsts: dict[bytes, int] = {}
    groups = [firsts.setdefault(image.tobytes(), number) for number, image in enumerate(images)]
    return np.array(groups, np.int64)


def is_duplicate(groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which images are copies of an earlier one, `(N,)`.

    Args:
        groups: The result of `exact_groups`, `(N,)`.
    """
    duplicate: NDArray[np.bool_] = groups != np.arange(len(groups))
    return duplicate


def near_pairs(images: NDArray[np.uint8], *, correlation: float = NEAR_CORRELATION) -> NearPairs:
    """Find all pairs whose pixels correlate at least so much, mirrored or not.

    No pair is missed. Images are scaled to mean 0 and length 1 and projected onto their principal
    components. A projection only shortens distances, so pairs that are far apart there are far
    apart in full. The other pairs are compared in all pixels.

    Memory grows by about 12 kB an image and 21 bytes a pair. Where all images are alike, all pairs
    are found: 12.5 million of 5,000. `iter_near_pairs` and `near_groups` do not keep them.

    Args:
        images: `(N, H, W)` uint8. Blank images, all of one value, have no near copies.
        correlation: The smallest Pearson correlation that counts, above 0.
    """
    return _joined(list(iter_near_pairs(images, correlation=correlation)))


def iter_near_pairs(
    images: NDArray[np.uint8], *, correlation: float = NEAR_CORRELATION
) -> Iterator[NearPairs]:
    """Yield the pairs of `near_pairs`, some at a time, in their order.

    Args:
        images: `(N, H, W)` uint8.
        correlation: The smallest Pearson correlation that counts, above 0.
    """
    return _iter_pairs(images, correlation, wanted=None)


def near_groups(
    images: NDArray[np.uint8],
    groups: NDArray[np.int64],
    *,
    correlation: float = NEAR_CORRELATION,
) -> NDArray[np.int64]:
    """Join groups of images along near pairs, transitively, without keeping the pairs.

    Args:
        images: `(N, H, W)` uint8.
        groups: The result of `exact_groups` or the like, `(N,)`.
        correlation: The smallest Pearson correlation that counts, above 0.

    Returns:
        `(N,)` int64: images have the same number if a chain of copies connects them.
    """
    none = np.zeros(0, np.int64)
    found = joined_groups(groups, none, none)

    def apart(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
        different: NDArray[np.bool_] = found[first] != found[second]
        return different

    for pairs in _iter_pairs(images, correlation, wanted=apart):
        found = joined_groups(found, pairs.first, pairs.second)
    return found


def has_copy_among(
    chosen: NDArray[np.bool_], groups: NDArray[np.int64], pairs: NearPairs | None = None
) -> NDArray[np.bool_]:
    """Return which images have a copy among some, or are one of these, `(N,)`.

    A chain of near copies does not count: its ends may be unlike.

    Args:
        chosen: `(N,)`, the images that copies are looked for among.
        groups: The result of `exact_groups`, `(N,)`.
        pairs: The pairs of near copies that count, too.
    """
    found: NDArray[np.bool_] = np.isin(groups, groups[chosen])
    if pairs is not None:
        for one, other in ((pairs.first, pairs.second), (pairs.second, pairs.first)):
            found[one[chosen[other]]] = True
    return found


def _iter_pairs(
    images: NDArray[np.uint8],
    correlation: float,
    *,
    wanted: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]] | None,
) -> Iterator[NearPairs]:
    """Yield near pairs, those alone that are wanted, where that is asked."""
    units = _units(images)
    axes = _principal_axes(units)
    width = images.shape[2]
    kept = [np.empty((len(units), axes.shape[1]), np.float32) for _ in range(2)]
    for start in range(0, len(units), _UNITS_PER_STEP):
        step = slice(start, start + _UNITS_PER_STEP)
        kept[0][step] = units[step] @ axes
        kept[1][step] = _mirrored(units[step], width) @ axes
    # Half of the lengths stand in two more columns, so that products need only be compared.
    halves = [np.square(each).sum(axis=1) / -2 for each in kept]
    ones = np.ones(len(units), np.float32)
    rows = np.column_stack((kept[0], halves[0], ones))
    columns = [np.column_stack((each, ones, half)) for each, half in zip(kept, halves, strict=True)]
    per_chunk = max(1, min(_CHUNK, _PRODUCTS // max(1, len(units))))
    for start in range(0, len(units), per_chunk):
        found = []
        for mirrored in (False, True):
            first, second = _candidates(
                rows[start : start + per_chunk], columns[mirrored][start:], correlation, start
            )
            if wanted is not None:
                chosen = wanted(first, second)
                first, second = first[chosen], second[chosen]
            found.append(_close_pairs(units, first, second, correlation, width if mirrored else 0))
        pairs = _larger(_joined(found))
        if len(pairs):
            yield pairs


def _joined(parts: Sequence[NearPairs]) -> NearPairs:
    kinds: dict[str, type] = {
        "first": np.int64,
        "second": np.int64,
        "correlation": np.float32,
        "mirrored": np.bool_,
    }
    return NearPairs(
        **{
            name: np.concatenate([np.zeros(0, kind), *(getattr(part, name) for part in parts)])
            for name, kind in kinds.items()
        }
    )


def _larger(pairs: NearPairs) -> NearPairs:
    """Return each pair once, with its larger correlation, in the order of its images."""
    order = np.lexsort((pairs.mirrored, -pairs.correlation, pairs.second, pairs.first))
    first, second = pairs.first[order], pairs.second[order]
    again = np.zeros(len(order), np.bool_)
    again[1:] = (first[1:] == first[:-1]) & (second[1:] == second[:-1])
    kept = order[~again]
    return NearPairs(
        first=pairs.first[kept],
        second=pairs.second[kept],
        correlation=pairs.correlation[kept],
        mirrored=pairs.mirrored[kept],
    )


def _mirrored(units: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Mirror images that are given as rows of pixels."""
    count, pixels = units.shape
    return units.reshape(count, pixels // width, width)[:, :, ::-1].reshape(count, pixels)


def _units(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Scale each image to mean 0 and length 1, blank ones to 0, `(N, H * W)`."""
    values = images.reshape(len(images), math.prod(images.shape[1:])).astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    values /= np.where(length > 0, length, 1)
    return values


def _principal_axes(units: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return orthonormal directions along which images differ most, `(pixels, at most 96)`."""
    if len(units) < units.shape[1]:
        _, _, rows = np.linalg.svd(units, full_matrices=False)
        return np.ascontiguousarray(rows[:_COMPONENTS].T)
    _, directions = np.linalg.eigh(units.T @ units)
    return np.ascontiguousarray(directions[:, ::-1][:, :_COMPONENTS])


def _candidates(
    rows: NDArray[np.float32], columns: NDArray[np.float32], correlation: float, start: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair each image of a chunk with the later images that may be close enough.

    Unit vectors with product c are sqrt(2 - 2 c) apart, and their projections at most that.

    Args:
        rows: The projections of the chunk's images, `(C, 98)`.
        columns: Those of the images from the chunk's first one on, `(M, 98)`.
        correlation: The smallest correlation that counts.
        start: The number of the chunk's first image.
    """
    farthest = 2 - 2 * correlation + _ROUNDING
    close = rows @ columns.T >= -farthest / 2
    first, second = np.nonzero(np.triu(close, 1))
    return first + start, second + start


def _close_pairs(
    units: NDArray[np.float32],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    correlation: float,
    mirrored_width: int,
) -> NearPairs:
    """Return the pairs that are close in all pixels, as they are or one of them mirrored.

    Args:
        units: `(N, H * W)`.
        first: `(P,)`, the candidates.
        second: `(P,)`.
        correlation: The smallest correlation that counts.
        mirrored_width: The width of the images if the second one is mirrored; 0 if it is not.
    """
    products = np.empty(len(first), np.float32)
    for start in range(0, len(first), _PAIRS_PER_BATCH):
        batch = slice(start, start + _PAIRS_PER_BATCH)
        others = units[second[batch]]
        if mirrored_width:
            others = _mirrored(others, mirrored_width)
        products[batch] = np.einsum("ij,ij->i", units[first[batch]], others)
    enough = products >= correlation
    return NearPairs(
        first=first[enough],
        second=second[enough],
        correlation=products[enough],
        mirrored=np.full(int(enough.sum()), mirrored_width > 0),
    )


def joined_groups(
    groups: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Join groups along pairs of images, transitively.

    Args:
        groups: The group's number of each image, `(N,)`.
        first: `(P,)`, the images of each pair.
        second: `(P,)`.

    Returns:
        `(N,)` int64: images have the same number if a chain of groups and pairs connects them.
        Numbers count from 0 in the order of the first images.
    """
    _, number = np.unique(groups, return_inverse=True)
    a, b = number[first], number[second]
    root = np.arange(number.max(initial=-1) + 1)
    # In each round every root with a smaller one beside it goes below that one, so at most half of
    # them are left.
    while (root[a] != root[b]).any():
        np.minimum.at(root, np.maximum(root[a], root[b]), np.minimum(root[a], root[b]))
        while (root != root[root]).any():
            root = root[root]
    _, firsts, joined = np.unique(root[number], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(firsts))[joined]
