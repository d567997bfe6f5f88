"""Evaluating models and tables of predictions against ground truth."""

from mien.evaluation.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from mien.evaluation.evaluate import evaluate
from mien.evaluation.image_quality import THIRDS, QualityPoint
from mien.evaluation.predictors import Predictor, ensemble, open_predictor, save_predictions
from mien.evaluation.results import (
    Evaluation,
    Mistake,
    ModelComparison,
    ModelEvaluation,
    RobustnessPoint,
)
from mien.evaluation.warnings import calibration_warnings

__all__ = [
    "CORRUPTIONS",
    "STRENGTHS",
    "THIRDS",
    "Evaluation",
    "Mistake",
    "ModelComparison",
    "ModelEvaluation",
    "Predictor",
    "QualityPoint",
    "RobustnessPoint",
    "calibration_warnings",
    "corrupt",
    "ensemble",
    "evaluate",
    "open_predictor",
    "save_predictions",
]
