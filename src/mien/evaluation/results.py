"""What an evaluation consists of: values that reports, tables and JSON are made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.fairness import GroupScore
from mien.evaluation.image_quality import QualityPoint
from mien.metrics import McNemar, Score, TripletScore

__all__ = ["Evaluation", "Mistake", "ModelComparison", "ModelEvaluation", "RobustnessPoint"]


@dataclasses.dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong prediction.

    Attributes:
        row: The image's row in the dataset.
        label: The true label by the protocol.
        predicted: The model's label.
        confidence: The model's confidence, 0 to 1.
    """

    row: int
    label: str
    predicted: str
    confidence: float


@dataclasses.dataclass(frozen=True, slots=True)
class RobustnessPoint:
    """Figures on corrupted images.

    Attributes:
        corruption: One of `evaluation.CORRUPTIONS`; empty for the images as they are.
        strength: How strong it is; see `evaluation.STRENGTHS`.
        accuracy: Share of correct predictions, 0 to 1.
        balanced_accuracy: Mean recall, 0 to 1.
    """

    corruption: str
    strength: float
    accuracy: float
    balanced_accuracy: float


@dataclasses.dataclass(frozen=True, slots=True)
class ModelEvaluation:
    """One model under one protocol.

    Attributes:
        model: Its name.
        protocol: The protocol's name.
        title: The protocol's title.
        score: All images that the protocol includes.
        leak_free: Those of them without an identical copy in `train`; None if there are none.
        leaked: The others; None if there are none.
        mistakes: The wrong predictions of highest confidence.
        robustness: Figures on corrupted images; empty if they were not asked for.
        quality: Figures by thirds of the images' sharpness, contrast and brightness.
        skin_tones: Figures by estimated skin tone, lightest first; empty where the dataset keeps
            no aligned faces in colour.
        correct: `(N,)`, whether the prediction for each included image is correct.
    """

    model: str
    protocol: str
    title: str
    score: Score
    leak_free: Score | None
    leaked: Score | None
    mistakes: tuple[Mistake, ...]
    robustness: tuple[RobustnessPoint, ...]
    quality: tuple[QualityPoint, ...]
    skin_tones: tuple[GroupScore, ...]
    correct: NDArray[np.bool_] = dataclasses.field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return everything but `correct` as JSON has it."""
        return {
            "model": self.model,
            "protocol": self.protocol,
            "title": self.title,
            "score": self.score.to_json(),
            "leak_free": self.leak_free.to_json() if self.leak_free else None,
            "leaked": self.leaked.to_json() if self.leaked else None,
            "most_confident_mistakes": [dataclasses.asdict(each) for each in self.mistakes],
            "robustness": [dataclasses.asdict(point) for point in self.robustness],
            "quality": [dataclasses.asdict(point) for point in self.quality],
            "skin_tones": [dataclasses.asdict(each) for each in self.skin_tones],
        }


@dataclasses.dataclass(frozen=True, slots=True)
class ModelComparison:
    """Two models under one protocol.

    Attributes:
        protocol: The protocol's name.
        first: The name of one model.
        second: The name of the other.
        test: Whether they differ.
    """

    protocol: str
    first: str
    second: str
    test: McNemar


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What `evaluate` measured.

    Attributes:
        data: The dataset's name.
        data_sha256: Its hash, with the split applied.
        subset: The subset that was evaluated: `train`, `val` or `test`.
        split: How the dataset is divided.
        split_sha256: The hash of that split.
        images: Images of the subset.
        results: Each model under each protocol.
        comparisons: Each pair of models under each protocol.
        triplets: By model, how its embedding agrees with the votes; models without an embedding
            are left out, and all where the images have no votes.
        warnings: Why figures may be too good or say little, a sentence each.
    """

    data: str
    data_sha256: str
    subset: str
    split: str
    split_sha256: str
    images: int
    results: tuple[ModelEvaluation, ...]
    comparisons: tuple[ModelComparison, ...]
    triplets: Mapping[str, TripletScore]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "data": self.data,
            "data_sha256": self.data_sha256,
            "subset": self.subset,
            "split": self.split,
            "split_sha256": self.split_sha256,
            "images": self.images,
            "warnings": list(self.warnings),
            "results": [each.to_json() for each in self.results],
            "triplets": {name: dataclasses.asdict(each) for name, each in self.triplets.items()},
            "comparisons": [dataclasses.asdict(each) for each in self.comparisons],
        }
