"""Networks at work: sessions, the Analyzer that joins detection and emotion, and time."""

from mien.inference.analyzer import Analyzer
from mien.inference.film import FilmOptions, analyze_film
from mien.inference.live import LiveAnalysis
from mien.inference.model import EmotionModel
from mien.inference.position import Position
from mien.inference.smoothing import Smoother, SmoothingOptions

__all__ = [
    "Analyzer",
    "EmotionModel",
    "FilmOptions",
    "LiveAnalysis",
    "Position",
    "Smoother",
    "SmoothingOptions",
    "analyze_film",
]
