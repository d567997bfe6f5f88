"""From a detector's cells to faces: the layout of YuNet (Wu et al. 2023).

On each level, with cells of s pixels in rows from the upper left, a cell in column c and row r says
with what probability its point (c s, r s) lies on a face (`cls`), how well its box will fit
(`obj`), where the box is (`bbox`: centre offset in cells, logarithm of the size in cells) and where
the five landmarks are (`kps`: offsets in cells).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mien.detect.boxes import box_iou
from mien.structures import Faces

__all__ = ["cell_points", "decode_cells", "non_maximum_suppression"]

_LARGEST_LOG_SIZE = 8.0
"""e^8 cells are larger than any image; the bound keeps a damaged network from overflowing."""

_SAME_FACE_IOU = 0.7
"""Cells whose boxes overlap a face's best one by at least this take part in where the face is."""

_LEAST_WEIGHT = np.float32(1e-6)


@lru_cache(maxsize=64)
def cell_points(height: int, width: int, stride: int) -> NDArray[np.float32]:
    """Return the points of a level's cells in the order of the outputs.

    Args:
        height: Of the network's input in pixels, a multiple of `stride`.
        width: Likewise.
        stride: Pixels per cell.

    Returns:
        `(cells, 2)` float32, x and y in units of the stride.
    """
    rows, columns = np.mgrid[: height // stride, : width // stride]
    points = np.stack((columns.ravel(), rows.ravel()), axis=1).astype(np.float32)
    points.setflags(write=False)
    return points


def decode_cells(
    outputs: Mapping[str, NDArray[np.float32]],
    *,
    input_hw: tuple[int, int],
    strides: Sequence[int],
    score_threshold: float,
    nms_iou: float,
) -> Faces:
    """Turn one image's cells into faces.

    Several cells see each face. The best one's score is the face's; box and landmarks are means,
    weighted by score, over the cells that agree with it, since those of one cell alone are noisier.

    Args:
        outputs: `cls_s`, `obj_s` `(cells, 1)`, `bbox_s` `(cells, 4)` and `kps_s` `(cells, 10)` for
            each stride s.
        input_hw: Height and width of the network's input in pixels.
        strides: The levels.
        score_threshold: Cells whose score, the geometric mean of `cls` and `obj`, is below this
            are left out.
        nms_iou: Of two boxes that overlap by more than this the better one stays.

    Returns:
        Faces in pixels of the network's input, best first.
    """
    levels = [
        _decode_level(outputs, stride, input_hw=input_hw, threshold=score_threshold)
        for stride in strides
    ]
    scores, boxes, landmarks = (np.concatenate(parts) for parts in zip(*levels, strict=True))
    kept = non_maximum_suppression(boxes, scores, iou=nms_iou)
    weights = _agreement(boxes, scores, kept)
    return Faces(
        boxes_xyxy=weights @ boxes,
        landmarks_xy=np.einsum("fc,cpd->fpd", weights, landmarks),
        detection_scores=scores[kept],
    )


def _agreement(
    boxes_xyxy: NDArray[np.float32], scores: NDArray[np.float32], kept: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return how much each cell counts for each face that is kept, `(faces, cells)`."""
    agree = box_iou(boxes_xyxy[kept], boxes_xyxy) >= _SAME_FACE_IOU
    agree[np.arange(len(kept)), kept] = True
    weights: NDArray[np.float32] = np.where(agree, scores.clip(min=_LEAST_WEIGHT), np.float32(0))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _decode_level(
    outputs: Mapping[str, NDArray[np.float32]],
    stride: int,
    *,
    input_hw: tuple[int, int],
    threshold: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    cls = outputs[f"cls_{stride}"][:, 0].clip(0, 1)
    obj = outputs[f"obj_{stride}"][:, 0].clip(0, 1)
    scores = np.sqrt(cls * obj)
    chosen = np.flatnonzero(scores >= threshold)
    points = cell_points(*input_hw, stride)[chosen]  # (n, 2)
    bbox = outputs[f"bbox_{stride}"][chosen]
    centres = (points + bbox[:, :2]) * stride
    sizes = np.exp(bbox[:, 2:].clip(max=_LARGEST_LOG_SIZE)) * stride
    boxes = np.concatenate((centres - sizes / 2, centres + sizes / 2), axis=1)
    kps = outputs[f"kps_{stride}"][chosen].reshape(-1, 5, 2)
    landmarks = (points[:, None] + kps) * stride
    return scores[chosen], boxes.astype(np.float32), landmarks.astype(np.float32)


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
