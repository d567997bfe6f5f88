"""Whether a face stands upright in the crop that its landmarks give.

Detectors find faces that lie on their side or stand on their head, too, but place their landmarks
as if the face were nearly upright: neither the landmarks nor the pose that a network reads in such
a crop tell it. The detector itself does: it is surer of a face that stands upright.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.detect import Detector
from mien.preprocess import FER_CROP
from mien.spec import CropSpec

__all__ = ["SURE_SCORE", "VIEW", "VIEW_FACE_PX", "is_upright"]

SURE_SCORE = 0.9
"""Faces that were found with this score or more are upright: few others reach it."""

VIEW_FACE_PX = 16
"""Smaller faces are not looked for in a view; so it is not reduced."""

VIEW = CropSpec(
    size=96,
    landmarks_xy=tuple(
        (0.5 + (x - 0.5) / 2, 0.5 + (y - 0.5) / 2) for x, y in FER_CROP.landmarks_xy
    ),
)
"""The crop that is looked at: a face takes its middle half, as detectors want it."""


def is_upright(detector: Detector, view: NDArray[np.float32]) -> bool:
    """Return whether no other turn of a face is surer to be one than the turn that it has.

    The face is shown in one image as it is and turned by 90, 180 and 270 degrees, at once.

    Args:
        detector: The face detector.
        view: The face, cropped by `VIEW`, `(S, S)`, luma of 0 to 255.
    """
    size = len(view)
    grey = view.round().clip(0, 255).astype(np.uint8)
    plain, quarter, half, three = (np.rot90(grey, turns) for turns in range(4))
    shown = np.block([[plain, quarter], [half, three]])  # (2 S, 2 S)
    found = detector.detect(shown[..., None].repeat(3, axis=2), min_face_px=VIEW_FACE_PX)
    middles = (found.boxes_xyxy[:, :2] + found.boxes_xyxy[:, 2:]) / 2
    scores = [0.0] * 4
    for (x, y), score in zip(middles, found.detection_scores, strict=True):
        if 0 <= x < 2 * size and 0 <= y < 2 * size:
            turn = int(y // size) * 2 + int(x // size)
            scores[turn] = max(scores[turn], float(score))
    return max(scores[1:]) <= scores[0]
