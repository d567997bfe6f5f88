"""Metrics on plain arrays of N images and K labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError

__all__ = [
    "accuracy",
    "balanced_accuracy",
    "confusion_matrix",
    "expected_calibration_error",
    "jensen_shannon_divergence",
    "macro_f1",
    "negative_log_likelihood",
    "precision_recall_f1",
]


def confusion_matrix(
    labels: NDArray[np.integer], predictions: NDArray[np.integer], *, classes: int
) -> NDArray[np.int64]:
    """Count each pair of true and predicted label.

    Args:
        labels: `(N,)`, 0 to K - 1.
        predictions: `(N,)`, 0 to K - 1.
        classes: K.

    Returns:
        `(K, K)`, rows true, columns predicted.

    Raises:
        InputError: The arrays are empty, of different length, or hold other labels.
    """
    if labels.shape != predictions.shape or labels.ndim != 1 or not len(labels):
        raise InputError(
            f"labels and predictions: expected two arrays (N,) with N above 0, "
            f"found {labels.shape} and {predictions.shape}"
        )
    for name, values in (("labels", labels), ("predictions", predictions)):
        if values.min() < 0 or values.max() >= classes:
            raise InputError(
                f"{name}: expected 0 to {classes - 1}, found {values.min()} to {values.max()}"
            )
    flat = np.bincount(labels.astype(np.int64) * classes + predictions, minlength=classes**2)
    return flat.reshape(classes, classes)


def accuracy(matrix: NDArray[np.int64]) -> float:
    """Return the share of correct predictions of a confusion matrix, 0 to 1."""
    return float(np.trace(matrix) / matrix.sum())


def balanced_accuracy(matrix: NDArray[np.int64]) -> float:
    """Return the mean recall over the classes that occur, 0 to 1."""
    counts = matrix.sum(axis=1)
    return float((np.diag(matrix)[counts > 0] / counts[counts > 0]).mean())


def macro_f1(matrix: NDArray[np.int64]) -> float:
    """Return the mean F1 over the classes that occur or are predicted, 0 to 1."""
    total = matrix.sum(axis=0) + matrix.sum(axis=1)
    return float((2 * np.diag(matrix)[total > 0] / total[total > 0]).mean())


def precision_recall_f1(
    matrix: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return precision, recall and F1 of each class, `(K,)` each; NaN where undefined.

    Args:
        matrix: `(K, K)` of `confusion_matrix`.
    """
    hits = np.diag(matrix).astype(np.float64)
    actual, predicted = matrix.sum(axis=1), matrix.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return hits / predicted, hits / actual, 2 * hits / (actual + predicted)


def jensen_shannon_divergence(
    p: NDArray[np.floating], q: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return the Jensen-Shannon divergence (Lin 1991) of pairs of distributions, in bits.

    Args:
        p: `(N, K)`, rows summing to 1.
        q: `(N, K)`, likewise.

    Returns:
        `(N,)`, 0 for equal distributions to 1 for disjoint ones.
    """
    pair = np.stack((p, q)).astype(np.float64)  # (2, N, K)
    ratio = np.divide(pair, pair.mean(axis=0), out=np.ones_like(pair), where=pair > 0)
    divergence: NDArray[np.float64] = (pair * np.log2(ratio)).sum(axis=2).mean(axis=0)
    return divergence


def negative_log_likelihood(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer]
) -> float:
    """Return the mean negative natural logarithm of the true labels' probabilities.

    Args:
        probabilities: `(N, K)`; values below 1e-12 count as 1e-12.
        labels: `(N,)`.
    """
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def expected_calibration_error(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], *, bins: int = 15
) -> float:
    """Return the mean gap between confidence and accuracy (Guo et al. 2017), 0 to 1.

    Args:
        probabilities: `(N, K)`; the confidence is the top one.
        labels: `(N,)`.
        bins: Bins of equal width between 0 and 1, weighted by their share of the images.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    number = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    counts = np.bincount(number, minlength=bins)
    gaps = np.bincount(number, correct.astype(np.float64) - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / counts.sum())
