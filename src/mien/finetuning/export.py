"""Writing of a fine-tuned network as a model file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import torch

from mien.data import Dataset, image_sketch, merged_sketches
from mien.export.comparison import compare_with_torch
from mien.export.onnx_file import export_network, to_float16_weights, write_spec
from mien.finetuning.own_images import OwnImages
from mien.inference import EmotionModel
from mien.models import EmotionNet
from mien.preprocess import network_input
from mien.spec import ModelSpec, OutputSpec

__all__ = ["OWN_HEAD", "OWN_LABELS", "write_network"]

OWN_HEAD, OWN_LABELS = "own_logits", "own"
"""The output with a user's own classes, and the name of their label set."""

_PARITY_IMAGES = 64


def write_network(
    network: EmotionNet,
    start: ModelSpec,
    data: Dataset,
    images: OwnImages,
    *,
    path: Path,
    provenance: dict[str, str],
    own_temperature: float,
) -> None:
    """Write a fine-tuned network; what it expects and means is as in its start's spec.

    Args:
        network: The network.
        start: The start's spec.
        data: The dataset whose images it learned.
        images: These images.
        path: The new file.
        provenance: Entries to add to the start's.
        own_temperature: The temperature of the own classes' head.

    Raises:
        ArtefactError: The file's answers differ from torch's.
        OutputError: The file cannot be written.
    """
    outputs = tuple(output for output in start.outputs if output.name != OWN_HEAD)
    label_sets = {}
    if images.own:
        label_sets = {OWN_LABELS: images.names}
        outputs += (
            OutputSpec(
                name=OWN_HEAD,
                labels=OWN_LABELS,
                meaning=f"(B, {len(images.names)}), the user's own classes",
                temperature=own_temperature,
            ),
        )
    learned = data.select((data.split == 0) | (data.split == 1)).images
    sketch = start.provenance.get("training_sketch")
    lacks = {} if sketch is not None else {"training_sketch_lacks": start.name}
    spec = dataclasses.replace(
        start,
        outputs=outputs,
        label_sets=label_sets,
        provenance=dict(start.provenance)
        | {
            "network": json.dumps(dataclasses.asdict(network.options)),
            "fine_tuned_on": data.source,
            "fine_tuned_on_sha256": data.sha256(),
            "training_sketch": merged_sketches([sketch or "", image_sketch(learned)]),
        }
        | lacks
        | provenance,
        figures={},  # those of the start are not this network's
    )
    crops = np.resize(images.crops, (_PARITY_IMAGES, *images.crops.shape[1:]))
    faces = torch.from_numpy(network_input(crops.astype(np.float32), spec.input))
    export_network(network, faces, spec=spec, path=path, dynamic={0: "batch"})
    if spec.provenance.get("precision") == "fp16":
        onnx.save_model(to_float16_weights(onnx.load(path)), path)
        write_spec(path, spec)
    compare_with_torch(network, EmotionModel(path), images.crops).check(str(path))
