"""Export of a trained emotion network, and the calibration of its file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import torch

from mien._output import whole_file
from mien.data import Dataset, image_sketch, merged_sketches
from mien.emotions import FER2013_7, FERPLUS_8, SIX, ferplus_majority, ferplus_soft_labels, to_six
from mien.errors import InputError
from mien.export.comparison import ExportComparison, compare_with_torch
from mien.export.onnx_file import export_network, write_spec
from mien.inference import EmotionModel
from mien.metrics import (
    CalibrationData,
    fit_six,
    fit_temperature,
)
from mien.models.emotion import EMBEDDING_SIZE, PIXEL_MEAN, PIXEL_STD, EmotionNet
from mien.preprocess import FER_CROP, network_input
from mien.spec import InputSpec, ModelSpec, OutputSpec, SixSpec

__all__ = ["calibrate_emotion", "emotion_spec", "export_emotion", "export_trained"]

_PARITY_IMAGES = 64


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
        network, torch.from_numpy(faces), spec=spec, path=Path(path), dynamic={0: "batch"}
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
    path = Path(path)
    with whole_file(path) as made:
        export_emotion(network, data, path=made, provenance=provenance, framing=framing)
        spec = calibrate_emotion(made, data)
        compared = compare_with_torch(network, EmotionModel(made), data.subset("val").images)
        compared.check(str(path))
        figures = compared.figures(f"{data.source}, val, fp32")
        write_spec(made, dataclasses.replace(spec, figures=figures))
    return compared


def calibrate_emotion(
    path: str | Path, data: Dataset, *, subset: str = "val", accuracy: float = 0.95
) -> ModelSpec:
    """Calibrate a model file's probabilities and write the result into its metadata.

    Fitted are the six-way output and one temperature for each head on its own labels.

    Args:
        path: The ONNX file; only its metadata change.
        data: Images with FER+ votes and FER-2013 labels. The class priors come from `train`,
            everything else from `subset`; other images are not used.
        subset: The subset that weights, temperatures and threshold are fitted on.
        accuracy: Accuracy that the predictions above the threshold of `unsure` should reach.

    Returns:
        The new spec.

    Raises:
        ArtefactError: The file is no emotion model.
        InputError: The subset is empty or has no labels.
    """
    path = Path(path)
    model = EmotionModel(path)
    train, val = data.subset("train"), data.subset(subset)
    if not len(val):
        raise InputError(f"{data.source}: no image in {subset}")
    outputs = model.run(val.crops(model.crop))
    majority, decided = ferplus_majority(val.votes)
    ferplus = np.where(decided, majority, -1)
    soft, _ = ferplus_soft_labels(train.votes)
    hard = train.fer2013_labels[train.fer2013_labels >= 0]
    six = fit_six(
        CalibrationData(
            head_logits={name: outputs[name] for name in ("logits", "fer2013_logits")},
            head_labels=model.spec.head_labels,
            head_priors={
                "logits": soft.sum(axis=0, dtype=np.float64) / max(soft.sum(), 1),
                "fer2013_logits": np.bincount(hard, minlength=len(FER2013_7)) / max(len(hard), 1),
            },
            six_labels={
                "ferplus": to_six(ferplus, FERPLUS_8),
                "fer2013": to_six(val.fer2013_labels, FER2013_7),
            },
            confident_in="ferplus",
            # A head that imitates FER+'s votes calls clearly angry or frightened faces from other
            # sources neutral too often.
            leaning="fer2013_logits",
        ),
        accuracy=accuracy,
    )
    calibrated_on = f"{data.source}, {subset}, {data.sha256()}"
    provenance = dict(model.spec.provenance) | {"calibrated_on": calibrated_on}
    temperatures = {
        "logits": fit_temperature(outputs["logits"], ferplus),
        "fer2013_logits": fit_temperature(outputs["fer2013_logits"], val.fer2013_labels),
    }
    heads = tuple(
        dataclasses.replace(output, temperature=temperatures.get(output.name, 1.0))
        for output in model.spec.outputs
    )
    spec = dataclasses.replace(model.spec, outputs=heads, six=six, provenance=provenance)
    write_spec(path, spec)
    return spec
