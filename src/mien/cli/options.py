"""Options that several verbs share, and the checks that belong to them.

The same option has the same meaning in every verb: `--data` is the data that a verb works on,
`--out` what it makes, `--report` an HTML report beside it, `--split` the file of a split,
`--subset` one of train, val and test, and `--max-...` an upper limit.
"""

from __future__ import annotations

import importlib.util
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mien.cli.defaults import PythonDefault
from mien.errors import MissingExtraError
from mien.options import FaceOptions, VideoOptions

if TYPE_CHECKING:
    from mien.data import Dataset

__all__ = [
    "FACE_DEFAULTS",
    "VIDEO_DEFAULTS",
    "Data",
    "DetectEvery",
    "DetectorFile",
    "Device",
    "EmotionFile",
    "FacesAsJson",
    "Fold",
    "MaxFps",
    "MinFacePx",
    "MinScore",
    "ReplaceImage",
    "SmoothingS",
    "SplitFile",
    "Subset",
    "Threads",
    "named_inputs",
    "read_split_dataset",
    "require_extra",
]

FACE_DEFAULTS, VIDEO_DEFAULTS = FaceOptions(), VideoOptions()

EmotionFile = Annotated[
    Path | None, typer.Option("--model", metavar="PATH", help="Another emotion network (ONNX).")
]

DetectorFile = Annotated[
    Path | None, typer.Option("--detector", metavar="PATH", help="Another face detector (ONNX).")
]

FacesAsJson = Annotated[bool, typer.Option("--json", help="Print JSON Lines, one face per line.")]

ReplaceImage = Annotated[bool, typer.Option("--overwrite", help="Replace the image.")]

MinFacePx = Annotated[
    int, typer.Option(min=1, metavar="PX", help="Leave out faces whose shorter side is below.")
]

MinScore = Annotated[
    float | None,
    typer.Option(min=0.0, max=1.0, metavar="SCORE", help="Leave out less certain faces."),
]

DetectEvery = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Detect faces in every Nth frame of a video."),
]

MaxFps = Annotated[
    float | None, typer.Option(min=0.01, help="Analyse at most so many frames a second.")
]

SmoothingS = Annotated[
    float, typer.Option(min=0.0, metavar="SECONDS", help="Smooth over time; 0 turns it off.")
]

Device = Annotated[
    str,
    typer.Option(
        metavar="DEVICE",
        default_factory=PythonDefault("mien.inference:Analyzer", "device"),
        help="Where networks run: cpu, cuda, directml, coreml.",
    ),
]

Threads = Annotated[
    int,
    typer.Option(
        min=1,
        default_factory=PythonDefault("mien.inference:Analyzer", "threads"),
        help="Threads of one network run.",
    ),
]

Data = Annotated[
    Path,
    typer.Option(metavar="DATASET", help="The folder of a dataset that `mien data import` made."),
]

SplitFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Divide the dataset by a file of `mien data split`; else as imported."
    ),
]

Fold = Annotated[
    int | None, typer.Option(metavar="N", help="For a split into folds: the fold that is val.")
]

Subset = Literal["train", "val", "test"]


def read_split_dataset(
    data: Path, split: Path | None, fold: int | None
) -> tuple[Dataset, tuple[str, str]]:
    """Read a dataset and apply a split to it.

    Args:
        data: The dataset's folder.
        split: The split's file; None keeps the split of the import.
        fold: For a split into folds, the one that is `val`.

    Returns:
        The dataset, and the split's kind and hash.
    """
    from mien.data import published_split, read_dataset, read_split

    dataset = read_dataset(data)
    applied = read_split(split) if split is not None else published_split(dataset)
    kind = applied.kind if fold is None else f"{applied.kind}, fold {fold}"
    return applied.apply(dataset, fold=fold), (kind, applied.sha256())


def require_extra(purpose: str, extra: str, *modules: str) -> None:
    """Check that an extra's modules are installed, without importing them.

    Raises:
        MissingExtraError: One of them is not installed.
    """
    if any(importlib.util.find_spec(module) is None for module in modules):
        raise MissingExtraError(purpose, extra)


def named_inputs(inputs: list[str]) -> Iterator[str]:
    """Yield the inputs by name; `-` stands for the lines of stdin."""
    for given in inputs:
        if given == "-":
            if isinstance(sys.stdin, io.TextIOWrapper):
                # File names need not be valid text.
                sys.stdin.reconfigure(errors="surrogateescape")
            lines = (line.rstrip("\r\n") for line in sys.stdin)
            yield from (line for line in lines if line.strip())
        else:
            yield given
