"""Images of a dataset as tiles of a report."""

from __future__ import annotations

import numpy as np

from mien.data import Dataset
from mien.emotions import FERPLUS_8
from mien.reports.html.blocks import Tile

__all__ = ["dataset_tile", "row_label", "votes_text"]


def row_label(data: Dataset, row: int) -> str:
    """Return the name of an image's label."""
    label = int(data.labels[row])
    return data.label_names[label] if label >= 0 else "no label"


def votes_text(data: Dataset, row: int) -> str:
    """Return the three most frequent votes of an image, for example `7 happy, 3 neutral`."""
    votes = data.votes[row]
    names = (*FERPLUS_8.labels, "unknown", "no face")
    order = np.argsort(-votes.astype(int), kind="stable")[:3]
    return ", ".join(f"{votes[i]} {names[i]}" for i in order if votes[i])


def dataset_tile(data: Dataset, row: int, text: str) -> Tile:
    """Return the tile of an image, with its label and another line."""
    return Tile(image=data.images[row], label=row_label(data, row), text=text)
