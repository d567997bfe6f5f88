"""The output layout of YuNet (Wu et al. 2023): its names, its spec and its decoding.

The outputs form a grid on each level, with cells of s pixels (the stride) in rows from the upper
left. A cell in column c and row r says with what probability its point (c s, r s) lies on a face
(`cls`), how well its box will fit (`obj`), where the box is (`bbox`: centre offset in cells,
logarithm of the size in cells) and where the five landmarks are (`kps`: offsets in cells).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mien._decode import demand
from mien.detect.boxes import box_iou, non_maximum_suppression
from mien.spec import DetectionSpec, InputSpec, ModelSpec, OutputSpec
from mien.structures import Faces

__all__ = ["YUNET_NMS_IOU", "YUNET_OUTPUTS", "decode_yunet", "grid_points", "yunet_spec"]

YUNET_OUTPUTS = tuple(
    f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)
)
"""The outputs of the layout."""

YUNET_NMS_IOU = 0.3
"""Of two detections that overlap by more the one with the lower score is dropped."""

_LARGEST_LOG_SIZE = 8.0
"""e^8 cells are larger than any image; the bound keeps a damaged network from overflowing."""

_MAX_CELLS = 4096
"""So many cells of an image may respond, the best ones: a crowd has fewer, and a damaged network in
which all of them do needs neither the time nor the memory to compare each with each."""

_FARTHEST = 1.0
"""A face may reach beyond the input by its longer side; what reaches further is none. It bounds the
region that is cropped, whatever a damaged network says."""

_SIZES = MappingProxyType({"cls": 1, "obj": 1, "bbox": 4, "kps": 10})
"""The values of each cell by the kind of output."""

_SAME_FACE_IOU = 0.7
"""Cells whose boxes overlap a face's best one by at least this take part in where the face is."""

_LEAST_WEIGHT = np.float32(1e-6)


def yunet_spec(
    name: str,
    provenance: dict[str, str] | None = None,
    *,
    score_threshold: float = 0.6,
    mean: float = 0.0,
    std: float = 1.0,
) -> ModelSpec:
    """Describe a detector of the YuNet layout: BGR, any size, strides 8, 16 and 32.

    Args:
        name: The network's.
        provenance: Entries of the spec's provenance.
        score_threshold: The spec's detection threshold, 0 to 1.
        mean: What is taken off each value of 0 to 255; YuNet itself takes them as they are.
        std: What the values are divided by then.
    """
    return ModelSpec(
        task="detection",
        name=name,
        input=InputSpec(
            name="input",
            colour="bgr",
            height=None,
            width=None,
            multiple_of=32,
            mean=(mean, mean, mean),
            std=(std, std, std),
        ),
        outputs=tuple(OutputSpec(name=output) for output in YUNET_OUTPUTS),
        detection=DetectionSpec(
            layout="yunet",
            strides=(8, 16, 32),
            score_threshold=score_threshold,
            nms_iou=YUNET_NMS_IOU,
        ),
        provenance=provenance or {},
    )


@lru_cache(maxsize=64)
def grid_points(height: int, width: int, stride: int) -> NDArray[np.float32]:
    """Return the points of a level's grid cells in the order of the outputs.

    Args:
        height: Of the network's input in pixels, a multiple of `stride`.
        width: Of the input in pixels, a multiple of `stride`.
        stride: Pixels per cell.

    Returns:
        `(cells, 2)` float32, x and y in units of the stride.
    """
    rows, columns = np.mgrid[: height // stride, : width // stride]
    points = np.stack((columns.ravel(), rows.ravel()), axis=1).astype(np.float32)
    points.setflags(write=False)
    return points


def decode_yunet(
    outputs: Mapping[str, NDArray[np.float32]],
    *,
    input_hw: tuple[int, int],
    strides: Sequence[int],
    score_threshold: float,
    nms_iou: float,
) -> Faces:
    """Turn the network's outputs for one image into faces.

    Several grid cells respond to each face. The best one's score is the face's; box and landmarks
    are means, weighted by score, over the cells that agree with it, since those of one cell alone
    are noisier.

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

    Raises:
        FieldError: An output is missing or has another shape; the message names it.
    """
    levels = [
        _decode_level(outputs, stride, input_hw=input_hw, threshold=score_threshold)
        for stride in strides
    ]
    scores, boxes, landmarks = (np.concatenate(parts) for parts in zip(*levels, strict=True))
    if len(scores) > _MAX_CELLS:
        kept = np.sort(np.argsort(-scores, kind="stable")[:_MAX_CELLS])
        scores, boxes, landmarks = scores[kept], boxes[kept], landmarks[kept]
    best = non_maximum_suppression(boxes, scores, iou=nms_iou)
    weights = _agreement(boxes, scores, best)
    return Faces(
        boxes_xyxy=weights @ boxes,
        landmarks_xy=np.einsum("fc,cpd->fpd", weights, landmarks),
        detection_scores=scores[best],
    )


def _agreement(
    boxes_xyxy: NDArray[np.float32], scores: NDArray[np.float32], best: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return the weight of each cell for each face, named by its best cell, `(faces, cells)`."""
    agree = box_iou(boxes_xyxy[best], boxes_xyxy) >= _SAME_FACE_IOU
    agree[np.arange(len(best)), best] = True
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
    level = _checked_level(outputs, stride, input_hw)
    scores = np.sqrt(level["cls"][:, 0].clip(0, 1) * level["obj"][:, 0].clip(0, 1))
    chosen = np.flatnonzero(scores >= threshold)
    if not len(chosen):
        none = Faces.none()
        return none.detection_scores, none.boxes_xyxy, none.landmarks_xy
    points = grid_points(*input_hw, stride)[chosen].astype(np.float64)  # (n, 2)
    bbox = level["bbox"][chosen]
    centres = (points + bbox[:, :2]) * stride
    sizes = np.exp(bbox[:, 2:].clip(max=_LARGEST_LOG_SIZE).astype(np.float64)) * stride
    boxes = np.concatenate((centres - sizes / 2, centres + sizes / 2), axis=1)
    landmarks = (points[:, None] + level["kps"][chosen].reshape(-1, 5, 2)) * stride
    near = _is_near(np.concatenate((boxes.reshape(-1, 2, 2), landmarks), axis=1), input_hw)
    return scores[chosen][near], boxes[near].astype(np.float32), landmarks[near].astype(np.float32)


def _checked_level(
    outputs: Mapping[str, NDArray[np.float32]], stride: int, input_hw: tuple[int, int]
) -> dict[str, NDArray[np.float32]]:
    """Return a level's outputs by kind, each with its shape checked."""
    cells = (input_hw[0] // stride) * (input_hw[1] // stride)
    level = {}
    for kind, size in _SIZES.items():
        name = f"{kind}_{stride}"
        demand(name in outputs, "outputs", f"'{name}', as detection.strides says", [*outputs])
        found, expected = outputs[name].shape, (cells, size)
        demand(found == expected, f"outputs.{name}", f"{expected} for {input_hw}", found)
        level[kind] = outputs[name]
    return level


def _is_near(points_xy: NDArray[np.float64], input_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which faces, `(n, P, 2)`, lie within the input and a border around it."""
    border = _FARTHEST * max(input_hw)
    lowest, highest = -border, np.array([input_hw[1], input_hw[0]]) + border
    inside = (points_xy >= lowest) & (points_xy <= highest)
    return np.asarray(inside.all(axis=(1, 2)), np.bool_)
