"""HTML reports and the figures in them, and the judging of models that they show."""

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
from mien.reports.data.preprocessing_figures import ShowSteps
from mien.reports.data.report import data_report
from mien.reports.evaluation.report import HEAD, evaluation_report, evaluation_rows
from mien.reports.explanation_image import draw_explanations
from mien.reports.html.page import require_charts
from mien.reports.similarity_grid import draw_likeness
from mien.reports.training.report import training_report
from mien.reports.tuning.record import Gain, StudyRecord, TrialRecord
from mien.reports.tuning.report import tuning_report
from mien.reports.video.report import VideoSummary, video_report

__all__ = [
    "HEAD",
    "Comparison",
    "Evaluation",
    "VideoSummary",
    "Gain",
    "Judged",
    "Mistake",
    "Predictor",
    "QualityPoint",
    "RobustnessPoint",
    "ShowSteps",
    "StudyRecord",
    "TrialRecord",
    "calibration_caveats",
    "data_report",
    "draw_explanations",
    "draw_likeness",
    "evaluate",
    "evaluation_report",
    "evaluation_rows",
    "video_report",
    "mean_of",
    "open_predictor",
    "require_charts",
    "save_predictions",
    "training_report",
    "tuning_report",
]
