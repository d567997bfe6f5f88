"""Warnings about an evaluation: why figures may be too good, or say little."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien._wording import pluralize
from mien.data import Dataset, estimated_overlap, measure_framing, shared_people
from mien.emotions import FER2013_7
from mien.errors import MienError
from mien.evaluation.predictors import Predictor
from mien.metrics import PROTOCOLS, Protocol

__all__ = [
    "always_unsure",
    "calibrated_on_images",
    "calibration_warnings",
    "framing_warnings",
    "missing_classes",
    "own_classes_left_out",
    "people_warnings",
    "trained_on_images",
]

_FEW_PEOPLE = 10
"""Of fewer people resamples hardly vary."""


def framing_warnings(data: Dataset) -> list[str]:
    """Warn of images that are not framed as a network takes faces, by a sample of them."""
    return measure_framing(data).warnings


def own_classes_left_out(data: Dataset) -> list[str]:
    """Warn of images whose class no protocol has."""
    own = data.label_names[len(FER2013_7) :]
    count = int((data.labels >= len(FER2013_7)).sum())
    if not count:
        return []
    return [
        f"{pluralize(count, 'image')} of {', '.join(own)} left out: no protocol has the class; "
        "what a head of own classes answers to them is measured by `mien fine-tune`"
    ]


def missing_classes(protocol: Protocol, truth: NDArray[np.int64], subset: str) -> list[str]:
    """Warn of classes that no image shows.

    Args:
        protocol: The protocol whose classes they are.
        truth: True labels `(N,)`, -1 where there is none.
        subset: The name of the subset that the images are from.
    """
    missing = [label for i, label in enumerate(protocol.label_set.labels) if not (truth == i).any()]
    if not missing:
        return []
    return [f"{protocol.name}: {subset} has no image of {', '.join(missing)}"]


def people_warnings(data: Dataset, subset: str) -> list[str]:
    """Warn of people who are in train, too, and of intervals from few people.

    Args:
        data: The dataset.
        subset: The subset of it that is evaluated.
    """
    found = []
    shared = shared_people(data, subset, "train") if subset != "train" else None
    if shared:
        shows = pluralize(shared, "image shows", "images show")
        found.append(
            f"{data.source}: {shows} people in {subset} who are in train, too: figures of a model "
            "that learned from train are too good, the leak-free ones as well"
        )
    people = data.subset(subset).people
    count = 0 if people is None else len(np.unique(people))
    if 0 < count < _FEW_PEOPLE:
        whom = pluralize(count, "person", "people")
        found.append(f"{data.source}: {subset} shows {whom}: intervals from so few are too narrow")
    return found


def calibrated_on_images(predictor: Predictor, data: Dataset, subset: str) -> list[str]:
    """Warn if a model's six-way output was calibrated on images that it is evaluated on.

    Args:
        predictor: The model.
        data: The dataset.
        subset: The subset of it that is evaluated.
    """
    if predictor.members:
        return [
            line for each in predictor.members for line in calibrated_on_images(each, data, subset)
        ]
    if predictor.model is None:
        return []
    provenance = predictor.model.spec.provenance
    try:
        if "calibration_sketch" in provenance:
            images = data.subset(subset).images
            share = estimated_overlap(images, provenance["calibration_sketch"])
        else:
            share = float(_is_named(provenance.get("calibrated_on", ""), data, subset))
    except MienError as error:
        return [f"{predictor.name}: {error}"]
    if not share > 0:  # NaN: nothing is known
        return []
    return [
        f"{predictor.name}: its six-way output was calibrated on about {share:.0%} of these "
        "images, so its figures on them are too good"
    ]


def _is_named(calibrated_on: str, data: Dataset, subset: str) -> bool:
    """Return whether a dataset is among those that a file without a sketch was calibrated on.

    Args:
        calibrated_on: Its names and hashes; the first is followed by the subset that was used, of
            the others all images were.
        data: The dataset, as it is divided.
        subset: The subset of it that is evaluated.
    """
    first, *others = calibrated_on.split("; ")
    digest = data.sha256()
    hashes = [each.rpartition(", ")[2] for each in others]
    return first.endswith(f", {subset}, {digest}") or digest in hashes


def always_unsure(predictor: Predictor) -> list[str]:
    """Warn if a model's threshold is so high that every prediction is unsure."""
    if predictor.model is None or predictor.model.unsure_below < 1:
        return []
    return [
        f"{predictor.name}: every prediction is unsure, because at its calibration not even the "
        "predictions of highest confidence reached the accuracy asked for. Run `mien calibrate` "
        "on more images or with a lower accuracy"
    ]


def calibration_warnings(predictor: Predictor, data: Dataset, subset: str) -> list[str]:
    """Warn of what was missing in a calibration.

    Args:
        predictor: The calibrated model.
        data: The images that it was calibrated on.
        subset: The name of their subset.
    """
    warnings = framing_warnings(data)
    for protocol in (PROTOCOLS["six-ferplus"], PROTOCOLS["six-fer2013"]):
        truth = protocol.labels(data.fer2013_labels, data.votes)
        if (truth >= 0).any():
            warnings += missing_classes(protocol, truth, subset)
    return warnings + always_unsure(predictor)


def trained_on_images(predictor: Predictor, data: Dataset) -> list[str]:
    """Warn of images that a model was trained on, by the sketch in its spec.

    Args:
        predictor: The model.
        data: The images that it is evaluated on.
    """
    if predictor.members:
        return [line for member in predictor.members for line in trained_on_images(member, data)]
    if predictor.model is None:
        return [f"{predictor.name}: a table does not say what its model was trained on"]
    provenance = predictor.model.spec.provenance
    if "training_sketch" not in provenance:
        return [f"{predictor.name}: its spec does not say what it was trained on"]
    try:
        share = estimated_overlap(data.images, provenance["training_sketch"])
    except MienError as error:
        return [f"{predictor.name}: {error}"]
    warnings = []
    if share > 0:
        warnings.append(
            f"{predictor.name}: about {share:.0%} of these images were used to train it, the "
            "model it began with or its teachers; the leak-free figures leave out only those that "
            "are in this dataset's train"
        )
    if lacks := provenance.get("training_sketch_lacks"):
        warnings.append(
            f"{predictor.name}: it was trained from {lacks}, whose training images are unknown: "
            "these images may be among them"
        )
    return warnings
