"""Evaluating models and tables of predictions against ground truth."""

from mien.evaluation.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from mien.evaluation.evaluate import evaluate
from mien.evaluation.fairness import (
    FEWEST_OF_A_TONE,
    GroupScore,
    aligned_skin_tones_deg,
    score_group,
    score_skin_tones,
)
from mien.evaluation.image_quality import THIRDS, QualityPoint
from mien.evaluation.predictors import Predictor, ensemble, open_predictor, save_predictions
from mien.evaluation.results import (
    Evaluation,
    Mistake,
    ModelComparison,
    ModelEvaluation,
    RobustnessPoint,
)
from mien.evaluation.units import UnitRelations, relate_units
from mien.evaluation.warnings import calibration_warnings

__all__ = [
    "CORRUPTIONS",
    "FEWEST_OF_A_TONE",
    "STRENGTHS",
    "THIRDS",
    "Evaluation",
    "GroupScore",
    "Mistake",
    "ModelComparison",
    "ModelEvaluation",
    "Predictor",
    "QualityPoint",
    "RobustnessPoint",
    "UnitRelations",
    "aligned_skin_tones_deg",
    "calibration_warnings",
    "corrupt",
    "ensemble",
    "evaluate",
    "open_predictor",
    "relate_units",
    "save_predictions",
    "score_group",
    "score_skin_tones",
]
