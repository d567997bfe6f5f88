"""From trained torch networks to the model files that everything else runs."""

from mien.export.comparison import MOST_FLIPPED, Comparison
from mien.export.detector import export_detector
from mien.export.emotion import calibrate_emotion, export_emotion, export_trained
from mien.export.onnx_file import export_network, write_spec
from mien.export.size import multiply_adds, parameter_count
from mien.export.variants import Precision, export_variant

__all__ = [
    "MOST_FLIPPED",
    "Comparison",
    "Precision",
    "calibrate_emotion",
    "export_detector",
    "export_emotion",
    "export_network",
    "export_trained",
    "export_variant",
    "multiply_adds",
    "parameter_count",
    "write_spec",
]
