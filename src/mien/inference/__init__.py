"""Networks at work: sessions, and the Analyzer that joins detection and emotion."""

from mien.inference.analyzer import Analyzer
from mien.inference.model import EmotionModel

__all__ = ["Analyzer", "EmotionModel"]
