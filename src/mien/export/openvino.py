"""Emotion networks as files of OpenVINO, compared with their ONNX file."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien._checking import check_path
from mien._output import cannot_write, check_output
from mien.data import Dataset
from mien.errors import MissingExtraError, OutputError
from mien.export.comparison import ExportComparison, compare_outputs, compared_images
from mien.inference import EmotionModel
from mien.preprocess import network_input
from mien.spec import METADATA_KEY

__all__ = ["export_openvino"]

_REPORTER = "openvino_telemetry"


def export_openvino(
    path: str | Path,
    data: Dataset,
    *,
    out: str | Path,
    licence: str | None = None,
    overwrite: bool = False,
) -> ExportComparison:
    """Write an emotion network in OpenVINO's format: `out`, and the weights beside it in `.bin`.

    Weights are stored as float16. The spec is the model's runtime information `mien.spec`. Devices
    of OpenVINO may compute with fewer bits than the comparison, which is in float32; their option
    `INFERENCE_PRECISION_HINT` decides.

    Args:
        path: The ONNX file of an emotion network.
        data: The dataset; the comparison is on 500 images of `val`, or on all if there are fewer.
        out: The new file, ending in `.xml`; it is written only if the comparison is within the
            limits.
        licence: Licence of the weights, for the file's spec.
        overwrite: Whether existing files may be replaced.

    Returns:
        The comparison with the ONNX file.

    Raises:
        ArtefactError: More than `MAX_FLIPPED` of the labels differ, or the file is no emotion
            model.
        InputError: The validation subset is empty.
        MissingExtraError: OpenVINO is not installed.
        OutputError: A file exists already or cannot be written, or `out` does not end in `.xml`.
    """
    out = check_path("out", out)
    weights = out.with_suffix(".bin")
    if out.suffix != ".xml":
        raise OutputError(f"{out}: expected a name that ends in .xml; the weights lie beside it")
    for each in (out, weights):
        check_output(each, overwrite=overwrite)
    images = compared_images(data)
    model, library = EmotionModel(path), _load()
    spec = model.spec
    if licence is not None:
        spec = dataclasses.replace(spec, provenance={**spec.provenance, "licence": licence})
    core = library.Core()
    converted = core.read_model(model.path)
    converted.set_rt_info(spec.to_metadata()[METADATA_KEY], METADATA_KEY)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".mien-") as folder:
            made = Path(folder) / "model.xml"
            library.save_model(converted, made)
            compiled = core.compile_model(made, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
            compared = compare_outputs(model, model.run, _runner(compiled, model), images)
            compared.check(f"{out}: OpenVINO")
            out.unlink(missing_ok=True)  # which would be read with weights that are not its own
            made.with_suffix(".bin").replace(weights)
            made.replace(out)
    except OSError as error:
        raise cannot_write(out, error) from error
    return compared


def _runner(compiled: Any, model: EmotionModel) -> Any:
    names = [output.name for output in model.spec.outputs]

    def run(crops: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        values = compiled({model.spec.input.name: network_input(crops, model.spec.input)})
        return {name: values[name] for name in names}

    return run


def _load() -> Any:
    """Import OpenVINO without its package that reports each use of it.

    Raises:
        MissingExtraError: It is not installed.
    """
    with _nothing_reported():
        try:
            import openvino
        except ImportError as error:
            raise MissingExtraError("exporting to OpenVINO", "openvino") from error
    return openvino


@contextlib.contextmanager
def _nothing_reported() -> Iterator[None]:
    """Have the import of the reporting package fail: OpenVINO then takes a part that does nothing.

    It has no setting for this, and looks up a server when it is imported.
    """
    before = sys.modules.get(_REPORTER)
    sys.modules[_REPORTER] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[_REPORTER]
        if before is not None:
            sys.modules[_REPORTER] = before
