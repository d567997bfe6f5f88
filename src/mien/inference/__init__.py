"""Inference: the pipeline of a face, the runners for images, videos and streams, the Analyzer."""

from mien.inference.analyzer import Analyzer, analyze, check_paths
from mien.inference.explain import Explanation, explain_face, explain_image, face_regions
from mien.inference.images import ImageOutputs, predict_images, predict_loaded
from mien.inference.live import LiveAnalysis
from mien.inference.model import Classification, EmotionModel
from mien.inference.pipeline import DetectedFrame, Pipeline
from mien.inference.runner import Step, analyze_media, is_image
from mien.inference.similarity import SimilarFace, SimilarFaces, find_similar
from mien.inference.units import FaceUnits, UnitAnswers, UnitModel
from mien.inference.video import analyze_video
from mien.inference.video_state import VideoState

__all__ = [
    "Analyzer",
    "Classification",
    "DetectedFrame",
    "EmotionModel",
    "Explanation",
    "FaceUnits",
    "ImageOutputs",
    "LiveAnalysis",
    "Pipeline",
    "SimilarFace",
    "SimilarFaces",
    "Step",
    "UnitAnswers",
    "UnitModel",
    "VideoState",
    "analyze",
    "analyze_media",
    "analyze_video",
    "check_paths",
    "explain_face",
    "explain_image",
    "face_regions",
    "find_similar",
    "is_image",
    "predict_images",
    "predict_loaded",
]
