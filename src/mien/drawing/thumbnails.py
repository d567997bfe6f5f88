"""Small images of faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["face_thumbnail"]

_SCALE = 1.3
"""Side of the square in longer sides of the box: it includes hair and chin."""


def face_thumbnail(
    frame_rgb: NDArray[np.uint8], box_xyxy: Sequence[float], *, side_px: int
) -> Image.Image:
    """Crop a face with as much of a margin as the frame has.

    Args:
        frame_rgb: `(H, W, 3)` uint8.
        box_xyxy: Left, top, right and bottom of the face in pixels.
        side_px: Width and height of the image.

    Returns:
        A square RGB image; black beyond the frame's edges where the frame is smaller than the face.
    """
    left, top, right, bottom = box_xyxy
    height, width = frame_rgb.shape[:2]
    longer = max(right - left, bottom - top)
    side = max(1, round(min(_SCALE * longer, max(longer, min(height, width)))))
    x = _begin((left + right) / 2, side, width)
    y = _begin((top + bottom) / 2, side, height)
    square = Image.fromarray(frame_rgb).crop((x, y, x + side, y + side))
    return square.resize((side_px, side_px), Image.Resampling.LANCZOS, reducing_gap=2.0)


def _begin(centre: float, side: int, length: int) -> int:
    """Return where a part begins that is moved inside a frame if it fits."""
    if side > length:
        return round((length - side) / 2)
    return min(max(round(centre - side / 2), 0), length - side)
