"""Export of trained torch networks to ONNX model files."""

from mien.errors import MissingExtraError

try:
    from mien.export.comparison import MAX_FLIPPED, ExportComparison
    from mien.export.detector import export_detector
    from mien.export.emotion import calibrate_emotion, export_emotion, export_trained
    from mien.export.onnx_file import export_network, write_spec
    from mien.export.openvino import export_openvino
    from mien.export.size import multiply_adds, parameter_count
    from mien.export.tflite import export_tflite
    from mien.export.units import export_units
    from mien.export.variants import Precision, export_variant
except ModuleNotFoundError as error:
    raise MissingExtraError("exporting", "train") from error

__all__ = [
    "MAX_FLIPPED",
    "ExportComparison",
    "Precision",
    "calibrate_emotion",
    "export_detector",
    "export_emotion",
    "export_network",
    "export_openvino",
    "export_tflite",
    "export_trained",
    "export_units",
    "export_variant",
    "multiply_adds",
    "parameter_count",
    "write_spec",
]
