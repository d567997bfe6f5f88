"""Emotion networks as files of TensorFlow Lite (LiteRT), compared with their ONNX file."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mien._checking import check_path
from mien._output import cannot_write, check_output
from mien.data import Dataset
from mien.errors import MissingExtraError, OutputError
from mien.export.comparison import ExportComparison, compare_outputs, compared_images
from mien.inference import EmotionModel
from mien.models.emotion import FACE_PX
from mien.models.onnx_weights import load_onnx_network
from mien.preprocess import network_input
from mien.spec import METADATA_KEY

__all__ = ["export_tflite"]

SPEC_FILE = f"{METADATA_KEY}.json"


def export_tflite(
    path: str | Path,
    data: Dataset,
    *,
    out: str | Path,
    licence: str | None = None,
    overwrite: bool = False,
) -> ExportComparison:
    """Write an emotion network in TensorFlow Lite's format, for one face at a time, in float32.

    The spec is `mien.spec.json` among the file's associated files: a ZIP archive at its end, where
    TensorFlow Lite keeps such files. Inputs and outputs have the spec's names in the signature
    `serving_default`.

    Args:
        path: The float32 ONNX file that a training wrote.
        data: The dataset; the comparison is on 500 images of `val`, or on all if there are fewer.
        out: The new file, ending in `.tflite`; it is written only if the comparison is within the
            limits.
        licence: Licence of the weights, for the file's spec.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The comparison with the ONNX file.

    Raises:
        ArtefactError: More than `MAX_FLIPPED` of the labels differ, or the file is no emotion
            model of a training.
        InputError: The validation subset is empty.
        MissingExtraError: LiteRT's converter is not installed.
        OutputError: `out` exists already, cannot be written, or does not end in `.tflite`.
    """
    out = check_path("out", out)
    check_output(out, overwrite=overwrite)
    if out.suffix != ".tflite":
        raise OutputError(f"{out}: expected a name that ends in .tflite")
    images, model = compared_images(data), EmotionModel(path)
    spec = model.spec
    network = load_onnx_network(model.path, dict(spec.provenance))
    if licence is not None:
        spec = dataclasses.replace(spec, provenance={**spec.provenance, "licence": licence})
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".mien-") as folder:
            made = Path(folder) / "model.tflite"
            run = _convert(network, model, made)
            compared = compare_outputs(model, model.run, run, images)
            compared.check(f"{out}: TensorFlow Lite")
            with zipfile.ZipFile(made, "a") as archive:
                archive.writestr(SPEC_FILE, spec.to_metadata()[METADATA_KEY])
            made.replace(out)
    except OSError as error:
        raise cannot_write(out, error) from error
    return compared


class _Named(nn.Module):
    """A network whose outputs have names, which the file takes over."""

    def __init__(self, network: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, faces: Tensor) -> dict[str, Tensor]:
        return dict(zip(self.names, self.network(faces), strict=True))


def _convert(network: nn.Module, model: EmotionModel, made: Path) -> Any:
    """Write the file, and return what runs it on crops."""
    names = [output.name for output in model.spec.outputs]
    with _nothing_said():
        try:
            import litert_torch
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtraError("exporting to TensorFlow Lite", "tflite") from error
        face = torch.zeros(1, 1, FACE_PX, FACE_PX)
        litert_torch.convert(_Named(network, names).eval(), sample_kwargs={"faces": face}).export(
            str(made)
        )
        one = Interpreter(str(made), num_threads=1).get_signature_runner("serving_default")

    def run(crops: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        faces = network_input(crops, model.spec.input)
        found = [one(faces=faces[row : row + 1]) for row in range(len(faces))]
        return {name: np.concatenate([each[name] for each in found]) for name in names}

    return run


@contextlib.contextmanager
def _nothing_said() -> Iterator[None]:
    """Keep the converter's progress off stdout, and the warnings of its parts off stderr."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
