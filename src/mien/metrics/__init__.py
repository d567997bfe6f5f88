"""Numbers from plain arrays: protocols, metrics, curves, calibration."""

from mien.metrics.agreement import Agreement, agreement
from mien.metrics.calibration import (
    EQUAL_WITHIN,
    MAX_TEMPERATURE,
    SURE_ACCURACY,
    CalibrationData,
    LabelledOutputs,
    SixFit,
    fit_baseline,
    fit_six,
    fit_temperature,
    unsure_threshold,
)
from mien.metrics.curves import (
    Reliability,
    average_precision,
    precision_recall_curve,
    reliability,
    risk_coverage,
    roc_auc,
    roc_curve,
)
from mien.metrics.metrics import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    expected_calibration_error,
    jensen_shannon_divergence,
    macro_f1,
    negative_log_likelihood,
    precision_recall_f1,
)
from mien.metrics.movements import MAX_FRAME_INTERVAL_S, count_blinks, count_nods
from mien.metrics.protocols import (
    PROTOCOLS,
    Protocol,
    protocol,
)
from mien.metrics.scoring import ClassScore, Score, score_predictions
from mien.metrics.triplets import TripletScore, score_triplets
from mien.metrics.uncertainty import (
    Interval,
    McNemar,
    bootstrap_intervals,
    bootstrap_mean,
    mcnemar,
    share_interval,
    wilson_interval,
)

__all__ = [
    "EQUAL_WITHIN",
    "MAX_FRAME_INTERVAL_S",
    "MAX_TEMPERATURE",
    "PROTOCOLS",
    "SURE_ACCURACY",
    "Agreement",
    "CalibrationData",
    "ClassScore",
    "Interval",
    "LabelledOutputs",
    "McNemar",
    "Protocol",
    "Reliability",
    "Score",
    "SixFit",
    "TripletScore",
    "accuracy",
    "agreement",
    "average_precision",
    "balanced_accuracy",
    "bootstrap_intervals",
    "bootstrap_mean",
    "confusion_matrix",
    "count_blinks",
    "count_nods",
    "expected_calibration_error",
    "fit_baseline",
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
    "share_interval",
    "unsure_threshold",
    "wilson_interval",
]
