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
    """Crop a face with a margin.

    Args:
        frame_rgb: `(H, W, 3)` uint8.
        box_xyxy: Left, top, right and bottom of the face in pixels.
        side_px: Width and height of the image.

    Returns:
        A square RGB image, black beyond the frame's edges.
    """
    left, top, right, bottom = box_xyxy
    half = _SCALE / 2 * max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    square = Image.fromarray(frame_rgb).crop(
        (round(x - half), round(y - half), round(x + half), round(y + half))
    )
    return square.resize((side_px, side_px), Image.Resampling.LANCZOS, reducing_gap=2.0)
