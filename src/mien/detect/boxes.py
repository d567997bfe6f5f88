"""How far boxes overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["box_iou"]


def box_iou(a_xyxy: NDArray[np.float32], b_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the intersection over union of all pairs of boxes.

    Args:
        a_xyxy: `(N, 4)`.
        b_xyxy: `(M, 4)`.

    Returns:
        `(N, M)`, 0 to 1; 0 for boxes without an area.
    """
    low = np.maximum(a_xyxy[:, None, :2], b_xyxy[:, :2])
    shared = (np.minimum(a_xyxy[:, None, 2:], b_xyxy[:, 2:]) - low).clip(min=0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a_xyxy, b_xyxy)]
    union: NDArray[np.float32] = (areas[0][:, None] + areas[1] - shared).clip(min=1e-6)
    overlap: NDArray[np.float32] = shared / union
    return overlap
