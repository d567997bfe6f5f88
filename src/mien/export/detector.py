"""Export of a trained face detector."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch

from mien._output import whole_file
from mien.detect import yunet_spec
from mien.errors import ArtefactError
from mien.export.onnx_file import export_network, max_differences, to_float16_weights
from mien.models.detector import PIXEL_MEAN, PIXEL_STD, DetectorNet

__all__ = ["export_detector"]

_MAX_PROBABILITY_DIFFERENCE, _MAX_CELL_DIFFERENCE = 0.02, 0.1
"""How much float16 weights may change `cls` and `obj`, and `bbox` and `kps` (in cells)."""


def export_detector(
    network: DetectorNet, *, path: Path, provenance: dict[str, str], score_threshold: float = 0.6
) -> dict[str, float]:
    """Write a trained detector as an ONNX file with its spec, its weights as float16.

    Args:
        network: The trained network.
        path: The new file; it is written only if the differences are within their limits.
        provenance: Entries of the spec's provenance.
        score_threshold: The spec's detection threshold, 0 to 1.

    Returns:
        The largest absolute difference from torch by output name, on a noise image.

    Raises:
        ArtefactError: The float32 graph's outputs differ from torch, or float16 changes a
            probability by more than 0.02 or a coordinate by more than a tenth of a cell.
        OutputError: The file cannot be written.
    """
    generator = torch.Generator().manual_seed(0)
    example = (255 * torch.rand((2, 3, 224, 320), generator=generator) - PIXEL_MEAN) / PIXEL_STD
    spec = yunet_spec(
        "mien-face",
        provenance,
        score_threshold=score_threshold,
        mean=PIXEL_MEAN,
        std=PIXEL_STD,
    )
    with whole_file(path) as made:
        export_network(
            network,
            example,
            spec=spec,
            path=made,
            dynamic={0: "batch", 2: "height", 3: "width"},
        )
        onnx.save_model(to_float16_weights(onnx.load(made)), made)
        differences = max_differences(network, made, example)
        for name, difference in differences.items():
            probability = name.startswith(("cls", "obj"))
            limit = _MAX_PROBABILITY_DIFFERENCE if probability else _MAX_CELL_DIFFERENCE
            if not difference <= limit:  # NaN is too large as well
                raise ArtefactError(
                    f"{path}: with float16 weights output '{name}' differs from torch by "
                    f"{difference:.2g}, more than {limit}; the file was not written"
                )
    return differences
