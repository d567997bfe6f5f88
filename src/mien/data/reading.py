"""What the readers of all sources share: labels, conditions, framing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from mien.data.framing import Framer
from mien.data.grouping import PersonColumn
from mien.data.labels import Conditions, Labels
from mien.data.records import Fault, Rows, first_names, subset_named

__all__ = ["Reading"]


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """How sources are read.

    Attributes:
        labels: Translates class names.
        conditions: Picks rows of tables.
        framer: Decodes and frames pictures.
        people: Finds the column of tables that says who an image shows.
        above: Whether a folder above the class is the person, where none lies below it.
        below: Whether a folder below the class is the person.
        skipped: Folders that are not read, resolved: the dataset that is being made.
        undivided: The subset of each table without a column for it, by the table's name; None where
            no name says it.
    """

    labels: Labels = dataclasses.field(default_factory=Labels)
    conditions: Conditions = dataclasses.field(default_factory=Conditions)
    framer: Framer = dataclasses.field(default_factory=Framer)
    people: PersonColumn = dataclasses.field(default_factory=PersonColumn)
    above: bool = False
    below: bool = True
    skipped: frozenset[Path] = frozenset()
    undivided: dict[str, str | None] = dataclasses.field(default_factory=dict)

    def default_subset(self, path: Path, folders: tuple[str, ...], rows: Rows) -> str:
        """Return the subset of a table without a column for it; it is noted.

        Args:
            path: The table, whose name may say it.
            folders: The folders from the source to the table, whose names may say it, too.
            rows: Gets the note.
        """
        names = (path.name.partition(".")[0], *reversed(folders))
        subset = next((said for name in names if (said := subset_named(name))), None)
        shown = "/".join((*folders, path.name))
        self.undivided[shown] = subset
        rows.notes.append(f"{shown}: no column for the subset, all rows go to {subset or 'train'}")
        return subset or "train"

    def unknown_subsets(self) -> list[Fault]:
        """Return a fault for each table whose name says no subset beside others that do."""
        known = [name for name, subset in self.undivided.items() if subset]
        what = f"no subset is known by this name, but beside it are {first_names(known)}"
        use = "Rename it to train, val or test, or move it away"
        unknown = [name for name, subset in self.undivided.items() if not subset]
        return [Fault(name, f"{what}. {use}") for name in unknown] if known else []
