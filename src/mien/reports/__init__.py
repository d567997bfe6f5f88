"""HTML reports and the figures in them, and the judging of models that they show."""

from mien.reports.caveats import calibration_caveats
from mien.reports.data_report import data_report
from mien.reports.evaluation import (
    Comparison,
    Evaluation,
    Judged,
    Mistake,
    RobustnessPoint,
    evaluate,
)
from mien.reports.evaluation_report import HEAD, evaluation_report, evaluation_rows
from mien.reports.explained import draw_explanations
from mien.reports.film_report import FilmSummary, film_report
from mien.reports.page import require_charts
from mien.reports.picture_quality import QualityPoint
from mien.reports.predictions import Predictor, mean_of, open_predictor, save_predictions
from mien.reports.processed import ShowSteps
from mien.reports.sheet import draw_likeness
from mien.reports.training_report import training_report
from mien.reports.tuning_record import Gain, StudyRecord, TrialRecord
from mien.reports.tuning_report import tuning_report

__all__ = [
    "HEAD",
    "Comparison",
    "Evaluation",
    "FilmSummary",
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
    "film_report",
    "mean_of",
    "open_predictor",
    "require_charts",
    "save_predictions",
    "training_report",
    "tuning_report",
]
