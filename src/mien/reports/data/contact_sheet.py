"""Contact sheets: many small images of one size as a single image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["contact_sheet"]

_GAP_PX = 4
_ZOOM = 2


def contact_sheet(images: Sequence[NDArray[np.uint8]], *, columns: int) -> Image.Image:
    """Lay out `(H, W)` luma images of one size in rows, enlarged, on white."""
    height, width = (side * _ZOOM for side in images[0].shape)
    rows = -(-len(images) // columns)
    size = (columns * (width + _GAP_PX) + _GAP_PX, rows * (height + _GAP_PX) + _GAP_PX)
    sheet = Image.new("L", size, 255)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        large = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
        sheet.paste(
            large, (_GAP_PX + column * (width + _GAP_PX), _GAP_PX + row * (height + _GAP_PX))
        )
    return sheet
