"""Networks at work: sessions, the Analyzer that joins detection and emotion, and time."""

from mien.inference.analyzer import Analyzer
from mien.inference.checkpoint import Checkpoint
from mien.inference.explain import Explanation, explain_face, face_regions
from mien.inference.live import LiveAnalysis
from mien.inference.model import EmotionModel
from mien.inference.similarity import Likeness, Similar, find_similar
from mien.inference.video import VideoOptions, analyze_video

__all__ = [
    "Analyzer",
    "Checkpoint",
    "EmotionModel",
    "Explanation",
    "Likeness",
    "LiveAnalysis",
    "Similar",
    "VideoOptions",
    "analyze_video",
    "explain_face",
    "face_regions",
    "find_similar",
]
