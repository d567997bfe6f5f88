"""Measurements on plain arrays: protocols, metrics, curves, calibration, robustness."""

from mien.evaluation.calibration import (
    CalibrationData,
    fit_six,
    fit_temperature,
    unsure_threshold,
)
from mien.evaluation.corruptions import CORRUPTIONS, STRENGTHS, corrupted
from mien.evaluation.curves import (
    Reliability,
    average_precision,
    precision_recall_curve,
    reliability,
    risk_coverage,
    roc_auc,
    roc_curve,
)
from mien.evaluation.metrics import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    expected_calibration_error,
    jensen_shannon_divergence,
    macro_f1,
    negative_log_likelihood,
    precision_recall_f1,
)
from mien.evaluation.protocols import (
    PROTOCOLS,
    Protocol,
    ferplus_majority,
    ferplus_soft_labels,
    protocol,
    to_six,
)
from mien.evaluation.scoring import ClassScore, Score, score_predictions
from mien.evaluation.triplets import TripletScore, score_triplets
from mien.evaluation.uncertainty import Interval, McNemar, bootstrap_intervals, mcnemar

__all__ = [
    "CORRUPTIONS",
    "PROTOCOLS",
    "STRENGTHS",
    "CalibrationData",
    "ClassScore",
    "Interval",
    "McNemar",
    "Protocol",
    "Reliability",
    "Score",
    "TripletScore",
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "bootstrap_intervals",
    "confusion_matrix",
    "corrupted",
    "expected_calibration_error",
    "ferplus_majority",
    "ferplus_soft_labels",
    "fit_six",
    "fit_temperature",
    "jensen_shannon_divergence",
    "macro_f1",
    "mcnemar",
    "negative_log_likelihood",
    "precision_recall_curve",
    "precision_recall_f1",
    "protocol",
    "reliability",
    "risk_coverage",
    "roc_auc",
    "roc_curve",
    "score_predictions",
    "score_triplets",
    "to_six",
    "unsure_threshold",
]
