"""What the detector learns in each cell: its teacher's outputs, corrected where more is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.detect import OnnxDetector, box_coverage
from mien.models.detector import STRIDES
from mien.structures import Faces, FrameRGB
from mien.training.detector_augment import TrainingImage

__all__ = ["corrected_cells", "teacher_cells"]

_KINDS = ("cls", "obj", "bbox", "kps")

_LARGEST_SIDE_PX = (38.0, 100.0, np.inf)
"""Up to which side YuNet finds faces at each stride."""

_REACH = 1.75
"""Cells whose points lie nearer to a face's centre than this, in cells, respond to it."""

_BLIND_PX, _CLEAR_PX = 8.0, 16.0
"""A face's score rises from 0 to that of its source between these sides: the less is left of it."""

_SURER_BY = 0.03
_LEAST_SCORE = 0.75
"""Lowest merged score of a face that corrects the teacher: the best two of several views agree on
some hand or back of a head by chance."""

_LEAST_SHOWN = 0.7
"""Share of a face's box that has to lie in the image: of an ear at the edge nobody says whose."""


def teacher_cells(teacher: OnnxDetector, image_rgb: FrameRGB) -> NDArray[np.float32]:
    """Return a teacher's outputs for each cell of an image, in the order of `DetectorNet.cells`.

    Args:
        teacher: A detector of the YuNet layout.
        image_rgb: `(S, S, 3)` uint8, S a multiple of 32.

    Returns:
        `(N, 16)` float32: cls and obj as probabilities, bbox (4), kps (10).
    """
    outputs, _ = teacher.raw_outputs(image_rgb)
    levels = [
        np.concatenate([outputs[f"{kind}_{stride}"] for kind in _KINDS], axis=1)
        for stride in STRIDES
    ]
    cells = np.concatenate(levels)
    cells[:, :2] = cells[:, :2].clip(0, 1)
    return cells


def corrected_cells(cells: NDArray[np.float32], image: TrainingImage) -> NDArray[np.float32]:
    """Correct a teacher's outputs by what is known of how an image was composed.

    Where it is known to be without a face, scores become 0. Where a face is known with a higher
    score than the teacher gives it in this one look, as it has been seen larger, smaller or
    mirrored, the cells around its centre take score, box and landmarks from there.

    Args:
        cells: `(N, 16)` float32 of `teacher_cells`; is left as it is.
        image: The image that the teacher saw.
    """
    cells = cells.copy()
    levels = _levels(image.teacher_rgb.shape[0])
    empty = np.concatenate([image.background[:: s // 8, :: s // 8].ravel() for s in STRIDES])
    cells[empty, :2] = 0
    scores = np.sqrt(cells[:, 0] * cells[:, 1])
    points = np.concatenate([points for points, _ in levels])
    for box, landmarks, sure in _known(image.faces, image.teacher_rgb.shape[0]):
        centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        inner = (np.abs(points - centre) <= size / 4).all(axis=1)
        if scores[inner].max(initial=0.0) >= sure - _SURER_BY:
            continue
        level = int(np.searchsorted(_LARGEST_SIDE_PX, np.sqrt(size.prod())))
        own, first = levels[level]
        stride = STRIDES[level]
        away = np.linalg.norm(own - centre, axis=1) / stride
        wanted = sure * (_REACH - away).clip(0, 1)
        chosen = np.flatnonzero(wanted > scores[first : first + len(own)])
        there = first + chosen
        cells[there, 0] = cells[there, 1] = scores[there] = wanted[chosen]
        cells[there, 2:4] = (centre - own[chosen]) / stride
        cells[there, 4:6] = np.log(size / stride)
        cells[there, 6:] = ((landmarks[None] - own[chosen, None]) / stride).reshape(-1, 10)
    return cells


def _known(
    faces: Faces,
    image_px: int,
) -> list[tuple[NDArray[np.float32], NDArray[np.float32], float]]:
    """Return box, landmarks and score of each face that shows, the larger ones first."""
    whole = np.array([[0, 0, image_px, image_px]], np.float32)
    shows = box_coverage(whole, faces.boxes_xyxy)[0] >= _LEAST_SHOWN
    faces = faces.select(np.flatnonzero(shows & (faces.detection_scores >= _LEAST_SCORE)))
    sizes = (faces.boxes_xyxy[:, 2:] - faces.boxes_xyxy[:, :2]).clip(min=1)
    sides = np.sqrt(sizes.prod(axis=1))
    clear = ((sides - _BLIND_PX) / (_CLEAR_PX - _BLIND_PX)).clip(0, 1)
    return [
        (faces.boxes_xyxy[n], faces.landmarks_xy[n], float(faces.detection_scores[n] * clear[n]))
        for n in np.argsort(-sides)
    ]


def _levels(side: int) -> list[tuple[NDArray[np.float32], int]]:
    """Return each level's points `(n, 2)` in pixels and the number of its first cell."""
    levels, first = [], 0
    for stride in STRIDES:
        rows, columns = np.mgrid[: side // stride, : side // stride]
        points = np.stack((columns.ravel(), rows.ravel()), axis=1).astype(np.float32) * stride
        levels.append((points, first))
        first += len(points)
    return levels
