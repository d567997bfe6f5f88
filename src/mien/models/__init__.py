"""Torch networks: those of emotions, faces and units, and FER-PP's network as a baseline."""

from mien.errors import MissingExtraError

try:
    from mien.models.baseline import BaselineNet, BaselineOptions
    from mien.models.detector import DetectorNet, DetectorOptions
    from mien.models.emotion import EmotionNet, EmotionOutputs, FineTunedOptions, TrunkOptions
    from mien.models.onnx_weights import load_onnx_weights
    from mien.models.units import UnitNet, UnitOptions, UnitOutputs
except ModuleNotFoundError as error:
    raise MissingExtraError("a torch network", "train") from error

__all__ = [
    "BaselineNet",
    "BaselineOptions",
    "DetectorNet",
    "DetectorOptions",
    "EmotionNet",
    "EmotionOutputs",
    "FineTunedOptions",
    "TrunkOptions",
    "UnitNet",
    "UnitOptions",
    "UnitOutputs",
    "load_onnx_weights",
]
