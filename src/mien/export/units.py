"""Export of a trained network of expression units."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from mien._output import whole_file
from mien.errors import ArtefactError
from mien.export.onnx_file import export_network, max_differences, to_float16_weights
from mien.models.emotion import FACE_PX, PIXEL_MEAN, PIXEL_STD
from mien.models.units import UnitNet
from mien.preprocess import FER_CROP, network_input
from mien.spec import POSE_OUTPUT, UNITS_OUTPUT, InputSpec, ModelSpec, OutputSpec
from mien.units import POSE_FIELDS, UNITS

__all__ = ["export_units", "units_spec"]

_MAX_DIFFERENCE = {UNITS_OUTPUT: 0.01, POSE_OUTPUT: 0.5}
"""How much float16 weights may change a coefficient, and an angle in degrees."""

_PARITY_IMAGES = 64


def units_spec(provenance: dict[str, str]) -> ModelSpec:
    """Return the spec of a network of units.

    Args:
        provenance: Entries of the spec's provenance.
    """
    return ModelSpec(
        task="units",
        name="mien-units",
        input=InputSpec(
            name="faces",
            colour="grey",
            height=FACE_PX,
            width=FACE_PX,
            mean=(PIXEL_MEAN,),
            std=(PIXEL_STD,),
        ),
        outputs=(
            OutputSpec(
                name=UNITS_OUTPUT, labels="arkit-51", meaning="(B, 51), coefficients of 0 to 1"
            ),
            OutputSpec(
                name=POSE_OUTPUT,
                labels="head-pose",
                meaning="(B, 3), degrees; the roll is that within the crop",
            ),
        ),
        crop=FER_CROP,
        label_sets={"arkit-51": UNITS, "head-pose": POSE_FIELDS},
        provenance=provenance,
    )


def export_units(
    network: UnitNet, faces: NDArray[np.uint8], *, path: Path, provenance: dict[str, str]
) -> dict[str, float]:
    """Write a trained network of units as an ONNX file with its spec, its weights as float16.

    Args:
        network: The trained network.
        faces: Face crops `(N, 48, 48)` luma, N of 2 or more, to compare the file with torch on.
        path: The new file; it is written only if the differences are within their limits.
        provenance: Entries of the spec's provenance; the network's options are added.

    Returns:
        The largest absolute difference from torch by output name, on up to 64 faces.

    Raises:
        ArtefactError: The float32 graph's outputs differ from torch, or float16 changes a
            coefficient by more than 0.01 or an angle by more than half a degree.
        OutputError: The file cannot be written.
    """
    options = json.dumps(dataclasses.asdict(network.options))
    spec = units_spec(provenance | {"network": options})
    crops = faces[:_PARITY_IMAGES].astype(np.float32)
    example = torch.from_numpy(network_input(crops, spec.input))
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    with whole_file(path) as made:
        export_network(network, example, spec=spec, path=made, dynamic={0: "batch"})
        onnx.save_model(to_float16_weights(onnx.load(made)), made)
        differences = max_differences(network, made, example)
        for name, difference in differences.items():
            if not difference <= _MAX_DIFFERENCE[name]:  # NaN is too large as well
                raise ArtefactError(
                    f"{path}: with float16 weights output '{name}' differs from torch by "
                    f"{difference:.2g}, more than {_MAX_DIFFERENCE[name]}; the file was not written"
                )
    return differences
