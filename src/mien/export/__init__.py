"""From trained torch networks to the model files that everything else runs."""

from mien.export.detector import export_detector
from mien.export.emotion import calibrate_emotion, export_emotion
from mien.export.onnx_file import export_network, write_spec

__all__ = [
    "calibrate_emotion",
    "export_detector",
    "export_emotion",
    "export_network",
    "write_spec",
]
