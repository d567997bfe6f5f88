"""Networks at work: sessions, the Analyzer that joins detection and emotion, and time."""

from mien.inference.analyzer import Analyzer
from mien.inference.explain import Explanation, explain_face, face_regions
from mien.inference.live import LiveAnalysis
from mien.inference.model import EmotionModel
from mien.inference.similarity import Likeness, Similar, find_similar
from mien.inference.video import VideoOptions, analyze_video
from mien.runs.checkpoint import Checkpoint
from mien.track.smoothing import Smoother, SmoothingOptions

__all__ = [
    "Analyzer",
    "EmotionModel",
    "Explanation",
    "VideoOptions",
    "Likeness",
    "LiveAnalysis",
    "Checkpoint",
    "Similar",
    "Smoother",
    "SmoothingOptions",
    "analyze_video",
    "explain_face",
    "face_regions",
    "find_similar",
]
