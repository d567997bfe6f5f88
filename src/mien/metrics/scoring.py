"""All figures of one model under one protocol."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien._wording import pluralize
from mien.emotions import LabelSet
from mien.errors import InputError
from mien.metrics.curves import (
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
from mien.metrics.uncertainty import Interval, bootstrap_intervals, share_interval

__all__ = ["ClassScore", "Score", "score_predictions"]

_CURVE_POINTS = 100


@dataclasses.dataclass(frozen=True, slots=True)
class ClassScore:
    """The figures of one class.

    Attributes:
        label: The class.
        images: Images with this true label.
        precision: Share of its predictions that are correct; NaN if there are none.
        recall: Share of its images that are predicted correctly; NaN if there are none.
        recall_interval: Its 95 % interval, see `share_interval`.
        f1: The harmonic mean of precision and recall.
        roc_auc: Area under the ROC curve of the class against the others.
        average_precision: Area under its precision-recall curve.
    """

    label: str
    images: int
    precision: float
    recall: float
    recall_interval: Interval
    f1: float
    roc_auc: float
    average_precision: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The figures of one model under one protocol.

    Attributes:
        images: Number of images.
        accuracy: Share of correct predictions.
        balanced_accuracy: Mean recall over the classes that occur.
        macro_f1: Mean F1 over the classes that occur or are predicted.
        nll: Mean negative log-likelihood in nats.
        ece: Expected calibration error over 15 bins.
        divergence: Mean Jensen-Shannon divergence from the votes, 0 to 1; None without votes.
        intervals: 95 % bootstrap intervals by name, see `bootstrap_intervals`.
        classes: Each class.
        confusion: `(K, K)` counts, rows true.
        reliability: Bins of confidence, accuracy and images.
        risk_coverage: Points (coverage, risk).
        curves: By label, ROC (false, true positive rate) and PR (recall, precision) points.
        sure: Threshold, share and accuracy of the predictions that are not unsure; None if the
            model has no threshold.
        people: How many people the intervals draw, those of unknown images each counted as one;
            None if they draw images.
    """

    images: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    nll: float
    ece: float
    divergence: float | None
    intervals: Mapping[str, Interval]
    classes: tuple[ClassScore, ...]
    confusion: list[list[int]]
    reliability: list[dict[str, float]]
    risk_coverage: list[tuple[float, float]]
    curves: Mapping[str, Mapping[str, list[tuple[float, float]]]]
    sure: Mapping[str, float] | None = None
    people: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON has it; NaN becomes null."""
        fields: dict[str, Any] = _without_nan(dataclasses.asdict(self))
        return fields


def score_predictions(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    label_set: LabelSet,
    *,
    soft_labels: NDArray[np.floating] | None = None,
    unsure_below: float | None = None,
    groups: NDArray[Any] | None = None,
) -> Score:
    """Compute all figures of one model under one protocol.

    Args:
        probabilities: `(N, K)`, rows summing to 1.
        labels: `(N,)` in the order of `label_set`.
        label_set: The K labels.
        soft_labels: `(N, K)`, the votes' distributions; rows of zeros have no votes.
        unsure_below: Predictions of a lower confidence are unsure.
        groups: `(N,)`, who each image shows, as `Dataset.people`; None if nobody is known.

    Raises:
        InputError: There are no images, or the probabilities are none.
    """
    _check(probabilities, labels, label_set)
    predicted = probabilities.argmax(axis=1)
    matrix = confusion_matrix(labels, predicted, classes=len(label_set))
    bins = reliability(probabilities, labels)
    return Score(
        images=len(labels),
        accuracy=accuracy(matrix),
        balanced_accuracy=balanced_accuracy(matrix),
        macro_f1=macro_f1(matrix),
        nll=negative_log_likelihood(probabilities, labels),
        ece=expected_calibration_error(probabilities, labels),
        divergence=_divergence(probabilities, soft_labels),
        intervals=bootstrap_intervals(probabilities, labels, groups=groups),
        classes=tuple(_classes(probabilities, labels, label_set, matrix, groups)),
        confusion=matrix.tolist(),
        reliability=[
            {"confidence": float(c), "accuracy": float(a), "images": int(n)}
            for c, a, n in zip(bins.confidence, bins.accuracy, bins.counts, strict=True)
            if n
        ],
        risk_coverage=_thinned(*risk_coverage(probabilities, labels)),
        curves=_curves(probabilities, labels, label_set),
        sure=_sure(probabilities, labels, unsure_below),
        people=None if groups is None else len(np.unique(groups)),
    )


def _check(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], label_set: LabelSet
) -> None:
    expected = (len(labels), len(label_set))
    if not len(labels) or probabilities.shape != expected:
        raise InputError(
            f"probabilities: expected (N, {len(label_set)}) for {len(labels)} labels of "
            f"{label_set.name}, found {probabilities.shape}"
        )
    bad = ~np.isfinite(probabilities).all(axis=1)
    if bad.any():
        raise InputError(
            "probabilities: expected numbers, found NaN or infinity in "
            f"{pluralize(int(bad.sum()), 'row')}, first in row {int(bad.argmax())}"
        )
    off = np.abs(probabilities.sum(axis=1, dtype=np.float64) - 1) > 1e-3
    off |= (probabilities < 0).any(axis=1)
    if off.any():
        row = int(off.argmax())
        raise InputError(
            "probabilities: expected rows of numbers from 0 that sum to 1, found a sum of "
            f"{probabilities[row].sum():.4f} and {probabilities[row].min():.4f} as the least in "
            f"row {row}"
        )


def _divergence(
    probabilities: NDArray[np.floating], soft_labels: NDArray[np.floating] | None
) -> float | None:
    if soft_labels is None:
        return None
    voted = soft_labels.sum(axis=1) > 0
    if not voted.any():
        return None
    return float(jensen_shannon_divergence(probabilities[voted], soft_labels[voted]).mean())


def _classes(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    label_set: LabelSet,
    matrix: NDArray[np.int64],
    groups: NDArray[Any] | None,
) -> list[ClassScore]:
    precision, recall, f1 = precision_recall_f1(matrix)
    correct = probabilities.argmax(axis=1) == labels
    return [
        ClassScore(
            label=label,
            images=int(matrix[number].sum()),
            precision=float(precision[number]),
            recall=float(recall[number]),
            recall_interval=share_interval(
                correct[labels == number],
                groups=None if groups is None else groups[labels == number],
            ),
            f1=float(f1[number]),
            roc_auc=roc_auc(probabilities[:, number], labels == number),
            average_precision=average_precision(probabilities[:, number], labels == number),
        )
        for number, label in enumerate(label_set.labels)
    ]


def _curves(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], label_set: LabelSet
) -> dict[str, dict[str, list[tuple[float, float]]]]:
    curves = {}
    for number, label in enumerate(label_set.labels):
        positive = labels == number
        if positive.all() or not positive.any():
            continue
        scores = probabilities[:, number]
        curves[label] = {
            "roc": _thinned(*roc_curve(scores, positive)),
            "pr": _thinned(*precision_recall_curve(scores, positive)),
        }
    return curves


def _sure(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], unsure_below: float | None
) -> dict[str, float] | None:
    if unsure_below is None:
        return None
    sure = probabilities.max(axis=1) >= unsure_below
    correct = probabilities.argmax(axis=1) == labels
    return {
        "threshold": unsure_below,
        "coverage": float(sure.mean()),
        "accuracy": float(correct[sure].mean()) if sure.any() else float("nan"),
    }


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Keep about a hundred points of a curve, at equal distances along it, with both ends."""
    length = np.cumsum(np.abs(np.diff(x, prepend=x[0])) + np.abs(np.diff(y, prepend=y[0])))
    steps = np.linspace(0, length[-1], _CURVE_POINTS)
    index = np.unique(np.append(np.searchsorted(length, steps).clip(max=len(x) - 1), len(x) - 1))
    return [(float(x[i]), float(y[i])) for i in index]


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
