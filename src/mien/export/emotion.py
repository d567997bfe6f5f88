"""Export of a trained emotion network, and the calibration of its file."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np
import torch

from mien.data import Dataset, image_sketch, merged_sketches
from mien.emotions import FER2013_7, FERPLUS_8, SIX
from mien.errors import InputError
from mien.export.comparison import Comparison, against_torch
from mien.export.onnx_file import export_network, write_spec
from mien.inference import EmotionModel
from mien.metrics import (
    CalibrationData,
    ferplus_majority,
    ferplus_soft_labels,
    fit_six,
    fit_temperature,
    to_six,
)
from mien.models.emotion import EMBEDDING_SIZE, PIXEL_MEAN, PIXEL_STD, EmotionNet
from mien.preprocess import FER_CROP, network_input
from mien.spec import InputSpec, ModelSpec, OutputSpec, SixSpec

__all__ = ["calibrate_emotion", "emotion_spec", "export_emotion", "export_trained"]

_PARITY_FACES = 64


def emotion_spec(provenance: dict[str, str], *, framing: float = 1.0) -> ModelSpec:
    """Describe an emotion network before calibration: both heads alike, nothing corrected.

    Args:
        provenance: Facts about where it comes from.
        framing: How much larger than in FER-2013's images faces are in its crops.
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
    """Write a trained emotion network as an ONNX file with its spec, not calibrated yet.

    Args:
        network: The trained network.
        data: Its images.
        path: Where the file goes.
        provenance: Facts for the spec; the network's shape, the data and its hash are added, and
            the images of `train` join those of its `training_sketch`.
        framing: How much larger than in FER-2013's images faces are in its crops.

    Returns:
        The largest absolute difference from torch by output name, on some of the images.

    Raises:
        ArtefactError: The file's outputs differ from torch.
    """
    facts = provenance | {
        "network": json.dumps(dataclasses.asdict(network.options)),
        "data": data.source,
        "data_sha256": data.sha256(),
        "training_sketch": merged_sketches(
            [provenance.get("training_sketch", ""), image_sketch(data.part("train").images)]
        ),
    }
    spec = emotion_spec(facts, framing=framing)
    faces = network_input(data.images[:_PARITY_FACES].astype(np.float32), spec.input)
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
) -> Comparison:
    """Export a network, calibrate its file on `val` and compare it with torch there.

    Args:
        network: The trained network.
        data: Its images.
        path: Where the file goes; it appears there when all of that is done.
        provenance: Facts for the spec.
        framing: How much larger than in FER-2013's images faces are in its crops.

    Returns:
        The comparison, which the file's spec carries as figures, too.

    Raises:
        ArtefactError: The file's outputs or labels differ from torch.
        InputError: There is no validation part, or it has no labels.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        export_emotion(network, data, path=made, provenance=provenance, framing=framing)
        spec = calibrate_emotion(made, data)
        compared = against_torch(network, EmotionModel(made), data.part("val").images)
        compared.check(str(path))
        figures = compared.figures(f"{data.source}, val, fp32")
        write_spec(made, dataclasses.replace(spec, figures=figures))
        made.replace(path)
    return compared


def calibrate_emotion(
    path: str | Path, data: Dataset, *, split: str = "val", accuracy: float = 0.95
) -> ModelSpec:
    """Fit a model file's probabilities on the validation part, and write that into the file.

    That is the six-way output, and one temperature for each head under its own labels.

    Args:
        path: The ONNX file; only its metadata change.
        data: Images with both labelings; `train` gives the class priors, `split` everything
            else, the other parts are not looked at.
        split: The part that temperature, priors' share and threshold are fitted on.
        accuracy: What the predictions that do not count as unsure shall reach.

    Returns:
        The new spec.

    Raises:
        ArtefactError: The file is no emotion model.
        InputError: The part that it is fitted on is empty or has no labels.
    """
    path = Path(path)
    model = EmotionModel(path)
    train, val = data.part("train"), data.part(split)
    if not len(val):
        raise InputError(f"{data.source}: no image in {split}")
    outputs = model.run(val.images)
    majority, decided = ferplus_majority(val.votes)
    ferplus = np.where(decided, majority, -1)
    soft, _ = ferplus_soft_labels(train.votes)
    hard = train.labels[train.labels >= 0]
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
                "fer2013": to_six(val.labels, FER2013_7),
            },
            confident_in="ferplus",
            # On faces from elsewhere a head that copies FER+'s votes calls what is clearly angry
            # or frightened neutral too often.
            leaning="fer2013_logits",
        ),
        accuracy=accuracy,
    )
    calibrated_on = f"{data.source}, {split}, {data.sha256()}"
    provenance = dict(model.spec.provenance) | {"calibrated_on": calibrated_on}
    temperatures = {
        "logits": fit_temperature(outputs["logits"], ferplus),
        "fer2013_logits": fit_temperature(outputs["fer2013_logits"], val.labels),
    }
    heads = tuple(
        dataclasses.replace(output, temperature=temperatures.get(output.name, 1.0))
        for output in model.spec.outputs
    )
    spec = dataclasses.replace(model.spec, outputs=heads, six=six, provenance=provenance)
    write_spec(path, spec)
    return spec
