"""Float16 and 8-bit variants of an exported emotion network, each compared with torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx

from mien._checking import check_path
from mien._output import check_output, whole_file
from mien.data import Dataset
from mien.errors import ArtefactError, InputError
from mien.export.comparison import ExportComparison, compare_with_torch
from mien.export.onnx_file import to_float16_weights, write_spec
from mien.inference import EmotionModel
from mien.models.onnx_weights import load_onnx_network, read_onnx
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
) -> ExportComparison:
    """Write an emotion network in another precision.

    `fp16` stores the weights as float16, which halves the file; they are cast to float32 when the
    file is opened, so the speed stays the same. `int8` computes the convolutions in 8 bits (static
    quantisation with QDQ nodes, ranges from training images, weights per channel). Both use
    standard ONNX operators.

    Args:
        path: The float32 file that a training wrote.
        data: The dataset: `int8` takes its ranges from `train`, the comparison is on `val`, both
            in the network's own crop.
        precision: The variant.
        out: The new file; it is written only if the comparison is within the limits.
        licence: Licence of the weights, for the file's spec.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The comparison with torch; the file's spec has it among its figures.

    Raises:
        ArtefactError: More than `MAX_FLIPPED` of the labels differ, the file is not an emotion
            model of a training, or it is a variant already.
        InputError: The validation subset is empty.
        OutputError: `out` exists already or cannot be written.
    """
    path, out = check_path("path", path), check_path("out", out)
    check_output(out, overwrite=overwrite)
    if not len(data.subset("val")):
        raise InputError(f"{data.source}: no image in val to compare on")
    source = EmotionModel(path)
    provenance = dict(source.spec.provenance)
    if "precision" in provenance:
        raise ArtefactError(
            f"{path}: is {provenance['precision']} already. Give the float32 file of the training"
        )
    network = load_onnx_network(path, provenance)
    provenance["precision"] = precision
    if licence is not None:
        provenance["licence"] = licence
    with whole_file(out, overwrite=overwrite) as made:
        if precision == "fp16":
            onnx.save_model(to_float16_weights(read_onnx(path)), made)
        else:
            _quantise(path, made, source, data.subset("train"))
        write_spec(made, source.spec)
        compared = compare_with_torch(
            network, EmotionModel(made), data.subset("val").crops(source.crop)
        )
        compared.check(f"{out}: {precision}")
        # Those of the float32 file are not this file's.
        figures = compared.figures(f"{data.source}, val, {precision}")
        write_spec(made, dataclasses.replace(source.spec, provenance=provenance, figures=figures))
    return compared


def _quantise(path: Path, made: Path, model: EmotionModel, images: Dataset) -> None:
    quantizer = quantization()
    quantizer.quantize_static(
        path,
        made,
        _CalibrationReader(model, images),
        quant_format=quantizer.QuantFormat.QDQ,
        activation_type=quantizer.QuantType.QUInt8,
        weight_type=quantizer.QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["Conv"],
    )


class _CalibrationReader:
    """Gives the quantiser batches of training images, spread evenly over the data."""

    def __init__(self, model: EmotionModel, images: Dataset) -> None:
        rows = np.arange(0, len(images), max(1, len(images) // _CALIBRATION_IMAGES))
        crops = images.select(rows[:_CALIBRATION_IMAGES]).crops(model.crop)
        batches = network_input(crops.astype(np.float32), model.spec.input)
        self._batches: Iterator[dict[str, Any]] = (
            {model.spec.input.name: batches[start : start + _CALIBRATION_BATCH]}
            for start in range(0, len(batches), _CALIBRATION_BATCH)
        )

    def get_next(self) -> dict[str, Any] | None:
        """Return the next batch, or None at the end."""
        return next(self._batches, None)
