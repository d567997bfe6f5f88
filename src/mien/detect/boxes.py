"""Overlap of boxes, and which of overlapping ones stay."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["box_coverage", "box_iou", "non_maximum_suppression"]

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
    """Return which share of each second box lies in each first one.

    Args:
        a_xyxy: `(N, 4)`.
        b_xyxy: `(M, 4)`.

    Returns:
        `(N, M)`, 0 to 1; 0 for boxes without an area.
    """
    covered: NDArray[np.float32] = _shared(a_xyxy, b_xyxy) / _areas(b_xyxy).clip(min=_LEAST_AREA)
    return covered


def non_maximum_suppression(
    boxes_xyxy: NDArray[np.float32], scores: NDArray[np.float32], *, iou: float
) -> NDArray[np.intp]:
    """Keep the best of each group of overlapping boxes, greedily.

    Args:
        boxes_xyxy: `(N, 4)`.
        scores: `(N,)`.
        iou: Boxes that overlap a better one by more than this intersection over union go.

    Returns:
        The numbers of the boxes that stay, best first.
    """
    left, top, right, bottom = boxes_xyxy.T
    areas = (right - left) * (bottom - top)
    order = np.argsort(-scores, kind="stable")
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        width = np.minimum(right[best], right[rest]) - np.maximum(left[best], left[rest])
        height = np.minimum(bottom[best], bottom[rest]) - np.maximum(top[best], top[rest])
        shared = width.clip(min=0) * height.clip(min=0)
        union = areas[best] + areas[rest] - shared
        order = rest[shared <= iou * union]
    return np.array(kept, np.intp)


def _areas(boxes_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    areas: NDArray[np.float32] = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).prod(axis=1)
    return areas


def _shared(a_xyxy: NDArray[np.float32], b_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    low = np.maximum(a_xyxy[:, None, :2], b_xyxy[:, :2])
    shared: NDArray[np.float32] = (
        (np.minimum(a_xyxy[:, None, 2:], b_xyxy[:, 2:]) - low).clip(min=0).prod(axis=2)
    )
    return shared
