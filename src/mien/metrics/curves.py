"""Curves over a threshold: ROC, precision and recall, reliability, risk against coverage."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Reliability",
    "average_precision",
    "precision_recall_curve",
    "reliability",
    "risk_coverage",
    "roc_auc",
    "roc_curve",
]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Accuracy by confidence, in bins of equal width.

    Attributes:
        confidence: `(bins,)`, mean confidence of each bin; NaN where it is empty.
        accuracy: `(bins,)`, share of correct predictions; NaN where it is empty.
        counts: `(bins,)`, number of images.
    """

    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    counts: NDArray[np.int64]


def roc_curve(
    scores: NDArray[np.floating], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return false and true positive rates over all thresholds, from (0, 0) to (1, 1).

    Args:
        scores: `(N,)`, higher for images that are more likely positive; equal scores are one
            threshold.
        positive: `(N,)`; both values must occur.
    """
    true, false = _counts_by_threshold(scores, positive)
    rates = (false / max(false[-1], 1), true / max(true[-1], 1))
    return np.concatenate(([0.0], rates[0])), np.concatenate(([0.0], rates[1]))


def roc_auc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve, 0 to 1; NaN unless both values occur."""
    if positive.all() or not positive.any():
        return float("nan")
    false_rate, true_rate = roc_curve(scores, positive)
    return float(np.trapezoid(true_rate, false_rate))


def precision_recall_curve(
    scores: NDArray[np.floating], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return recall and precision over all thresholds, from the highest score down.

    Args:
        scores: `(N,)`; equal scores are one threshold.
        positive: `(N,)`; at least one must be True.
    """
    true, false = _counts_by_threshold(scores, positive)
    return true / max(true[-1], 1), true / (true + false)


def average_precision(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Return the mean precision over the steps of recall, 0 to 1; NaN without a positive."""
    if not positive.any():
        return float("nan")
    recall, precision = precision_recall_curve(scores, positive)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def reliability(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], *, bins: int = 15
) -> Reliability:
    """Bin the predictions by confidence, as `expected_calibration_error` does.

    Args:
        probabilities: `(N, K)`; the confidence is the top one.
        labels: `(N,)`.
        bins: Bins of equal width between 0 and 1.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    number = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    counts = np.bincount(number, minlength=bins)
    with np.errstate(invalid="ignore"):
        return Reliability(
            confidence=np.bincount(number, confidence, minlength=bins) / counts,
            accuracy=np.bincount(number, correct.astype(np.float64), minlength=bins) / counts,
            counts=counts,
        )


def risk_coverage(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of images that are answered, and the share of wrong answers among them.

    Predictions are answered in order of confidence (El-Yaniv and Wiener 2010).

    Args:
        probabilities: `(N, K)`.
        labels: `(N,)`.

    Returns:
        Coverage `(N,)` rising to 1, and risk `(N,)`.
    """
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    wrong = (probabilities.argmax(axis=1) != labels)[order]
    answered = np.arange(1, len(labels) + 1)
    return answered / len(labels), wrong.cumsum() / answered


def _counts_by_threshold(
    scores: NDArray[np.floating], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the true and false positives at each different score, from the highest down."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    true = positive[order].cumsum()[last]
    return true, last + 1 - true
