"""The values that travel between the parts: frozen, checked, the same names everywhere.

Boxes are `xyxy` in pixels of the original frame after its EXIF rotation; the pixel in column 0 of
row 0 covers 0 to 1 both ways. Landmarks are the person's right eye, left eye, nose, right and left
mouth corner.
"""

from mien.structures.faces import Face, Faces
from mien.structures.frame import Frame, FrameRGB, check_frame_rgb
from mien.structures.prediction import (
    MAX_PITCH_DEG,
    MAX_ROLL_DEG,
    MAX_TRUNCATION,
    MAX_YAW_PROXY,
    MIN_BRIGHTNESS,
    MIN_SIZE_PX,
    FacePrediction,
    Quality,
)
from mien.structures.result import FrameResult

__all__ = [
    "MAX_PITCH_DEG",
    "MAX_ROLL_DEG",
    "MAX_TRUNCATION",
    "MAX_YAW_PROXY",
    "MIN_BRIGHTNESS",
    "MIN_SIZE_PX",
    "Face",
    "FacePrediction",
    "Faces",
    "Frame",
    "FrameRGB",
    "FrameResult",
    "Quality",
    "check_frame_rgb",
]
