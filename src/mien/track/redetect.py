"""Finding known faces again in the next frame of a camera, by looking only where they were."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.detect import Detector, box_iou
from mien.media import VideoFrame
from mien.structures import Face, Faces

__all__ = ["redetect_in_roi"]

_SIDE_PX = 128
"""What is looked at is scaled to this: half a millisecond, and a face of 64 pixels."""

_ROOM = 2.0
"""Side of what is looked at, in sides of the face: at 4 detections a second few move farther."""

_SMALLEST_PX = 16
_SAME_IOU = 0.2
"""What overlaps less with where the face was is another's."""

_TAKEN_IOU = 0.5
"""What overlaps more with a face that was found again already is that face."""


def redetect_in_roi(detector: Detector, frame: VideoFrame, faces: Faces) -> Faces:
    """Find the faces of the frame before again.

    Args:
        detector: Finds them in their neighbourhood.
        frame: The next frame.
        faces: Where they were.

    Returns:
        As many faces in the same order. One that is not found stays where it was: the next
        detection in the whole frame tells.
    """
    if not len(faces):
        return faces
    pixels, black, white = frame.luma()
    found: list[Face] = []
    for face in faces:
        again = _found_again(detector, pixels, face, (black, white))
        others = np.array([other.box_xyxy for other in found], np.float32).reshape(-1, 4)
        taken = (box_iou(again.box_xyxy[None], others) > _TAKEN_IOU).any()
        found.append(face if taken else again)
    return Faces.from_list(found)


def _found_again(
    detector: Detector, pixels: NDArray[np.uint8], face: Face, scale: tuple[float, float]
) -> Face:
    area = _around(face, pixels.shape)
    if area is None:
        return face
    left, top, right, bottom = area
    shrink = _SIDE_PX / max(right - left, bottom - top)
    size = (max(1, round((right - left) * shrink)), max(1, round((bottom - top) * shrink)))
    part = Image.fromarray(np.ascontiguousarray(pixels[top:bottom, left:right]))
    grey = np.asarray(part.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
    if scale != (0.0, 255.0):
        black, white = scale
        full = (grey.astype(np.float32) - black) * (255 / (white - black))
        grey = full.clip(0, 255).astype(np.uint8)
    near = detector.detect(grey[..., None].repeat(3, axis=2), min_face_px=_SMALLEST_PX)
    near = near.scaled(((right - left) / size[0], (bottom - top) / size[1])).shifted((left, top))
    overlaps = box_iou(near.boxes_xyxy, face.box_xyxy[None])[:, 0]
    if not len(overlaps) or overlaps.max() < _SAME_IOU:
        return face
    return near[int(overlaps.argmax())]


def _around(face: Face, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Return the part of the frame around a face; None if the face has left it."""
    left, top, right, bottom = (float(side) for side in face.box_xyxy)
    half = _ROOM * max(right - left, bottom - top) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    area = (
        max(0, round(x - half)),
        max(0, round(y - half)),
        min(shape[1], round(x + half)),
        min(shape[0], round(y + half)),
    )
    return area if area[2] - area[0] > 1 and area[3] - area[1] > 1 else None
