"""Skin tone, estimated from the colour inside a face's box.

The individual typology angle (ITA, Chardon et al. 1991) is atan((L* - 50) / b*) in CIELAB, here of
the median colour in the upper middle of the box. It is an estimate from one image: warm or dim
light darkens it, flash, overexposure and make-up lighten it, and an image without the yellow of
skin, one in grey or in blue light, has none.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["SKIN_TONES", "skin_tone", "skin_tone_deg"]

SKIN_TONES = (
    ("very light", 55.0),
    ("light", 41.0),
    ("intermediate", 28.0),
    ("tan", 10.0),
    ("brown", -30.0),
    ("dark", -91.0),
)
"""The six classes and the angle, in degrees, above which each begins; lightest first."""

_LEAST_YELLOW = 1.0
"""The b* below which an image has no colour of skin."""


def skin_tone_deg(frame_rgb: NDArray[np.uint8], box_xyxy: NDArray[np.float32]) -> float | None:
    """Estimate the individual typology angle of a face.

    Args:
        frame_rgb: `(H, W, 3)` image in sRGB, 0 to 255.
        box_xyxy: `(4,)` box of the face, in pixels.

    Returns:
        The angle in degrees, -90 to 90, the larger the lighter; None where b* is below 1, as in
        grey images and in blue light, and for a box outside the image.
    """
    left, top, right, bottom = box_xyxy
    columns = left + np.array([0.25, 0.75]) * (right - left)
    rows = top + np.array([0.2, 0.5]) * (bottom - top)
    (x1, x2), (y1, y2) = (np.round(part).astype(int).clip(0) for part in (columns, rows))
    patch = frame_rgb[y1:y2, x1:x2].reshape(-1, 3)
    if not len(patch):
        return None
    lightness, yellow = _lightness_and_yellow(np.median(patch, axis=0) / 255)
    if yellow < _LEAST_YELLOW:
        return None
    return math.degrees(math.atan((lightness - 50) / yellow))


def skin_tone(angle_deg: float) -> str:
    """Return the class, a name of `SKIN_TONES`, of an angle of -90 to 90 degrees."""
    return next(name for name, lowest in SKIN_TONES if angle_deg > lowest)


def _lightness_and_yellow(rgb: NDArray[np.float64]) -> tuple[float, float]:
    """Return L* and b* of a colour in sRGB, under D65."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    y, z = matrix @ linear / (1.0, 1.0890)
    root_y, root_z = (
        value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in (y, z)
    )
    return float(116 * root_y - 16), float(200 * (root_y - root_z))
