"""Copies among images: pixel-identical ones, and near ones by correlation."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from mien.errors import MissingExtraError

__all__ = ["NearPairs", "copy_groups", "exact_groups", "is_duplicate", "near_pairs"]

NEAR_CORRELATION = 0.95
"""Images whose pixels correlate at least this much, one of them mirrored or not, are near
copies."""

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
    """Say which images are copies of an earlier one, `(N,)`."""
    repeated: NDArray[np.bool_] = groups != np.arange(len(groups))
    return repeated


def near_pairs(images: NDArray[np.uint8], *, correlation: float = NEAR_CORRELATION) -> NearPairs:
    """Find all pairs whose pixels correlate at least so much, mirrored or not.

    No pair is missed: images brought to mean 0 and length 1 are projected onto their principal
    components, which can only shorten distances, so whatever lies far apart there does so in full.
    The pairs that are left are compared in all pixels.

    Args:
        images: `(N, H, W)` uint8. Blank ones, all of one value, are like nothing.
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
        part = slice(start, start + _CHUNK)
        for others, other_short, other_lengths, flip in (
            (units, short, lengths, False),
            (mirrored, short_mirrored, lengths_mirrored, True),
        ):
            first, second = _candidates(
                short[part], lengths[part], other_short, other_lengths, correlation, start
            )
            for low, high, value in _verified(units, others, first, second, correlation):
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
    """Bring each image to mean 0 and length 1, blank ones to 0, `(N, H * W)`."""
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
    part: NDArray[np.float32],
    part_lengths: NDArray[np.float32],
    others: NDArray[np.float32],
    other_lengths: NDArray[np.float32],
    correlation: float,
    start: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair each of a part with the later images that are not yet known to be too far away.

    Unit vectors with product c are sqrt(2 - 2 c) apart, and their projections at most that.
    """
    others, other_lengths = others[start:], other_lengths[start:]
    farthest = 2 - 2 * correlation + _ROUNDING
    squared = part_lengths[:, None] + other_lengths - 2 * part @ others.T
    first, second = np.nonzero(squared <= farthest)
    later = second > first
    return first[later] + start, second[later] + start


def _verified(
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
        groups: Of `exact_groups`, `(N,)`.
        pairs: Of `near_pairs`.

    Returns:
        `(N,)` int64: images share a number if a chain of copies joins them.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    try:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components
    except ImportError as error:
        raise MissingExtraError("grouping copies", "data") from error
    count = len(groups)
    a = np.concatenate((np.arange(count), pairs.first))
    b = np.concatenate((groups, pairs.second))
    _, joined = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(count, count)))
    return np.asarray(joined, np.int64)
