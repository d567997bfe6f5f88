"""Torch networks: the emotion network, the face detector, and FER-PP's network as a baseline."""

from mien.models.baseline import BaselineNet, BaselineOptions
from mien.models.detector import DetectorNet, DetectorOptions
from mien.models.emotion import EmotionNet, EmotionOutputs, FineTunedOptions, TrunkOptions
from mien.models.onnx_weights import load_onnx_weights

__all__ = [
    "BaselineNet",
    "BaselineOptions",
    "DetectorNet",
    "DetectorOptions",
    "EmotionNet",
    "EmotionOutputs",
    "FineTunedOptions",
    "TrunkOptions",
    "load_onnx_weights",
]
