"""Counts and moments of the pixels of many images, without a copy of all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["pixel_counts", "pixel_moments"]

_IMAGES_AT_ONCE = 1024


def pixel_counts(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count the pixels of each value, `(256,)`, without a copy of all images."""
    counts = np.zeros(256, np.int64)
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        counts += np.bincount(images[start : start + _IMAGES_AT_ONCE].ravel(), minlength=256)
    return counts


def pixel_moments(images: NDArray[np.uint8]) -> tuple[float, float]:
    """Return the mean and the standard deviation of all pixels."""
    values, counts = np.arange(256.0), pixel_counts(images)
    mean = np.average(values, weights=counts)
    return float(mean), float(np.sqrt(np.average((values - mean) ** 2, weights=counts)))
