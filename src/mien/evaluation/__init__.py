"""Judging models and tables of predictions against ground truth."""

from mien.evaluation.evaluate import (
    Comparison,
    Evaluation,
    Judged,
    Mistake,
    RobustnessPoint,
    evaluate,
)
from mien.evaluation.image_quality import QualityPoint
from mien.evaluation.predictors import Predictor, mean_of, open_predictor, save_predictions
from mien.evaluation.warnings import calibration_caveats

__all__ = [
    "Comparison",
    "Evaluation",
    "Judged",
    "Mistake",
    "Predictor",
    "QualityPoint",
    "RobustnessPoint",
    "calibration_caveats",
    "evaluate",
    "mean_of",
    "open_predictor",
    "save_predictions",
]
