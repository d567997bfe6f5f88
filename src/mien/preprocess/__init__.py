"""Align, crop, normalise: the way from a frame to the network's input."""

from mien.preprocess.align import FER_CROP, crop_faces, similarity_transforms
from mien.preprocess.normalise import network_input

__all__ = ["FER_CROP", "crop_faces", "network_input", "similarity_transforms"]
