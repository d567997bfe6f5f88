"""How far boxes overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["box_coverage", "box_iou"]

_LEAST_AREA = 1e-6


def box_iou(a_xyxy: NDArray[np.float32], b_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the intersection over union of all pairs of boxes.

    Args:
        a_xyxy: `(N, 4)`.
        b_xyxy: `(M, 4)`.

    Returns:
        `(N, M)`, 0 to 1; 0 for boxes without an area.
    """
    shared = _shared(a_xyxy, b_xyxy)
    union = (_areas(a_xyxy)[:, None] + _areas(b_xyxy) - shared).clip(min=_LEAST_AREA)
    overlap: NDArray[np.float32] = shared / union
    return overlap


def box_coverage(a_xyxy: NDArray[np.float32], b_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return which share of each box of the second kind lies in each of the first.

    Args:
        a_xyxy: `(N, 4)`.
        b_xyxy: `(M, 4)`.

    Returns:
        `(N, M)`, 0 to 1; 0 for boxes without an area.
    """
    covered: NDArray[np.float32] = _shared(a_xyxy, b_xyxy) / _areas(b_xyxy).clip(min=_LEAST_AREA)
    return covered


def _areas(boxes_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    areas: NDArray[np.float32] = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).prod(axis=1)
    return areas


def _shared(a_xyxy: NDArray[np.float32], b_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    low = np.maximum(a_xyxy[:, None, :2], b_xyxy[:, :2])
    shared: NDArray[np.float32] = (
        (np.minimum(a_xyxy[:, None, 2:], b_xyxy[:, 2:]) - low).clip(min=0).prod(axis=2)
    )
    return shared
