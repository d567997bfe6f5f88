"""Export of a trained emotion network, and the calibration of its file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mien._checking import check_path
from mien._output import whole_file
from mien.data import Dataset, image_sketch, merged_sketches
from mien.emotions import FER2013_7, FERPLUS_8, SIX, ferplus_majority, ferplus_soft_labels, to_six
from mien.errors import InputError
from mien.export.comparison import ExportComparison, compare_with_torch
from mien.export.onnx_file import export_network, write_spec
from mien.inference import EmotionModel
from mien.metrics import (
    EQUAL_WITHIN,
    SURE_ACCURACY,
    CalibrationData,
    LabelledOutputs,
    fit_baseline,
    fit_six,
    fit_temperature,
)
from mien.models.emotion import EMBEDDING_SIZE, PIXEL_MEAN, PIXEL_STD, EmotionNet
from mien.preprocess import FER_CROP, network_input
from mien.spec import CropSpec, InputSpec, ModelSpec, OutputSpec, SixSpec

__all__ = ["HEAD_LOSS", "calibrate_emotion", "emotion_spec", "export_emotion", "export_trained"]

HEAD_LOSS = 0.005
"""What a head may lose of its accuracy on its own labels for the sake of another framing."""

_PARITY_IMAGES = 64
_BATCH = 256


def emotion_spec(provenance: dict[str, str], *, framing: float = 1.0) -> ModelSpec:
    """Return the spec of a network that is not calibrated: both heads have the same weight.

    Args:
        provenance: Entries of the spec's provenance.
        framing: How much larger faces are in its crops than in the images of FER-2013.
    """
    return ModelSpec(
        task="emotion",
        name="mien-emotion",
        input=InputSpec(
            name="faces", colour="grey", height=48, width=48, mean=(PIXEL_MEAN,), std=(PIXEL_STD,)
        ),
        outputs=(
            OutputSpec(name="logits", labels=FERPLUS_8.name, meaning="(B, 8), FER+ votes"),
            OutputSpec(name="fer2013_logits", labels=FER2013_7.name, meaning="(B, 7), FER-2013"),
            OutputSpec(name="embedding", meaning=f"(B, {EMBEDDING_SIZE}), unit length"),
            OutputSpec(
                name="activation",
                labels=FERPLUS_8.name,
                meaning="(B, 8, h, w), class activation maps of logits",
            ),
        ),
        crop=FER_CROP.zoomed(framing),
        six=SixSpec(
            weights={"logits": 0.5, "fer2013_logits": 0.5},
            bias=(0.0,) * len(SIX),
            temperature=1.0,
            unsure_below=0.0,
        ),
        provenance=provenance,
    )


def export_emotion(
    network: EmotionNet,
    data: Dataset,
    *,
    path: str | Path,
    provenance: dict[str, str],
    framing: float = 1.0,
) -> dict[str, float]:
    """Write a trained emotion network as an ONNX file with its spec, without calibration.

    Args:
        network: The trained network.
        data: The dataset that it was trained on.
        path: The new file.
        provenance: Entries of the spec's provenance; the network's options, the data and its hash
            are added, and the images of `train` are merged into its `training_sketch`.
        framing: How much larger faces are in its crops than in the images of FER-2013.

    Returns:
        The largest absolute difference from torch by output name, on up to 64 images.

    Raises:
        ArtefactError: The file's outputs differ from torch.
    """
    entries = provenance | {
        "network": json.dumps(dataclasses.asdict(network.options)),
        "data": data.source,
        "data_sha256": data.sha256(),
        "training_sketch": merged_sketches(
            [provenance.get("training_sketch", ""), image_sketch(data.subset("train").images)]
        ),
    }
    spec = emotion_spec(entries, framing=framing)
    faces = network_input(data.images[:_PARITY_IMAGES].astype(np.float32), spec.input)
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return export_network(
        network,
        torch.from_numpy(faces),
        spec=spec,
        path=check_path("path", path),
        dynamic={0: "batch"},
    )


def export_trained(
    network: EmotionNet,
    data: Dataset,
    *,
    path: str | Path,
    provenance: dict[str, str],
    framing: float = 1.0,
) -> ExportComparison:
    """Export a network, calibrate the file on `val`, and compare it with torch on `val`.

    Args:
        network: The trained network.
        data: The dataset that it was trained on.
        path: The new file; it is written only if all of this succeeds.
        provenance: Entries of the spec's provenance.
        framing: How much larger faces are in its crops than in the images of FER-2013.

    Returns:
        The comparison; the file's spec has it among its figures.

    Raises:
        ArtefactError: The file's outputs or labels differ from torch.
        InputError: The validation subset is empty or has no labels.
    """
    path = check_path("path", path)
    with whole_file(path) as made:
        export_emotion(network, data, path=made, provenance=provenance, framing=framing)
        spec = calibrate_emotion(made, data)
        compared = compare_with_torch(network, EmotionModel(made), data.subset("val").images)
        compared.check(str(path))
        figures = compared.figures(f"{data.source}, val, fp32")
        write_spec(made, dataclasses.replace(spec, figures=figures))
    return compared


def calibrate_emotion(
    path: str | Path,
    data: Dataset,
    *,
    subset: str = "val",
    accuracy: float = SURE_ACCURACY,
    foreign: Sequence[Dataset] = (),
    framings: Sequence[float] = (),
) -> ModelSpec:
    """Calibrate a model file's probabilities and write the result into its metadata.

    If that changes the file's answers, the figures in it are removed: they were of other answers.

    Fitted are the six-way output, what a person's baseline is measured from (`fit_baseline`, by
    FER+'s majority), one temperature for each head on its own labels, and, if
    framings are given, how tightly faces are cropped: of those at which no head loses more than
    `HEAD_LOSS` of its accuracy, that of the best `SixFit.score`, and among those that count as
    equal the one nearest to the file's own.

    Args:
        path: The ONNX file; only its metadata change.
        data: Images with FER+ votes and FER-2013 labels. The class priors come from `train`,
            everything else from `subset`; other images are not used.
        subset: The subset that weights, temperatures and threshold are fitted on.
        accuracy: Accuracy that the predictions above the threshold of `unsure` should reach.
        foreign: Datasets of other people that the six-way output is chosen by, too, with all their
            images; nothing may be reported as unseen on them afterwards. Each counts as much as any
            other; the same one twice is refused.
        framings: The framings to choose from beside the file's own, 1 for that of FER-2013; above,
            faces are larger in the crop.

    Returns:
        The new spec.

    Raises:
        ArtefactError: The file is no emotion model.
        InputError: The subset is empty or has no labels, or a foreign dataset has none or is given
            twice.
    """
    path = check_path("path", path)
    model = EmotionModel(path)
    train, val = data.subset("train"), data.subset(subset)
    if not len(val):
        raise InputError(f"{data.source}: no image in {subset}")
    named = _named(foreign)
    own_accuracy = _head_accuracy(model, model.crop, val)
    fits = [
        (crop, fit_six(_calibration_data(model, crop, train, val, named), accuracy=accuracy))
        for crop in (model.crop, *(FER_CROP.zoomed(framing) for framing in framings))
        if np.all(_head_accuracy(model, crop, val) >= own_accuracy - HEAD_LOSS)
    ]
    best = max(fit.score for _, fit in fits)
    own = np.asarray(model.crop.landmarks_xy)
    crop, six = min(
        ((crop, fit.six) for crop, fit in fits if fit.score >= best - EQUAL_WITHIN),
        key=lambda each: float(np.abs(np.asarray(each[0].landmarks_xy) - own).sum()),
    )
    logits, labels = _head_logits(model, crop, val), _head_labels(val)
    temperatures = {name: fit_temperature(logits[name], labels[name]) for name in logits}
    answers = six.probabilities(logits, model.spec.head_labels)
    six = dataclasses.replace(
        six, baseline=fit_baseline(answers, to_six(labels["logits"], FERPLUS_8))
    )
    used = [f"{data.source}, {subset}, {data.sha256()}"]
    used += [f"{each.source}, {each.sha256()}" for each in foreign]
    entries = {
        "calibrated_on": "; ".join(used),
        "calibration_sketch": merged_sketches(image_sketch(e.images) for e in (val, *foreign)),
    }
    fitted = dataclasses.replace(
        model.spec,
        crop=crop,
        six=six,
        outputs=tuple(
            dataclasses.replace(output, temperature=temperatures.get(output.name, 1.0))
            for output in model.spec.outputs
        ),
    )
    spec = dataclasses.replace(
        fitted,
        provenance=dict(model.spec.provenance) | entries,
        # Those of a file that answers otherwise are not this one's.
        figures=model.spec.figures if fitted == model.spec else {},
    )
    write_spec(path, spec)
    return spec


def _named(foreign: Sequence[Dataset]) -> dict[str, Dataset]:
    """Return datasets by their names, which become different ones."""
    hashes = [each.sha256() for each in foreign]
    for number, (each, digest) in enumerate(zip(foreign, hashes, strict=True)):
        if digest in hashes[:number]:
            first = foreign[hashes.index(digest)].source
            raise InputError(f"foreign: {each.source} has the same images as {first}. Give it once")
    sources = [each.source for each in foreign]
    return {
        source if sources.count(source) == 1 else f"{source} ({number + 1})": each
        for number, (source, each) in enumerate(zip(sources, foreign, strict=True))
    }


def _calibration_data(
    model: EmotionModel,
    crop: CropSpec,
    train: Dataset,
    val: Dataset,
    foreign: Mapping[str, Dataset],
) -> CalibrationData:
    soft, _ = ferplus_soft_labels(train.votes)
    hard = train.fer2013_labels
    hard = hard[hard >= 0]
    at_home, labels = _head_logits(model, crop, val), _head_labels(val)
    return CalibrationData(
        head_labels=model.spec.head_labels,
        head_priors={
            "logits": soft.sum(axis=0, dtype=np.float64) / max(soft.sum(), 1),
            "fer2013_logits": np.bincount(hard, minlength=len(FER2013_7)) / max(len(hard), 1),
        },
        home={
            "ferplus": LabelledOutputs(
                head_logits=at_home, labels=to_six(labels["logits"], FERPLUS_8)
            ),
            "fer2013": LabelledOutputs(
                head_logits=at_home, labels=to_six(labels["fer2013_logits"], FER2013_7)
            ),
        },
        foreign={
            name: LabelledOutputs(
                head_logits=_head_logits(model, crop, each),
                labels=to_six(each.fer2013_labels, FER2013_7),
            )
            for name, each in foreign.items()
        },
        confident_in="ferplus",
        # A head that imitates FER+'s votes calls clearly angry or frightened faces from other
        # sources neutral too often.
        leaning="fer2013_logits",
    )


def _head_logits(
    model: EmotionModel, crop: CropSpec, data: Dataset
) -> dict[str, NDArray[np.float32]]:
    crops = data.crops(crop)
    # All images at once would take gigabytes for a wide network.
    parts = [
        model.run(crops[start : start + _BATCH]) for start in range(0, max(1, len(crops)), _BATCH)
    ]
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in ("logits", "fer2013_logits")
    }


def _head_labels(data: Dataset) -> dict[str, NDArray[np.int64]]:
    """Return the labels of each head, `(N,)`; -1 where there is none."""
    majority, decided = ferplus_majority(data.votes)
    return {
        "logits": np.where(decided, majority, -1).astype(np.int64),
        "fer2013_logits": data.fer2013_labels.astype(np.int64),
    }


def _head_accuracy(model: EmotionModel, crop: CropSpec, data: Dataset) -> NDArray[np.float64]:
    """Return the accuracy of each head on its own labels, 0 to 1; 0 where there are none."""
    logits = _head_logits(model, crop, data)
    right = [
        (logits[name].argmax(axis=1) == labels)[labels >= 0]
        for name, labels in _head_labels(data).items()
    ]
    return np.array([each.mean() if len(each) else 0.0 for each in right])
