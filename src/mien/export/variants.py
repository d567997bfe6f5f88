"""Smaller and faster forms of an exported emotion network, each held to torch in float32."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from mien.data import Dataset
from mien.errors import ArtefactError, InputError, OutputError
from mien.export.comparison import Comparison, against_torch
from mien.export.onnx_file import half_weights, write_spec
from mien.inference import EmotionModel
from mien.models.onnx_weights import restored_network
from mien.preprocess import network_input
from mien.runtime import quantization

__all__ = ["Precision", "export_variant"]

Precision = Literal["fp16", "int8"]

_CALIBRATION_IMAGES, _CALIBRATION_BATCH = 1024, 64


def export_variant(
    path: str | Path,
    data: Dataset,
    *,
    precision: Precision,
    out: str | Path,
    licence: str | None = None,
    overwrite: bool = False,
) -> Comparison:
    """Write an emotion network in another precision.

    `fp16` keeps the weights as float16, half the size; they become float32 when the file is opened,
    so that the speed stays. `int8` computes the convolutions in 8 bits (static quantisation with
    QDQ nodes, ranges from training images, weights per channel). Both use standard operators.

    Args:
        path: The float32 file of a training.
        data: Its images: `train` gives the ranges for `int8`, `val` the comparison.
        precision: Which variant.
        out: Where it goes; it appears there only if the comparison holds.
        licence: Under which its weights may be used, for the file's spec.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The comparison with torch, which the file's spec carries as figures, too.

    Raises:
        ArtefactError: More than `MOST_FLIPPED` of the labels are others, or the file is no emotion
            model of a training, or is such a variant itself.
        InputError: `val` is empty.
        OutputError: `out` exists already.
    """
    path, out = Path(path), Path(out)
    if out.exists() and not overwrite:
        raise OutputError(f"{out}: exists already. Choose another name or pass --overwrite")
    if not len(data.subset("val")):
        raise InputError(f"{data.source}: no image in val to compare on")
    whole = EmotionModel(path)
    facts = dict(whole.spec.provenance)
    if "precision" in facts:
        raise ArtefactError(
            f"{path}: is {facts['precision']} already. Give the float32 file of the training"
        )
    network = restored_network(path, facts)
    facts |= {"precision": precision} | ({} if licence is None else {"licence": licence})
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        made = Path(folder) / out.name
        if precision == "fp16":
            onnx.save_model(half_weights(onnx.load(path)), made)
        else:
            _quantise(path, made, whole, data.subset("train").images)
        write_spec(made, whole.spec)
        compared = against_torch(network, EmotionModel(made), data.subset("val").images)
        compared.check(f"{out}: {precision}")
        figures = dict(whole.spec.figures) | compared.figures(f"{data.source}, val, {precision}")
        write_spec(made, dataclasses.replace(whole.spec, provenance=facts, figures=figures))
        made.replace(out)
    return compared


def _quantise(path: Path, made: Path, model: EmotionModel, images: NDArray[np.uint8]) -> None:
    quantizer = quantization()
    quantizer.quantize_static(
        path,
        made,
        _Ranges(model, images),
        quant_format=quantizer.QuantFormat.QDQ,
        activation_type=quantizer.QuantType.QUInt8,
        weight_type=quantizer.QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["Conv"],
    )


class _Ranges:
    """Gives the quantiser training images in batches, spread evenly over the data."""

    def __init__(self, model: EmotionModel, images: NDArray[np.uint8]) -> None:
        step = max(1, len(images) // _CALIBRATION_IMAGES)
        chosen = images[::step][:_CALIBRATION_IMAGES].astype(np.float32)
        batches = network_input(chosen, model.spec.input)
        self._batches: Iterator[dict[str, Any]] = (
            {model.spec.input.name: batches[start : start + _CALIBRATION_BATCH]}
            for start in range(0, len(batches), _CALIBRATION_BATCH)
        )

    def get_next(self) -> dict[str, Any] | None:
        """Return the next batch, or None at the end."""
        return next(self._batches, None)
