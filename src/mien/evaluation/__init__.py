"""Measurements on plain arrays: protocols, metrics, calibration."""

from mien.evaluation.calibration import CalibrationData, fit_six, unsure_threshold
from mien.evaluation.metrics import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    expected_calibration_error,
    macro_f1,
    negative_log_likelihood,
)
from mien.evaluation.protocols import ferplus_majority, ferplus_soft_labels, to_six

__all__ = [
    "CalibrationData",
    "accuracy",
    "balanced_accuracy",
    "confusion_matrix",
    "expected_calibration_error",
    "ferplus_majority",
    "ferplus_soft_labels",
    "fit_six",
    "macro_f1",
    "negative_log_likelihood",
    "to_six",
    "unsure_threshold",
]
