"""Covariates: what a CSV says of each video beside its pixels, such as its condition."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from mien._checking import check_path
from mien._wording import pluralize
from mien.data.text_table import column_named, not_text, open_table
from mien.errors import DatasetError, InputError

__all__ = ["Covariates", "read_covariates"]

_VIDEO = "video"
_RESERVED = frozenset(("source",))
_NAMES = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Covariates:
    """The covariates of the videos of a study.

    Attributes:
        columns: Their names.
        values: The value of each by column, by the video's path.
        notes: Which rows and videos have no counterpart.
    """

    columns: tuple[str, ...] = ()
    values: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_covariates(path: str | Path, sources: Sequence[str]) -> Covariates:
    """Read covariates and find each row's video.

    Args:
        path: A CSV with a column `video`: a video's path as it was given or the end of it, such as
            its name, with or without ending. An accented letter may be one character or two.
        sources: The videos of the study.

    Raises:
        InputError: The file cannot be read, has no such column, names a video twice or one of
            several of the same name, or none of the videos.
    """
    path = check_path("covariates", path)
    try:
        with open_table(path) as table:
            columns = [_composed(name) for name in table.columns]
            lines = list(table.lines())
            damage = table.damage
    except DatasetError as error:
        raise InputError(str(error)) from error
    if damage is not None:
        raise InputError(f"{path}: line {damage[0]}: {damage[1]}")
    video = column_named(columns, (_VIDEO,))
    if video is None:
        found = ", ".join(map(repr, filter(None, columns))) or "no column"
        raise InputError(f"{path}: expected a column {_VIDEO!r}, found {found}")
    _check_columns(path, columns)
    others = tuple(name for place, name in enumerate(columns) if place != video)
    by_name = _by_name(sources)
    values: dict[str, dict[str, str]] = {}
    unknown: list[str] = []
    for line, cells in lines:
        if len(cells) != len(columns):
            expected = f"expected {pluralize(len(columns), 'cell')}, found {len(cells)}"
            raise InputError(f"{path}: line {line}: {expected}")
        if lost := not_text(*cells):
            raise InputError(f"{path}: line {line}: {lost}")
        name = cells[video].strip()
        given = _with_slashes(name)
        named = by_name.get(given) or by_name.get(_composed(given), [])
        if len(named) > 1:
            raise InputError(
                f"{path}: line {line}: {name!r} is the name of {' and '.join(sorted(named))}. Give "
                "more of the path"
            )
        if not named:
            unknown.append(name)
            continue
        if named[0] in values:
            raise InputError(f"{path}: line {line}: {named[0]} stands in an earlier line, too")
        own = [_composed(cell.strip()) for place, cell in enumerate(cells) if place != video]
        values[named[0]] = dict(zip(others, own, strict=True))
    if not values and sources:
        raise InputError(
            f"{path}: names none of the videos. Expected in the column {_VIDEO!r} names such as "
            f"{Path(sources[0]).name!r}, found {', '.join(map(repr, unknown[:_NAMES])) or 'no row'}"
        )
    missing = [source for source in sources if source not in values]
    notes = []
    if unknown:
        notes.append(f"{path}: names videos that are not in the study: {_some(unknown)}")
    if missing:
        notes.append(f"{path}: does not name {_some(missing)}; in no group")
    return Covariates(columns=others, values=values, notes=tuple(notes))


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    if len(columns) < 2:
        raise InputError(f"{path}: expected a column beside {_VIDEO!r}, such as 'condition'")
    counts = Counter(columns)
    if bad := [name for name in columns if not name or counts[name] > 1 or name in _RESERVED]:
        raise InputError(f"{path}: cannot have a column {bad[0]!r}, or has it twice. Rename it")


def _by_name(sources: Sequence[str]) -> Mapping[str, list[str]]:
    """Return the videos by all ends of their paths, with and without ending; a path goes first.

    The ends are composed (`_composed`); a path is there as it was given, too, since two files may
    have names that look the same.
    """
    names: defaultdict[str, list[str]] = defaultdict(list)
    paths: defaultdict[str, list[str]] = defaultdict(list)
    for source in sources:
        path = _with_slashes(source)
        parts = _composed(path).split("/")
        ending = _composed(Path(source).suffix)
        ends = ["/".join(parts[place:]) for place in range(len(parts))]
        for name in {*ends, *(end.removesuffix(ending) for end in ends)}:
            names[name].append(source)
        paths[_composed(path)].append(source)
    return {**names, **paths, **{_with_slashes(source): [source] for source in sources}}


def _composed(text: str) -> str:
    """Return a text with one character for an accented letter (NFC); archives of macOS have two."""
    return unicodedata.normalize("NFC", text)


def _with_slashes(path: str) -> str:
    return path.replace("\\", "/")


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")
