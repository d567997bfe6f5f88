"""Align, crop, normalise: the way from a frame to the network's input."""

from mien.preprocess.align import (
    FER_CROP,
    VIEW_MARGIN_PX,
    VIEW_PX,
    align_faces,
    crop_faces,
    similarity_transforms,
    view_for_detection,
)
from mien.preprocess.normalise import network_input

__all__ = [
    "FER_CROP",
    "VIEW_MARGIN_PX",
    "VIEW_PX",
    "align_faces",
    "crop_faces",
    "network_input",
    "similarity_transforms",
    "view_for_detection",
]
