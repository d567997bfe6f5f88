"""Torch networks: the emotion network, the face detector, and FER-PP's baseline."""

from mien.models.baseline import BaselineNet, BaselineOptions
from mien.models.detector import DetectorNet, DetectorOptions
from mien.models.emotion import EmotionNet, EmotionOutputs, TrunkOptions
from mien.models.onnx_weights import restore_weights

__all__ = [
    "BaselineNet",
    "BaselineOptions",
    "DetectorNet",
    "DetectorOptions",
    "EmotionNet",
    "EmotionOutputs",
    "TrunkOptions",
    "restore_weights",
]
