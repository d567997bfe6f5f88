"""Networks at work: sessions, the Analyzer that joins detection and emotion, and time."""

from mien.inference.analyzer import Analyzer
from mien.inference.explanation import Explanation, explain_face, face_regions
from mien.inference.film import FilmOptions, analyze_film
from mien.inference.live import LiveAnalysis
from mien.inference.model import EmotionModel
from mien.inference.position import Position
from mien.inference.similar import Likeness, Similar, find_similar
from mien.inference.smoothing import Smoother, SmoothingOptions

__all__ = [
    "Analyzer",
    "EmotionModel",
    "Explanation",
    "FilmOptions",
    "Likeness",
    "LiveAnalysis",
    "Position",
    "Similar",
    "Smoother",
    "SmoothingOptions",
    "analyze_film",
    "explain_face",
    "face_regions",
    "find_similar",
]
