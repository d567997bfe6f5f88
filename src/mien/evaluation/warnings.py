"""What makes figures say less than they seem to, as lines for a person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.data import Dataset, estimated_overlap
from mien.errors import MienError
from mien.evaluation.predictors import Predictor
from mien.metrics import PROTOCOLS, Protocol

__all__ = [
    "calibrated_here",
    "calibration_caveats",
    "empty_classes",
    "never_sure",
    "shared_images",
]


def empty_classes(protocol: Protocol, truth: NDArray[np.int64], split: str) -> list[str]:
    """Warn of classes that no image shows; `truth` is `(N,)`, -1 where there is no label."""
    missing = [label for i, label in enumerate(protocol.label_set.labels) if not (truth == i).any()]
    if not missing:
        return []
    return [f"{protocol.name}: {split} has no image of {', '.join(missing)}"]


def calibrated_here(predictor: Predictor, data: Dataset, split: str) -> list[str]:
    """Warn where a model's six-way output was fitted on the very part that is judged."""
    if predictor.members:
        return [line for each in predictor.members for line in calibrated_here(each, data, split)]
    if predictor.model is None:
        return []
    # Whatever the data are called here: what counts is the part, and the hash of what it holds.
    fitted = predictor.model.spec.provenance.get("calibrated_on", "").rsplit(", ", 2)[1:]
    if fitted != [split, data.sha256()]:
        return []
    return [
        f"{predictor.name}: its six-way output was calibrated on these very images, so that its "
        "figures on them are flattered"
    ]


def never_sure(predictor: Predictor) -> list[str]:
    """Warn where a model's threshold is so high that every answer counts as unsure."""
    if predictor.model is None or predictor.model.unsure_below < 1:
        return []
    return [
        f"{predictor.name}: every answer will be called unsure: where it was calibrated, not even "
        "its surest ones were right often enough. `mien calibrate` on more images, or with a "
        "lower --accuracy, gives another threshold"
    ]


def calibration_caveats(predictor: Predictor, part: Dataset, split: str) -> list[str]:
    """Warn of what makes a calibration less than it seems.

    Args:
        predictor: The calibrated model.
        part: What it was calibrated on.
        split: What that part is called.
    """
    warnings = []
    for protocol in (PROTOCOLS["six-ferplus"], PROTOCOLS["six-fer2013"]):
        truth = protocol.labels(part.labels, part.votes)
        if (truth >= 0).any():
            warnings += empty_classes(protocol, truth, split)
    return warnings + never_sure(predictor)


def shared_images(predictor: Predictor, part: Dataset) -> list[str]:
    """Warn of images that a model was trained on, by the sketch in its spec."""
    if predictor.members:
        return [line for member in predictor.members for line in shared_images(member, part)]
    if predictor.model is None:
        return [f"{predictor.name}: a table does not say what its model was trained on"]
    provenance = predictor.model.spec.provenance
    if "training_sketch" not in provenance:
        return [f"{predictor.name}: its spec does not say what it was trained on"]
    try:
        share = estimated_overlap(part.images, provenance["training_sketch"])
    except MienError as error:
        return [f"{predictor.name}: {error}"]
    warnings = []
    if share > 0:
        warnings.append(
            f"{predictor.name}: about {share:.0%} of these images were among those it was "
            "trained on, or its start or its teachers; the leak-free figures leave out only those "
            "that are in this dataset's train"
        )
    if lacks := provenance.get("training_sketch_lacks"):
        warnings.append(
            f"{predictor.name}: nothing says which images {lacks}, which it comes from, was "
            "trained on: these may be among them"
        )
    return warnings
