"""Export of a trained emotion network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mien.data import Dataset
from mien.emotions import FER2013_7, FERPLUS_8, SIX
from mien.export.onnx_file import export_network
from mien.models.emotion import EMBEDDING_SIZE, EmotionNet
from mien.preprocess import FER_CROP, network_input
from mien.spec import InputSpec, ModelSpec, OutputSpec, SixSpec
from mien.training.emotion import PIXEL_MEAN, PIXEL_STD, EmotionModule

__all__ = ["emotion_spec", "export_emotion"]

_PARITY_FACES = 64


def emotion_spec(provenance: dict[str, str]) -> ModelSpec:
    """Describe an emotion network before calibration: both heads alike, nothing corrected."""
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
        crop=FER_CROP,
        six=SixSpec(
            weights={"logits": 0.5, "fer2013_logits": 0.5},
            bias=(0.0,) * len(SIX),
            temperature=1.0,
            unsure_below=0.0,
        ),
        provenance=provenance,
    )


def export_emotion(
    module: EmotionModule, data: Dataset, *, path: Path, provenance: dict[str, str]
) -> dict[str, float]:
    """Write a trained emotion network as an ONNX file with its spec.

    Args:
        module: The trained module.
        data: Pictures whose first faces serve for the comparison with torch.
        path: Where the file goes.
        provenance: Facts for the spec.

    Returns:
        The largest absolute difference from torch by output name.

    Raises:
        ArtefactError: The file's outputs differ from torch.
    """
    spec = emotion_spec(provenance)
    faces = network_input(data.images[:_PARITY_FACES].astype(np.float32), spec.input)
    network: EmotionNet = module.network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return export_network(
        network, torch.from_numpy(faces), spec=spec, path=path, dynamic={0: "batch"}
    )
