"""How well numbers agree with those of a reference: correlation and error, one per column."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError

__all__ = ["Agreement", "agreement"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agreement:
    """The agreement of K columns with their reference.

    Attributes:
        correlation: Pearson's r, `(K,)`; NaN where a column or its reference does not vary.
        mean_absolute_error: `(K,)`, in the unit of the values.
        median_absolute_error: `(K,)`, in the unit of the values.
    """

    correlation: NDArray[np.float64]
    mean_absolute_error: NDArray[np.float64]
    median_absolute_error: NDArray[np.float64]


def agreement(found: NDArray[np.floating], expected: NDArray[np.floating]) -> Agreement:
    """Compare columns of numbers with a reference.

    Args:
        found: `(N, K)`, N of 2 or more.
        expected: `(N, K)`, the reference.

    Raises:
        InputError: The arrays have other shapes.
    """
    if found.ndim != 2 or found.shape != expected.shape or len(found) < 2:
        raise InputError(
            f"agreement: expected two arrays (N, K) with N of 2 or more, found {found.shape} and "
            f"{expected.shape}"
        )
    first, second = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    errors = np.abs(first - second)
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    spread = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    varies = spread > 1e-12
    shared = (first * second).sum(axis=0)
    correlation = np.where(varies, shared / np.where(varies, spread, 1.0), np.nan)
    return Agreement(
        correlation=correlation,
        mean_absolute_error=errors.mean(axis=0),
        median_absolute_error=np.median(errors, axis=0),
    )
