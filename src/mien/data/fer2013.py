"""FER-2013 as a Parquet of PNG bytes, with FER+'s votes beside it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.data.dataset import SPLITS, VOTE_COLUMNS, Dataset
from mien.errors import DatasetError, MissingExtraError

__all__ = ["read_fer2013"]

_USAGE = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}


def read_fer2013(parquet: Path, ferplus_csv: Path | None = None) -> Dataset:
    """Read FER-2013, every row in its published order and split.

    Args:
        parquet: A table with the columns `row`, `emotion`, `usage` and `image_png`.
        ferplus_csv: FER+'s `fer2013new.csv`, one line per row; None leaves the votes zero.

    Raises:
        MissingExtraError: Polars is not installed.
        DatasetError: The two files have different lengths, or a picture is not 48x48.
    """
    try:
        import polars as pl
    except ImportError as error:
        raise MissingExtraError("reading Parquet", "data") from error
    table = pl.read_parquet(parquet)
    images = np.stack([_decode(parquet, i, png) for i, png in enumerate(table["image_png"])])
    usage = [SPLITS.index(_USAGE[name]) for name in table["usage"].cast(pl.String)]
    votes = np.zeros((len(images), len(VOTE_COLUMNS)), np.uint8)
    if ferplus_csv is not None:
        votes = _read_votes(ferplus_csv)
    if len(votes) != len(images):
        raise DatasetError(
            f"{ferplus_csv}: {len(votes)} rows of votes, but {parquet} has {len(images)} pictures"
        )
    return Dataset(
        images=images,
        labels=table["emotion"].to_numpy().astype(np.int8),
        votes=votes,
        split=np.array(usage, np.int8),
        rows=table["row"].to_numpy().astype(np.int64),
        source=parquet.name,
    )


def _decode(parquet: Path, row: int, png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as picture:
        pixels = np.asarray(picture.convert("L"))
    if pixels.shape != (48, 48):
        raise DatasetError(f"{parquet}: row {row}: expected 48x48 pixels, found {pixels.shape}")
    return pixels


def _read_votes(path: Path) -> NDArray[np.uint8]:
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in VOTE_COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise DatasetError(f"{path}: no column {', '.join(missing)}; found {reader.fieldnames}")
        return np.array([[int(row[name]) for name in VOTE_COLUMNS] for row in reader], np.uint8)
