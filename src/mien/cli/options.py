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

from mien.errors import MissingExtraError

if TYPE_CHECKING:
    from mien.data import Dataset

__all__ = [
    "Data",
    "DetectorFile",
    "EmotionFile",
    "FacesAsJson",
    "Fold",
    "MinFace",
    "ReplaceImage",
    "SplitFile",
    "Subset",
    "named_inputs",
    "read_divided",
    "require_extra",
]

EmotionFile = Annotated[
    Path | None, typer.Option("--model", metavar="PATH", help="Another emotion network (ONNX).")
]

DetectorFile = Annotated[
    Path | None, typer.Option("--detector", metavar="PATH", help="Another face detector (ONNX).")
]

FacesAsJson = Annotated[bool, typer.Option("--json", help="Print JSON Lines, one face per line.")]

ReplaceImage = Annotated[bool, typer.Option("--overwrite", help="Replace the image.")]

MinFace = Annotated[
    int,
    typer.Option(min=1, metavar="PX", help="Leave out faces whose shorter side is smaller."),
]

Data = Annotated[
    Path, typer.Option(metavar="DATASET", help="A dataset that `mien data import` made.")
]

SplitFile = Annotated[
    Path | None,
    typer.Option(
        "--split", metavar="FILE", help="A file of `mien data split`; otherwise the imported split."
    ),
]

Subset = Annotated[
    Literal["train", "val", "test"],
    typer.Option("--subset", help="The subset to use; use test once, at the end."),
]

Fold = Annotated[int | None, typer.Option(help="With a split into folds, the fold that is val.")]


def read_divided(
    data: Path, split: Path | None, fold: int | None
) -> tuple[Dataset, tuple[str, str]]:
    """Read a dataset with the split of the options; return it with the split's kind and hash.

    Args:
        data: The dataset's folder.
        split: The file of a split; None takes the imported one.
        fold: The fold that is val, for a split into folds.
    """
    from mien.data import published_split, read_dataset, read_split

    dataset = read_dataset(data)
    division = read_split(split) if split is not None else published_split(dataset)
    kind = division.kind if fold is None else f"{division.kind}, fold {fold}"
    return division.apply(dataset, fold=fold), (kind, division.sha256())


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
