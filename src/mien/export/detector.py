"""Export of a trained face detector."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
import torch

from mien.detect import yunet_spec
from mien.errors import ArtefactError
from mien.export.onnx_file import export_network, half_weights, largest_differences
from mien.models.detector import DetectorNet

__all__ = ["export_detector"]

_LARGEST_OF_PROBABILITIES, _LARGEST_OF_CELLS = 0.02, 0.1
"""What float16 may change: of `cls` and `obj`, and of `bbox` and `kps`, which are in cells."""


def export_detector(
    network: DetectorNet, *, path: Path, provenance: dict[str, str], score_threshold: float = 0.6
) -> dict[str, float]:
    """Write a trained detector as an ONNX file with its spec, its weights as float16.

    Args:
        network: The trained network.
        path: Where the file goes; it appears there only if the comparisons hold.
        provenance: Facts for the spec.
        score_threshold: What the file's spec says about when a detection counts, 0 to 1.

    Returns:
        The largest absolute difference from torch by output name, on noise.

    Raises:
        ArtefactError: The float32 graph's outputs differ from torch, or float16 changes a
            probability by more than 0.02 or a place by more than a tenth of a cell.
    """
    generator = torch.Generator().manual_seed(0)
    example = 255 * torch.rand((2, 3, 224, 320), generator=generator)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        export_network(
            network,
            example,
            spec=yunet_spec("mien-face", provenance, score_threshold=score_threshold),
            path=made,
            dynamic={0: "batch", 2: "height", 3: "width"},
        )
        onnx.save_model(half_weights(onnx.load(made)), made)
        differences = largest_differences(network, made, example)
        for name, difference in differences.items():
            probability = name.startswith(("cls", "obj"))
            limit = _LARGEST_OF_PROBABILITIES if probability else _LARGEST_OF_CELLS
            if not difference <= limit:  # what is no number is too large as well
                raise ArtefactError(
                    f"{path}: as float16 output '{name}' differs from torch by {difference:.2g}; "
                    "the file was not written"
                )
        made.replace(path)
    return differences
