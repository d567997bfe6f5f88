"""Face detection: where the faces are, where their landmarks are, and how well they show."""

from mien.detect.boxes import box_coverage, box_iou, non_maximum_suppression
from mien.detect.detector import Detector, FileDetector, OnnxDetector, padded_input
from mien.detect.quality import face_quality, sharpness
from mien.detect.skin_tones import SKIN_TONES, skin_tone, skin_tone_deg
from mien.detect.yunet import YUNET_NMS_IOU, YUNET_OUTPUTS, decode_yunet, yunet_spec

__all__ = [
    "SKIN_TONES",
    "YUNET_NMS_IOU",
    "YUNET_OUTPUTS",
    "Detector",
    "FileDetector",
    "OnnxDetector",
    "box_coverage",
    "box_iou",
    "decode_yunet",
    "face_quality",
    "non_maximum_suppression",
    "padded_input",
    "sharpness",
    "skin_tone",
    "skin_tone_deg",
    "yunet_spec",
]
