"""Accuracy by image quality: sharpness, contrast and brightness, each in thirds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.detect import sharpness
from mien.metrics import accuracy, balanced_accuracy, confusion_matrix

__all__ = ["THIRDS", "QualityPoint", "QualityThird", "quality_points", "quality_thirds"]

THIRDS = ("lowest", "middle", "highest")
"""The thirds of a measure, in its order."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class QualityThird:
    """One third of the images by one measure of quality.

    Attributes:
        measure: `sharpness` and `brightness` as in `structures.Quality`, or `contrast`: the
            standard deviation of the luma, 0 to 0.5.
        third: One of `THIRDS`.
        low: The least value among its images.
        high: The largest one.
        members: `(N,)`, which images belong to it.
    """

    measure: str
    third: str
    low: float
    high: float
    members: NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, slots=True)
class QualityPoint:
    """Figures on one third of the images.

    Attributes:
        measure: See `QualityThird`.
        third: One of `THIRDS`.
        low: The least value of the measure in it.
        high: The largest one.
        images: How many of its images have a label.
        accuracy: Share of correct predictions among them.
        balanced_accuracy: Mean recall.
    """

    measure: str
    third: str
    low: float
    high: float
    images: int
    accuracy: float
    balanced_accuracy: float


def quality_thirds(images: NDArray[np.uint8]) -> tuple[QualityThird, ...]:
    """Divide images into thirds by sharpness, by contrast and by brightness.

    Args:
        images: `(N, S, S)` luma; N is at least 1.

    Returns:
        Three thirds of each measure, from low to high. Equal values stay together, so that a third
        may be larger than another; one without images is left out.
    """
    measures = {
        "sharpness": np.array([sharpness(image.astype(np.float32)) for image in images]),
        "contrast": np.array([image.std() / 255 for image in images]),
        "brightness": np.array([image.mean() / 255 for image in images]),
    }
    found = []
    for measure, values in measures.items():
        first, second = np.quantile(values, (1 / 3, 2 / 3))
        number = (values > first).astype(np.int64) + (values > second)
        for place, third in enumerate(THIRDS):
            members = number == place
            if members.any():
                inside = values[members]
                found.append(
                    QualityThird(measure, third, float(inside.min()), float(inside.max()), members)
                )
    return tuple(found)


def quality_points(
    thirds: Sequence[QualityThird],
    predictions: NDArray[np.integer],
    labels: NDArray[np.integer],
    *,
    classes: int,
) -> tuple[QualityPoint, ...]:
    """Score a model on each third.

    Args:
        thirds: Those of `quality_thirds` for the N images.
        predictions: `(N,)`, 0 to `classes` - 1.
        labels: `(N,)`, likewise; -1 does not count.
        classes: How many labels there are.

    Returns:
        The thirds in their order; one in which no image counts is left out.
    """
    points = []
    for each in thirds:
        included = each.members & (labels >= 0)
        if not included.any():
            continue
        matrix = confusion_matrix(labels[included], predictions[included], classes=classes)
        points.append(
            QualityPoint(
                measure=each.measure,
                third=each.third,
                low=each.low,
                high=each.high,
                images=int(included.sum()),
                accuracy=accuracy(matrix),
                balanced_accuracy=balanced_accuracy(matrix),
            )
        )
    return tuple(points)
