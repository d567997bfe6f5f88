"""Face detection: where the faces are, where their landmarks are, and how well they show."""

from mien.detect.boxes import box_coverage, box_iou
from mien.detect.decoder import decode_cells, non_maximum_suppression
from mien.detect.detector import (
    YUNET_NMS_IOU,
    YUNET_OUTPUTS,
    Detector,
    FileDetector,
    OnnxDetector,
    padded_input,
    yunet_spec,
)
from mien.detect.quality import face_quality, sharpness

__all__ = [
    "YUNET_NMS_IOU",
    "YUNET_OUTPUTS",
    "Detector",
    "FileDetector",
    "OnnxDetector",
    "box_coverage",
    "box_iou",
    "decode_cells",
    "face_quality",
    "non_maximum_suppression",
    "padded_input",
    "sharpness",
    "yunet_spec",
]
