"""Smaller and faster forms of an exported emotion network, each held to the float32 file."""

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
from mien.export.onnx_file import half_weights, write_spec
from mien.inference import EmotionModel
from mien.preprocess import network_input

__all__ = ["MOST_FLIPPED", "Precision", "VariantReport", "export_variant"]

Precision = Literal["fp16", "int8"]

MOST_FLIPPED = 0.003
"""A variant that answers otherwise than float32 for a larger share of the pictures is refused."""

_CALIBRATION_PICTURES, _CALIBRATION_BATCH = 1024, 64


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VariantReport:
    """How a variant compares with its float32 file on the whole validation part.

    Attributes:
        pictures: How many were compared.
        largest_difference: Of a probability of the six-way output, 0 to 1.
        flipped: Share of the pictures whose six-way label is another.
        bytes: Size of the file.
    """

    pictures: int
    largest_difference: float
    flipped: float
    bytes: int


def export_variant(
    path: Path, data: Dataset, *, precision: Precision, out: Path, overwrite: bool = False
) -> VariantReport:
    """Write an emotion network in another precision.

    `fp16` keeps the weights as float16, half the size; they become float32 when the file is opened,
    so that the speed stays. `int8` computes the convolutions in 8 bits (static quantisation with
    QDQ nodes, ranges from training pictures, weights per channel). Both use standard operators.

    Args:
        path: The float32 file of a training.
        data: Its pictures: `train` gives the ranges for `int8`, `val` the comparison.
        precision: Which variant.
        out: Where it goes; it appears there only if the comparison holds.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The comparison, which the file's spec carries as figures, too.

    Raises:
        ArtefactError: More than `MOST_FLIPPED` of the labels are others, or the file is no emotion
            model.
        InputError: There is no validation part.
        OutputError: `out` exists already.
    """
    if out.exists() and not overwrite:
        raise OutputError(f"{out}: exists already. Choose another name or pass --overwrite")
    if not len(data.part("val")):
        raise InputError(f"{data.source}: no picture in val to compare on")
    whole = EmotionModel(path)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        made = Path(folder) / out.name
        if precision == "fp16":
            onnx.save_model(half_weights(onnx.load(path)), made)
        else:
            _quantise(path, made, whole, data.part("train").images)
        write_spec(made, whole.spec)
        report = _compare(whole, EmotionModel(made), data.part("val").images, made.stat().st_size)
        if report.flipped > MOST_FLIPPED:
            raise ArtefactError(
                f"{out}: {precision} gives another label for {report.flipped:.2%} of "
                f"{report.pictures:,} pictures, more than {MOST_FLIPPED:.1%}; it was not written"
            )
        figures = {
            f"{data.source}, val, {precision}: largest_difference": report.largest_difference,
            f"{data.source}, val, {precision}: flipped": report.flipped,
        }
        facts = dict(whole.spec.provenance) | {"precision": precision}
        write_spec(
            made,
            dataclasses.replace(
                whole.spec, provenance=facts, figures=dict(whole.spec.figures) | figures
            ),
        )
        made.replace(out)
    return dataclasses.replace(report, bytes=out.stat().st_size)


def _quantise(path: Path, made: Path, model: EmotionModel, images: NDArray[np.uint8]) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    quantize_static(
        path,
        made,
        _Ranges(model, images),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["Conv"],
    )


class _Ranges:
    """Gives the quantiser training pictures in batches, spread evenly over the data."""

    def __init__(self, model: EmotionModel, images: NDArray[np.uint8]) -> None:
        step = max(1, len(images) // _CALIBRATION_PICTURES)
        chosen = images[::step][:_CALIBRATION_PICTURES].astype(np.float32)
        batches = network_input(chosen, model.spec.input)
        self._batches: Iterator[dict[str, Any]] = (
            {model.spec.input.name: batches[start : start + _CALIBRATION_BATCH]}
            for start in range(0, len(batches), _CALIBRATION_BATCH)
        )

    def get_next(self) -> dict[str, Any] | None:
        """Return the next batch, or None at the end."""
        return next(self._batches, None)


def _compare(
    whole: EmotionModel, variant: EmotionModel, images: NDArray[np.uint8], size: int
) -> VariantReport:
    expected, found = whole.probabilities(images), variant.probabilities(images)
    return VariantReport(
        pictures=len(images),
        largest_difference=float(np.abs(expected - found).max()),
        flipped=float((expected.argmax(axis=1) != found.argmax(axis=1)).mean()),
        bytes=size,
    )
