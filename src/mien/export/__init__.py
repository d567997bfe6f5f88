"""From trained torch networks to the model files that everything else runs."""

from mien.export.detector import export_detector
from mien.export.emotion import calibrate_emotion, export_emotion
from mien.export.onnx_file import export_network, write_spec
from mien.export.variants import MOST_FLIPPED, Precision, VariantReport, export_variant

__all__ = [
    "MOST_FLIPPED",
    "Precision",
    "VariantReport",
    "calibrate_emotion",
    "export_detector",
    "export_emotion",
    "export_network",
    "export_variant",
    "write_spec",
]
