"""Export of a trained face detector."""

from __future__ import annotations

from pathlib import Path

import torch

from mien.detect import yunet_spec
from mien.export.onnx_file import export_network
from mien.models.detector import DetectorNet

__all__ = ["export_detector"]


def export_detector(
    network: DetectorNet, *, path: Path, provenance: dict[str, str], score_threshold: float = 0.6
) -> dict[str, float]:
    """Write a trained detector as an ONNX file with its spec.

    Args:
        network: The trained network.
        path: Where the file goes.
        provenance: Facts for the spec.
        score_threshold: What the file's spec says about when a detection counts, 0 to 1.

    Returns:
        The largest absolute difference from torch by output name.

    Raises:
        ArtefactError: The file's outputs differ from torch.
    """
    generator = torch.Generator().manual_seed(0)
    example = 255 * torch.rand((2, 3, 224, 320), generator=generator)
    return export_network(
        network,
        example,
        spec=yunet_spec("mien-face", provenance, score_threshold=score_threshold),
        path=path,
        dynamic={0: "batch", 2: "height", 3: "width"},
    )
