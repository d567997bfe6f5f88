"""What the readers of all sources share: labels, conditions, framing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from mien.data.framing import Framer
from mien.data.records import Conditions, Labels, Rows, subset_named

__all__ = ["Reading"]


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """How sources are read.

    Attributes:
        labels: Translates class names.
        conditions: Picks rows of tables.
        framer: Decodes and frames pictures.
        above: Whether a folder above the class is the person, where none lies below it.
        skipped: Folders that are not read, resolved: the dataset that is being made.
    """

    labels: Labels = dataclasses.field(default_factory=Labels)
    conditions: Conditions = dataclasses.field(default_factory=Conditions)
    framer: Framer = dataclasses.field(default_factory=Framer)
    above: bool = False
    skipped: frozenset[Path] = frozenset()

    def default_subset(self, path: Path, rows: Rows) -> str:
        """Return the subset of a table without a column for it, by the file's name; it is noted."""
        subset = subset_named(path.name.partition(".")[0]) or "train"
        rows.notes.append(f"{path.name}: no column for the subset, all rows go to {subset}")
        return subset
