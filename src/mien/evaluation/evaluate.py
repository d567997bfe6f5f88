"""Judging models on a dataset: every figure, each with its leak-free twin."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data import Dataset
from mien.emotions import SIX
from mien.errors import InputError
from mien.evaluation.image_quality import (
    QualityPoint,
    QualityThird,
    quality_points,
    quality_thirds,
)
from mien.evaluation.predictors import Predictor, Probabilities
from mien.evaluation.warnings import calibrated_here, empty_classes, never_sure, shared_images
from mien.metrics import (
    CORRUPTIONS,
    PROTOCOLS,
    STRENGTHS,
    McNemar,
    Protocol,
    Score,
    TripletScore,
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    corrupted,
    ferplus_soft_labels,
    mcnemar,
    score_predictions,
    score_triplets,
)

__all__ = ["Comparison", "Evaluation", "Judged", "Mistake", "RobustnessPoint", "evaluate"]

_MISTAKES = 24

Step = Callable[[str], Callable[[int, int], None] | None]


@dataclasses.dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong answer.

    Attributes:
        row: The image's row in the dataset.
        label: What it shows by the protocol.
        predicted: What the model said.
        confidence: How sure it was.
    """

    row: int
    label: str
    predicted: str
    confidence: float


@dataclasses.dataclass(frozen=True, slots=True)
class RobustnessPoint:
    """Figures on images made worse.

    Attributes:
        corruption: What was done to them; empty for the images as they are.
        strength: How much; see `evaluation.STRENGTHS`.
        accuracy: Share of right answers.
        balanced_accuracy: Mean recall.
    """

    corruption: str
    strength: float
    accuracy: float
    balanced_accuracy: float


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """One model under one protocol.

    Attributes:
        model: Its name.
        protocol: The protocol's name.
        title: The protocol's title.
        score: All images that count.
        leak_free: Those of them without an identical copy in `train`; None if there are none.
        leaked: The others; None if there are none.
        mistakes: The surest wrong answers.
        robustness: On images made worse; empty if that was not asked for.
        quality: By thirds of the images' sharpness, contrast and brightness.
        right: `(N,)`, whether each image that counts was answered rightly.
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
    right: NDArray[np.bool_] = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """Two models under one protocol.

    Attributes:
        protocol: The protocol's name.
        first: A model.
        second: Another.
        test: Whether they differ.
    """

    protocol: str
    first: str
    second: str
    test: McNemar


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        data: The dataset's name.
        data_sha256: Its hash, as it was divided.
        split: The part that was judged.
        division: How it was divided.
        division_sha256: The hash of that.
        images: Images of the part.
        judged: Each model under each protocol.
        comparisons: Each pair of models under each protocol.
        triplets: By model, how its embedding agrees with the votes; models without an embedding
            are left out, and all where the images have no votes.
        warnings: What makes figures less than they seem.
    """

    data: str
    data_sha256: str
    split: str
    division: str
    division_sha256: str
    images: int
    judged: tuple[Judged, ...]
    comparisons: tuple[Comparison, ...]
    triplets: Mapping[str, TripletScore]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "data": self.data,
            "data_sha256": self.data_sha256,
            "split": self.split,
            "division": self.division,
            "division_sha256": self.division_sha256,
            "images": self.images,
            "warnings": list(self.warnings),
            "results": [
                {
                    "model": each.model,
                    "protocol": each.protocol,
                    "title": each.title,
                    "score": each.score.to_json(),
                    "leak_free": each.leak_free.to_json() if each.leak_free else None,
                    "leaked": each.leaked.to_json() if each.leaked else None,
                    "most_confident_mistakes": [dataclasses.asdict(m) for m in each.mistakes],
                    "robustness": [dataclasses.asdict(point) for point in each.robustness],
                    "quality": [dataclasses.asdict(point) for point in each.quality],
                }
                for each in self.judged
            ],
            "triplets": {name: dataclasses.asdict(each) for name, each in self.triplets.items()},
            "comparisons": [dataclasses.asdict(each) for each in self.comparisons],
        }


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The images that are judged: which `train` has, too, and how well they show."""

    data: Dataset
    leaked: NDArray[np.bool_]
    thirds: tuple[QualityThird, ...]


def evaluate(
    predictors: Sequence[Predictor],
    data: Dataset,
    *,
    split: str = "val",
    division: tuple[str, str] = ("published", ""),
    protocols: Sequence[Protocol] = tuple(PROTOCOLS.values()),
    robustness: bool = False,
    on_step: Step | None = None,
) -> Evaluation:
    """Judge models on one part of a dataset.

    Args:
        predictors: The models, or what they said.
        data: The dataset; of its `train` only copies of the judged images are looked for.
        split: The part to judge: `train`, `val` or `test`.
        division: Kind and hash of the split, for the record.
        protocols: Those that a model has no output for are left out.
        robustness: Whether to judge models on images made worse, too; tables of known answers
            have none.
        on_step: Called with each step's name; returns what to tell of it, or None.

    Raises:
        InputError: The part is empty, no model fits a protocol, two models share a name, or
            predictions are none.
    """
    names = [predictor.name for predictor in predictors]
    if len(set(names)) < len(names):
        raise InputError(f"models: expected different names, found {', '.join(names)}")
    part = data.part(split)
    if not len(part):
        raise InputError(f"{data.source}: no image in {split}")
    known = {image.tobytes() for image in data.part("train").images}
    leaked = np.array([image.tobytes() in known for image in part.images], np.bool_)
    seen = _Part(part, leaked, quality_thirds(part.images))
    truths = {each.name: each.labels(part.labels, part.votes) for each in protocols}
    warnings: list[str] = []
    judged: list[Judged] = []
    for predictor in predictors:
        if split != "train":
            warnings += shared_images(predictor, part)
        warnings += calibrated_here(predictor, data, split) + never_sure(predictor)
        progress = on_step(predictor.name) if on_step else None
        answers = predictor.probabilities(part, on_progress=progress)
        for each in protocols:
            probabilities = each.judged(answers)
            if probabilities is None:
                continue
            if not (truths[each.name] >= 0).any():
                warnings.append(f"{data.source}, {split}: no image has a label by {each.name}")
                continue
            warnings += empty_classes(each, truths[each.name], split)
            judged.append(_judge(predictor, each, seen, probabilities, truths[each.name]))
        if robustness and predictor.model is not None:
            judged = _with_robustness(judged, predictor, part, protocols, truths, on_step)
    if not judged:
        wanted = ", ".join(each.name for each in protocols)
        raise InputError(f"no model has an output and {split} no labels for {wanted}")
    if split == "train":
        warnings.append("train is what models learn from: these figures say nothing of new images")
    triplets = _triplets(predictors, part, warnings)
    return Evaluation(
        data=data.source,
        data_sha256=data.sha256(),
        split=split,
        division=division[0],
        division_sha256=division[1],
        images=len(part),
        judged=tuple(judged),
        comparisons=tuple(_comparisons(judged)),
        triplets=triplets,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _judge(
    predictor: Predictor,
    protocol: Protocol,
    part: _Part,
    probabilities: Probabilities,
    truth: NDArray[np.int64],
) -> Judged:
    counted = truth >= 0
    predicted = probabilities.argmax(axis=1)
    votes, leaked = part.data.votes, part.leaked
    soft = protocol.soft_labels(votes) if votes.any() else None
    unsure = predictor.model.unsure_below if predictor.model and protocol.output is SIX else None

    def score(chosen: NDArray[np.bool_]) -> Score | None:
        if not chosen.any():
            return None
        try:
            return score_predictions(
                probabilities[chosen],
                truth[chosen],
                protocol.label_set,
                soft_labels=None if soft is None else soft[chosen],
                unsure_below=unsure,
            )
        except InputError as error:
            raise InputError(f"{predictor.name}, {protocol.name}: {error}") from error

    whole = score(counted)
    if whole is None:
        raise InputError(f"{predictor.name}, {protocol.name}: no image counts")
    return Judged(
        model=predictor.name,
        protocol=protocol.name,
        title=protocol.title,
        score=whole,
        leak_free=score(counted & ~leaked),
        leaked=score(counted & leaked),
        mistakes=tuple(_mistakes(probabilities, truth, protocol, part.data)),
        robustness=(),
        quality=quality_points(part.thirds, predicted, truth, classes=len(protocol.label_set)),
        right=(predicted == truth)[counted],
    )


def _mistakes(
    probabilities: Probabilities, truth: NDArray[np.int64], protocol: Protocol, part: Dataset
) -> list[Mistake]:
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero((truth >= 0) & (predicted != truth))
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")[:_MISTAKES]]
    labels = protocol.label_set.labels
    return [
        Mistake(
            row=int(part.rows[i]),
            label=labels[truth[i]],
            predicted=labels[predicted[i]],
            confidence=float(confidence[i]),
        )
        for i in worst
    ]


def _with_robustness(
    judged: list[Judged],
    predictor: Predictor,
    part: Dataset,
    protocols: Sequence[Protocol],
    truths: dict[str, NDArray[np.int64]],
    on_step: Step | None,
) -> list[Judged]:
    """Add the figures on images made worse to a model's results."""
    points: dict[str, list[RobustnessPoint]] = {each.name: [] for each in protocols}
    conditions = [("", 0.0), *((name, s) for name in CORRUPTIONS for s in STRENGTHS[name])]
    progress = on_step(f"{predictor.name}, robustness") if on_step else None
    for number, (name, strength) in enumerate(conditions):
        images = corrupted(part.images, name, strength) if name else part.images
        answers = predictor.probabilities(dataclasses.replace(part, images=images))
        for each in protocols:
            truth = truths[each.name]
            counted = truth >= 0
            probabilities = each.judged(answers)
            if probabilities is None or not counted.any():
                continue
            predicted = probabilities.argmax(axis=1)[counted]
            matrix = confusion_matrix(truth[counted], predicted, classes=len(each.label_set))
            points[each.name].append(
                RobustnessPoint(name, strength, accuracy(matrix), balanced_accuracy(matrix))
            )
        if progress is not None:
            progress(number + 1, len(conditions))
    return [
        dataclasses.replace(each, robustness=tuple(points[each.protocol]))
        if each.model == predictor.name
        else each
        for each in judged
    ]


def _triplets(
    predictors: Sequence[Predictor], part: Dataset, warnings: list[str]
) -> dict[str, TripletScore]:
    found: dict[str, TripletScore] = {}
    if not part.votes.any():
        return found
    soft, _ = ferplus_soft_labels(part.votes)
    for predictor in predictors:
        embedding = predictor.embedding(part)
        if embedding is None:
            continue
        try:
            found[predictor.name] = score_triplets(embedding, soft)
        except InputError as error:
            warnings.append(f"{predictor.name}, embedding: {error}")
    return found


def _comparisons(judged: Sequence[Judged]) -> list[Comparison]:
    return [
        Comparison(first.protocol, first.model, second.model, mcnemar(first.right, second.right))
        for first, second in itertools.combinations(judged, 2)
        if first.protocol == second.protocol
    ]
