"""Evaluating models on one subset of a dataset: every figure, and the same without leaks."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.data import Dataset, OnStep
from mien.emotions import SIX, ferplus_soft_labels
from mien.errors import InputError
from mien.evaluation.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from mien.evaluation.fairness import aligned_skin_tones_deg, score_skin_tones
from mien.evaluation.image_quality import QualityThird, quality_points, quality_thirds
from mien.evaluation.predictors import Predictor, Probabilities
from mien.evaluation.results import (
    Evaluation,
    Mistake,
    ModelComparison,
    ModelEvaluation,
    RobustnessPoint,
)
from mien.evaluation.warnings import (
    always_unsure,
    calibrated_on_images,
    framing_warnings,
    missing_classes,
    own_classes_left_out,
    people_warnings,
    trained_on_images,
)
from mien.metrics import (
    PROTOCOLS,
    Protocol,
    Score,
    TripletScore,
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    mcnemar,
    score_predictions,
    score_triplets,
)

__all__ = ["evaluate"]

_MISTAKES = 24


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Images:
    """The images that are evaluated.

    Attributes:
        data: The subset, N images.
        leaked: `(N,)`, whether an image has an identical copy in `train`.
        thirds: The images by quality.
        skin_tones_deg: `(N,)`, their estimated skin tones; NaN where there is none.
        people: `(N,)`, `Dataset.people`.
        truths: By protocol, the true labels `(N,)`; -1 where there is none.
    """

    data: Dataset
    leaked: NDArray[np.bool_]
    thirds: tuple[QualityThird, ...]
    skin_tones_deg: NDArray[np.float64]
    people: NDArray[np.int64] | None
    truths: dict[str, NDArray[np.int64]]


def evaluate(
    predictors: Sequence[Predictor],
    data: Dataset,
    *,
    subset: str = "val",
    split: tuple[str, str] = ("published", ""),
    protocols: Sequence[Protocol] = tuple(PROTOCOLS.values()),
    robustness: bool = False,
    on_step: OnStep | None = None,
) -> Evaluation:
    """Evaluate models on one subset of a dataset.

    Args:
        predictors: The models, or tables of their predictions.
        data: The dataset; its `train` is only searched for copies of the evaluated images.
        subset: The subset to evaluate on: `train`, `val` or `test`.
        split: Kind and hash of the split that `data` is divided by, for the record.
        protocols: Protocols that a model has no output for are left out.
        robustness: Whether to evaluate on corrupted images, too; tables of predictions cannot.
        on_step: Called with each step's name; returns the progress callback of the step, or None.

    Raises:
        InputError: The subset is empty, no model fits a protocol, two models have the same name,
            or predictions are no probabilities.
    """
    names = [predictor.name for predictor in predictors]
    if len(set(names)) < len(names):
        raise InputError(f"models: expected different names, found {', '.join(names)}")
    if strange := [each for each in protocols if not isinstance(each, Protocol)]:
        raise InputError(
            f"protocols: expected those of mien.metrics.protocol, found {strange[0]!r}"
        )
    images = _images(data, subset, protocols)
    for predictor in predictors:
        predictor.check_rows(data)
    warnings = framing_warnings(images.data) + own_classes_left_out(images.data)
    warnings += people_warnings(data, subset)
    results: list[ModelEvaluation] = []
    for predictor in predictors:
        if subset != "train":
            warnings += trained_on_images(predictor, images.data)
        warnings += calibrated_on_images(predictor, data, subset) + always_unsure(predictor)
        progress = on_step(predictor.name) if on_step else None
        outputs = predictor.probabilities(images.data, on_progress=progress)
        for protocol in protocols:
            probabilities = protocol.probabilities(outputs)
            if probabilities is None:
                continue
            truth = images.truths[protocol.name]
            if not (truth >= 0).any():
                warnings.append(f"{data.source}, {subset}: no image has a label by {protocol.name}")
                continue
            warnings += missing_classes(protocol, truth, subset)
            results.append(_evaluate_model(predictor, protocol, images, probabilities))
        if robustness and predictor.model is not None:
            results = _with_robustness(results, predictor, images, protocols, on_step)
        elif robustness:
            warnings.append(f"{predictor.name}: robustness is measured for single models alone")
    if not results:
        wanted = ", ".join(protocol.name for protocol in protocols)
        raise InputError(f"no model has an output, or {subset} has no labels, for {wanted}")
    if subset == "train":
        warnings.append("models learn from train: these figures say nothing about new images")
    triplets = _triplets(predictors, images.data, warnings)
    return Evaluation(
        data=data.source,
        data_sha256=data.sha256(),
        subset=subset,
        split=split[0],
        split_sha256=split[1],
        images=len(images.data),
        results=tuple(results),
        comparisons=tuple(_comparisons(results, images)),
        triplets=triplets,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _images(data: Dataset, subset: str, protocols: Sequence[Protocol]) -> _Images:
    chosen = data.subset(subset)
    if not len(chosen):
        raise InputError(f"{data.source}: no image in {subset}")
    known = {image.tobytes() for image in data.subset("train").images}
    return _Images(
        data=chosen,
        leaked=np.array([image.tobytes() in known for image in chosen.images], np.bool_),
        thirds=quality_thirds(chosen.images),
        skin_tones_deg=aligned_skin_tones_deg(chosen),
        people=chosen.people,
        truths={each.name: each.labels(chosen.fer2013_labels, chosen.votes) for each in protocols},
    )


def _evaluate_model(
    predictor: Predictor, protocol: Protocol, images: _Images, probabilities: Probabilities
) -> ModelEvaluation:
    truth = images.truths[protocol.name]
    included = truth >= 0
    predicted = probabilities.argmax(axis=1)
    votes, leaked = images.data.votes, images.leaked
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
                groups=None if images.people is None else images.people[chosen],
            )
        except InputError as error:
            raise InputError(f"{predictor.name}, {protocol.name}: {error}") from error

    whole = score(included)
    if whole is None:
        raise InputError(f"{predictor.name}, {protocol.name}: no image has a label")
    return ModelEvaluation(
        model=predictor.name,
        protocol=protocol.name,
        title=protocol.title,
        score=whole,
        leak_free=score(included & ~leaked),
        leaked=score(included & leaked),
        mistakes=tuple(_mistakes(probabilities, truth, protocol, images.data)),
        robustness=(),
        quality=quality_points(images.thirds, predicted, truth, classes=len(protocol.label_set)),
        skin_tones=score_skin_tones(
            images.skin_tones_deg, predicted, truth, protocol.label_set, people=images.people
        ),
        correct=(predicted == truth)[included],
    )


def _mistakes(
    probabilities: Probabilities, truth: NDArray[np.int64], protocol: Protocol, data: Dataset
) -> list[Mistake]:
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero((truth >= 0) & (predicted != truth))
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")[:_MISTAKES]]
    labels = protocol.label_set.labels
    return [
        Mistake(
            row=int(data.rows[i]),
            label=labels[truth[i]],
            predicted=labels[predicted[i]],
            confidence=float(confidence[i]),
        )
        for i in worst
    ]


def _with_robustness(
    results: list[ModelEvaluation],
    predictor: Predictor,
    images: _Images,
    protocols: Sequence[Protocol],
    on_step: OnStep | None,
) -> list[ModelEvaluation]:
    """Add the figures on corrupted images to a model's results."""
    points: dict[str, list[RobustnessPoint]] = {protocol.name: [] for protocol in protocols}
    conditions = [("", 0.0), *((name, s) for name in CORRUPTIONS for s in STRENGTHS[name])]
    progress = on_step(f"{predictor.name}, robustness") if on_step else None
    for number, (name, strength) in enumerate(conditions):
        pixels = corrupt(images.data.images, name, strength) if name else images.data.images
        # Crops come out of the corrupted images, not out of the faces that were kept larger.
        corrupted = dataclasses.replace(images.data, images=pixels, faces=None)
        outputs = predictor.probabilities(corrupted)
        for protocol in protocols:
            truth = images.truths[protocol.name]
            included = truth >= 0
            probabilities = protocol.probabilities(outputs)
            if probabilities is None or not included.any():
                continue
            predicted = probabilities.argmax(axis=1)[included]
            classes = len(protocol.label_set)
            matrix = confusion_matrix(truth[included], predicted, classes=classes)
            points[protocol.name].append(
                RobustnessPoint(name, strength, accuracy(matrix), balanced_accuracy(matrix))
            )
        if progress is not None:
            progress(number + 1, len(conditions))
    return [
        dataclasses.replace(result, robustness=tuple(points[result.protocol]))
        if result.model == predictor.name
        else result
        for result in results
    ]


def _triplets(
    predictors: Sequence[Predictor], data: Dataset, warnings: list[str]
) -> dict[str, TripletScore]:
    found: dict[str, TripletScore] = {}
    if not data.votes.any():
        return found
    soft, _ = ferplus_soft_labels(data.votes)
    for predictor in predictors:
        embedding = predictor.embedding(data)
        if embedding is None:
            continue
        try:
            found[predictor.name] = score_triplets(embedding, soft)
        except InputError as error:
            warnings.append(f"{predictor.name}, embedding: {error}")
    return found


def _comparisons(results: Sequence[ModelEvaluation], images: _Images) -> list[ModelComparison]:
    found = []
    for first, second in itertools.combinations(results, 2):
        if first.protocol != second.protocol:
            continue
        people = images.people
        if people is not None:
            people = people[images.truths[first.protocol] >= 0]
        test = mcnemar(first.correct, second.correct, groups=people)
        found.append(ModelComparison(first.protocol, first.model, second.model, test))
    return found
