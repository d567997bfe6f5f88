"""Redetection: known faces are found again in the next frame, in the region around each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.detect import Detector, box_iou
from mien.media import VideoFrame
from mien.structures import Face, Faces

__all__ = ["redetect_in_roi"]

_ROI_SIDE_PX = 128
"""Regions are scaled to this side: detection takes half a millisecond, and a face has 64 pixels."""

_ROI_SCALE = 2.0
"""Side of a region in sides of the face: at 4 detections a second few faces move farther."""

_MIN_FACE_PX = 16
_SAME_FACE_IOU = 0.2
"""A face that overlaps less with the previous box is another one."""

_DUPLICATE_IOU = 0.5
"""A face that overlaps more with one that was found again already is the same."""


def redetect_in_roi(detector: Detector, frame: VideoFrame, faces: Faces) -> Faces:
    """Find the faces of the previous frame again.

    Args:
        detector: Runs on the region around each face.
        frame: The next frame.
        faces: The faces of the previous frame.

    Returns:
        The same number of faces in the same order. A face that is not found keeps its previous
        box; the next detection in the whole frame decides about it.
    """
    if not len(faces):
        return faces
    pixels, black, white = frame.luma()
    found: list[Face] = []
    for face in faces:
        again = _redetect(detector, pixels, face, (black, white))
        others = np.array([other.box_xyxy for other in found], np.float32).reshape(-1, 4)
        duplicate = (box_iou(again.box_xyxy[None], others) > _DUPLICATE_IOU).any()
        found.append(face if duplicate else again)
    return Faces.from_list(found)


def _redetect(
    detector: Detector, pixels: NDArray[np.uint8], face: Face, luma_range: tuple[float, float]
) -> Face:
    area = _region_around(face, pixels.shape)
    if area is None:
        return face
    left, top, right, bottom = area
    shrink = _ROI_SIDE_PX / max(right - left, bottom - top)
    size = (max(1, round((right - left) * shrink)), max(1, round((bottom - top) * shrink)))
    part = Image.fromarray(np.ascontiguousarray(pixels[top:bottom, left:right]))
    grey = np.asarray(part.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
    if luma_range != (0.0, 255.0):
        black, white = luma_range
        full = (grey.astype(np.float32) - black) * (255 / (white - black))
        grey = full.clip(0, 255).astype(np.uint8)
    near = detector.detect(grey[..., None].repeat(3, axis=2), min_face_px=_MIN_FACE_PX)
    near = near.scaled(((right - left) / size[0], (bottom - top) / size[1])).shifted((left, top))
    overlaps = box_iou(near.boxes_xyxy, face.box_xyxy[None])[:, 0]
    if not len(overlaps) or overlaps.max() < _SAME_FACE_IOU:
        return face
    return near[int(overlaps.argmax())]


def _region_around(face: Face, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Return the region of the frame around a face; None if the face has left the frame."""
    left, top, right, bottom = (float(side) for side in face.box_xyxy)
    half = _ROI_SCALE * max(right - left, bottom - top) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    area = (
        max(0, round(x - half)),
        max(0, round(y - half)),
        min(shape[1], round(x + half)),
        min(shape[0], round(y + half)),
    )
    return area if area[2] - area[0] > 1 and area[3] - area[1] > 1 else None
