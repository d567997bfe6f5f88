"""Copies among images: pixel-identical ones, and near ones by correlation."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "NearPairs",
    "copy_groups",
    "exact_groups",
    "is_duplicate",
    "joined_groups",
    "near_pairs",
]

NEAR_CORRELATION = 0.95
"""Two images are near copies if their pixels, one mirrored or not, correlate at least so much."""

_COMPONENTS = 96
_CHUNK = 1024
_PAIRS_PER_BATCH = 8192
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

    Args:
        images: `(N, H, W)` uint8. Blank images, all of one value, have no near copies.
        correlation: The smallest Pearson correlation that counts, above 0.
    """
    units = _units(images)
    mirrored = _units(images[:, :, ::-1])
    axes = _principal_axes(units)
    short, short_mirrored = units @ axes, mirrored @ axes  # (N, 96)
    lengths = np.square(short).sum(axis=1)
    lengths_mirrored = np.square(short_mirrored).sum(axis=1)
    found: dict[tuple[int, int], tuple[float, bool]] = {}
    for start in range(0, len(units), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        for others, other_short, other_lengths, flip in (
            (units, short, lengths, False),
            (mirrored, short_mirrored, lengths_mirrored, True),
        ):
            first, second = _candidates(
                short[chunk], lengths[chunk], other_short, other_lengths, correlation, start
            )
            for low, high, value in _close_pairs(units, others, first, second, correlation):
                if value > found.get((low, high), (0.0, False))[0]:
                    found[low, high] = (value, flip)
    pairs = sorted(found)
    return NearPairs(
        first=np.array([low for low, _ in pairs], np.int64),
        second=np.array([high for _, high in pairs], np.int64),
        correlation=np.array([found[pair][0] for pair in pairs], np.float32),
        mirrored=np.array([found[pair][1] for pair in pairs], np.bool_),
    )


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
    chunk: NDArray[np.float32],
    chunk_lengths: NDArray[np.float32],
    others: NDArray[np.float32],
    other_lengths: NDArray[np.float32],
    correlation: float,
    start: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair each image of a chunk with the later images that may be close enough.

    Unit vectors with product c are sqrt(2 - 2 c) apart, and their projections at most that.
    """
    others, other_lengths = others[start:], other_lengths[start:]
    farthest = 2 - 2 * correlation + _ROUNDING
    # Half of the lengths stand in two more columns, so that products need only be compared.
    chunk = np.column_stack((chunk, chunk_lengths / -2, np.ones_like(chunk_lengths)))
    others = np.column_stack((others, np.ones_like(other_lengths), other_lengths / -2))
    close = chunk @ others.T >= -farthest / 2
    first, second = np.divmod(np.flatnonzero(close), len(others))
    later = second > first
    return first[later] + start, second[later] + start


def _close_pairs(
    units: NDArray[np.float32],
    others: NDArray[np.float32],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    correlation: float,
) -> list[tuple[int, int, float]]:
    pairs = []
    for start in range(0, len(first), _PAIRS_PER_BATCH):
        a, b = (index[start : start + _PAIRS_PER_BATCH] for index in (first, second))
        products = np.einsum("ij,ij->i", units[a], others[b])
        enough = products >= correlation
        pairs += list(
            zip(a[enough].tolist(), b[enough].tolist(), products[enough].tolist(), strict=True)
        )
    return pairs


def copy_groups(groups: NDArray[np.int64], pairs: NearPairs) -> NDArray[np.int64]:
    """Join exact groups along near pairs, transitively.

    Args:
        groups: The result of `exact_groups`, `(N,)`.
        pairs: The result of `near_pairs`.

    Returns:
        `(N,)` int64: images have the same number if a chain of copies connects them.
    """
    return joined_groups(groups, pairs.first, pairs.second)


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
