"""FER-2013's CSV (`emotion,pixels,Usage`) and FER+'s CSV of votes."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.data.dataset import VOTE_COLUMNS
from mien.data.framing import Picture
from mien.data.grouping import person_of_cell
from mien.data.labels import LEFT_OUT, is_number
from mien.data.reading import Reading
from mien.data.records import (
    LABEL_COLUMNS,
    SUBSET_COLUMNS,
    Fault,
    Progress,
    Rows,
    encode_png,
    subset_named,
)
from mien.data.text_table import TextTable, check_once, column_named, not_text, open_table
from mien.errors import DatasetError, InputError

__all__ = ["Votes", "is_fer_csv", "is_votes_csv", "read_fer_csv", "read_votes"]

_SIDE_PX = 48
_DIGITS, _SPACES = "0123456789", " \t\r\n"


class Votes:
    """FER+'s annotator counts.

    Attributes:
        file: The CSV's name.
        usages: Each line's subset: `train`, `val` or `test`.
        image_names: Each line's image name; empty for images that FER+ leaves out.
        counts: `(N, 10)` uint8 in the order of `VOTE_COLUMNS`.
    """

    def __init__(
        self, file: str, usages: list[str], image_names: list[str], counts: NDArray[np.uint8]
    ) -> None:
        self.file, self.usages, self.image_names, self.counts = file, usages, image_names, counts

    def __len__(self) -> int:
        return len(self.counts)


def is_fer_csv(columns: list[str]) -> bool:
    """Return whether these are the columns of FER-2013's CSV, of any publication."""
    return column_named(columns, LABEL_COLUMNS) is not None and "pixels" in _folded(columns)


def is_votes_csv(columns: list[str]) -> bool:
    """Return whether these are the columns of FER+'s CSV."""
    return {"usage", "image name", *map(str.lower, VOTE_COLUMNS)} <= set(_folded(columns))


def _folded(columns: list[str]) -> list[str]:
    return [column.lower() for column in columns]


@dataclasses.dataclass(frozen=True, slots=True)
class _Columns:
    """Where a FER-2013 CSV has what; None where it does not have it."""

    label: int
    pixels: int
    subset: int | None
    group: int | None
    conditions: dict[str, int]


def read_fer_csv(
    path: Path,
    reading: Reading,
    *,
    folders: tuple[str, ...] = (),
    on_progress: Progress | None = None,
) -> Rows:
    """Read FER-2013's CSV; each fault names its line.

    The columns are `emotion` (a number in FER-2013's order or a name), `pixels` and `Usage`, in any
    order and with spaces around the names. Without `Usage` the file's name says the subset.

    Args:
        path: The file.
        reading: How labels are translated and rows are picked.
        folders: The folders from the source to the file, which may say the subset, too.
        on_progress: Called with the number of bytes read and their total.

    Raises:
        DatasetError: The file is damaged, has no column that a condition is about, or two of one
            name that is read.
    """
    rows = Rows()
    with open_table(path) as table:
        pictures = _pictures(table, reading, folders, rows, on_progress)
        reading.framer.add(pictures, rows, total=0)
    return rows


def _pictures(
    table: TextTable,
    reading: Reading,
    folders: tuple[str, ...],
    rows: Rows,
    on_progress: Progress | None,
) -> Iterator[Picture]:
    names, path = table.columns, table.path
    conditions = reading.conditions.columns(path.name, names)
    columns = _Columns(
        label=column_named(names, LABEL_COLUMNS) or 0,
        pixels=_folded(names).index("pixels"),
        subset=column_named(names, SUBSET_COLUMNS),
        group=reading.people.column(names),
        conditions={name: names.index(column) for name, column in conditions.items()},
    )
    read = (columns.label, columns.pixels, columns.subset, columns.group)
    used = [None if place is None else names[place] for place in read]
    check_once(path, names, [*used, *conditions.values()])
    default = reading.default_subset(path, folders, rows) if columns.subset is None else ""
    if columns.group is not None:
        rows.notes.append(f"{path.name}: {names[columns.group]} is read as the person")
    line, numbered = 0, False
    for line, cells in table.lines(on_progress=on_progress):
        where = f"{path.name}, line {line}"
        if len(cells) != len(names):
            cut = f"expected {len(names)} columns, found {len(cells)}; was the file cut?"
            rows.faults.append(Fault(where, cut))
            continue
        if not reading.conditions.hold({n: cells[i] for n, i in columns.conditions.items()}):
            continue
        picture = _picture([cell.strip() for cell in cells], columns, default, where, reading)
        if isinstance(picture, Fault):
            rows.faults.append(picture)
        elif picture is not None:
            numbered = numbered or cells[columns.label].strip()[:1].isdecimal()
            yield picture
    if numbered and not reading.labels.own:
        label = names[columns.label]
        rows.notes.append(f"{path.name}: the numbers in {label} are read as FER-2013's classes")
    if table.damage is not None:
        rows.faults.append(Fault(f"{path.name}, line {table.damage[0]}", table.damage[1]))
    elif not line:
        rows.faults.append(Fault(path.name, "expected rows of images below the header, found 0"))


def _picture(
    cells: list[str], columns: _Columns, default: str, where: str, reading: Reading
) -> Picture | Fault | None:
    """Return the picture of one line, its fault, or None if its class is left out."""
    group = person_of_cell(cells[columns.group]) if columns.group is not None else ""
    if lost := not_text(cells[columns.label], group):
        return Fault(where, lost)
    try:
        label = reading.labels.of_cell(cells[columns.label])
    except InputError as error:
        return Fault(where, f"emotion: {error}")
    usage = default if columns.subset is None else cells[columns.subset]
    subset = subset_named(usage)
    if subset is None:
        known = "Training, PublicTest or PrivateTest"
        return Fault(where, f"Usage: expected {known}, found {usage[:20]!r}")
    if label == LEFT_OUT:
        return None
    grey = _pixels(cells[columns.pixels])
    if isinstance(grey, str):
        return Fault(where, grey)
    return Picture(encode_png(grey), label, subset, where, group=group)


def _pixels(text: str) -> NDArray[np.uint8] | str:
    """Return the image, or its fault."""
    count = _SIDE_PX * _SIDE_PX
    if text.strip(_DIGITS + _SPACES):  # of which numpy would only warn
        word = next((word for word in text.split() if word.strip(_DIGITS)), text)
        if word.startswith("-") and is_number(word[1:]):
            return f"pixels: expected values of 0 to 255, found {word[:20]}"
        return f"pixels: expected whole numbers, found {word[:20]!r}"
    values = np.fromstring(text, dtype=np.int64, sep=" ")
    if len(values) != count:
        return f"pixels: expected {count} values ({_SIDE_PX}x{_SIDE_PX}), found {len(values)}"
    if values.max() > 255:
        invalid = values[values > 255][0]
        return f"pixels: expected values of 0 to 255, found {invalid}"
    return values.astype(np.uint8).reshape(_SIDE_PX, _SIDE_PX)


def read_votes(path: Path) -> Votes:
    """Read FER+'s CSV.

    Raises:
        DatasetError: Lines have faults; the message lists them. Or two columns have one name.
    """
    rows = Rows()
    usages, image_names, counts = [], [], []
    with open_table(path) as table:
        names = _folded(table.columns)
        check_once(path, names, ("usage", "image name", *VOTE_COLUMNS))
        usage, image_name = names.index("usage"), names.index("image name")
        columns = [names.index(name.lower()) for name in VOTE_COLUMNS]
        for line, cells in table.lines():
            where = f"{path.name}, line {line}"
            if len(cells) != len(names):
                what = f"expected {len(names)} columns, found {len(cells)}; was the file cut?"
                rows.faults.append(Fault(where, what))
                continue
            votes = [cells[column].strip() for column in columns]
            subset = subset_named(cells[usage])
            if invalid := [vote for vote in votes if not (is_number(vote) and int(vote) < 256)]:
                what = f"votes: expected whole numbers from 0, found {invalid[0][:20]!r}"
                rows.faults.append(Fault(where, what))
            elif subset is None:
                rows.faults.append(Fault(where, f"Usage: unknown {cells[usage][:20]!r}"))
            elif lost := not_text(cells[image_name]):
                rows.faults.append(Fault(where, lost))
            else:
                usages.append(subset)
                image_names.append(unicodedata.normalize("NFC", cells[image_name].strip()))
                counts.append([int(vote) for vote in votes])
        if table.damage is not None:
            rows.faults.append(Fault(f"{path.name}, line {table.damage[0]}", table.damage[1]))
    rows.raise_faults()
    if not counts:
        raise DatasetError(f"{path}: expected rows of votes below the header, found 0")
    return Votes(path.name, usages, image_names, np.array(counts, np.uint8))
