"""Write what is derived from columns: tables of rows and action units, the page's types, studies.

python docs/columns.py
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mien.columns import COLUMNS, UNIT_COLUMNS, UNIT_MEANINGS, Column
from mien.study.columns import FRAME_UNITS, TABLES
from mien.units import ACTION_UNITS

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "docs" / "columns.md"
TYPES = ROOT / "web" / "src" / "engine" / "row.ts"
STUDY = ROOT / "docs" / "study.md"
UNITS = ROOT / "docs" / "units.md"

KINDS = {"text": "string", "integer": "number", "number": "number", "boolean": "boolean"}


def table(columns: Sequence[Column]) -> str:
    """Return the table of result rows: one line per column."""
    lines = ["| column | in JSON | value | meaning |", "| --- | --- | --- | --- |"]
    for column in columns:
        place = "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in column.path
        )
        lines.append(f"| `{column.name}` | `{place[1:]}` | {_values(column)} | {column.meaning} |")
    return "\n".join(lines)


def types() -> str:
    """Return the page's module of row types and columns."""

    def listed(columns: Sequence[Column]) -> list[str]:
        return [
            f"  [{_quoted(column.name)}, [{', '.join(map(_quoted, column.path))}]],"
            for column in columns
        ]

    return "\n".join(
        [
            "/** Result rows and their columns, written by `python docs/columns.py`. */",
            "",
            "/** One face of one frame, as in Python's JSON. */",
            *_interface("FaceRow", "face")[:-1],
            *_unit_fields(),
            "}",
            "",
            "/** What could not be read. */",
            *_interface("ErrorRow", "error"),
            "",
            "export type Row = FaceRow | ErrorRow;",
            "",
            "/** The columns of CSV, each with where its value stands in a row. */",
            "type Path = readonly (string | number)[];",
            "export const COLUMNS: readonly (readonly [string, Path])[] = [",
            *listed(COLUMNS),
            "];",
            "",
            "/** Those of expression units, behind the others. */",
            "export const UNIT_COLUMNS: typeof COLUMNS = [",
            *listed(UNIT_COLUMNS),
            "];",
            "",
        ]
    )


def rows() -> str:
    """Return the page on result rows with the tables in their places."""
    page = _placed(ROWS.read_text(encoding="utf-8"), "columns", table(COLUMNS))
    return _placed(page, "units", table(UNIT_COLUMNS))


def units() -> str:
    """Return the page on expression units with the table of action units in its place."""
    lines = [
        "| action unit | its name in FACS | coefficients | match |",
        "| --- | --- | --- | --- |",
    ]
    for each in ACTION_UNITS:
        names = dict.fromkeys(
            name.removesuffix("Left").removesuffix("Right") for name in each.units
        )
        coefficients = ", ".join(f"`{name}`" for name in names)
        match = f"{each.match}: {each.remark}" if each.remark else each.match
        lines.append(f"| {each.label} | {each.name} | {coefficients} | {match} |")
    return _placed(UNITS.read_text(encoding="utf-8"), "action units", "\n".join(lines))


def _placed(page: str, mark: str, text: str) -> str:
    """Return a page with a text between its two marks."""
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    before, rest = page.split(begin)
    return before + begin + text + "\n" + end + rest.split(end)[1]


def study() -> str:
    """Return the page on studies with the columns of its tables in their place."""
    page = STUDY.read_text(encoding="utf-8")
    lines: list[str] = []
    for each in TABLES:
        lines += [f"### {each.name}", "", f"{each.title[0].upper()}{each.title[1:]}.", ""]
        lines += ["| column | value | meaning |", "| --- | --- | --- |"]
        lines += [f"| `{c.name}` | {_values(c)} | {c.meaning} |" for c in each.columns]
        if each.name == "frames":
            first, last = FRAME_UNITS[0].name, FRAME_UNITS[-1].name
            lines += ["", f"With `--units` it has {len(FRAME_UNITS)} columns more, `{first}` to "]
            lines[-1] += (
                f"`{last}`: those of [result rows](columns.md), none where there is no face."
            )
        lines.append("")
    return _placed(page, "study", "\n".join(lines).rstrip("\n"))


def main() -> None:
    """Write all of them."""
    STUDY.write_text(study(), encoding="utf-8")
    ROWS.write_text(rows(), encoding="utf-8")
    UNITS.write_text(units(), encoding="utf-8")
    TYPES.write_text(types(), encoding="utf-8")


def _values(column: Column) -> str:
    if column.values:
        return ", ".join(column.values)
    values: str = column.kind
    if column.minimum is not None and column.maximum is not None:
        values = f"{column.minimum:g} to {column.maximum:g}"
    if column.unit:
        values += f" {column.unit}" if column.maximum is not None else f" in {column.unit}"
    return values + (", or none" if column.nullable else "")


def _interface(name: str, rows: str) -> list[str]:
    lines = [f"export interface {name} {{"]
    fields: dict[str, list[Column]] = {}
    for column in COLUMNS:
        if column.rows in (rows, "both"):
            fields.setdefault(str(column.path[0]), []).append(column)
    for field, columns in fields.items():
        if len(columns) == 1 and len(columns[0].path) == 1:
            lines += [f"  /** {_meaning(columns[0])} */", f"  {field}: {_type(columns[0])};"]
        elif isinstance(columns[0].path[1], int):
            names = ", ".join(f"{column.name}: {_type(column)}" for column in columns)
            lines += [f"  /** In {columns[0].unit}. */", f"  {field}: [{names}];"]
        else:
            lines.append(f"  {field}: {{")
            for column in columns:
                lines += [
                    f"    /** {_meaning(column)} */",
                    f"    {column.path[1]}: {_type(column)};",
                ]
            lines.append("  };")
    return [*lines, "}"]


def _unit_fields() -> list[str]:
    """Return the fields of expression units, which only rows that were made with them have."""
    lines = []
    for field in dict.fromkeys(str(column.path[0]) for column in UNIT_COLUMNS):
        columns = [column for column in UNIT_COLUMNS if column.path[0] == field]
        if len(columns[0].path) == 1:
            lines += [f"  /** {_meaning(columns[0])} */", f"  {field}?: {_type(columns[0])};"]
            continue
        by_name = field != "pose"
        inner = "; ".join(f"{column.path[1]}: {KINDS[column.kind]}" for column in columns)
        kind = "Record<string, number>" if by_name else f"{{ {inner} }}"
        lines += [f"  /** {UNIT_MEANINGS[field]}. */", f"  {field}?: {kind} | null;"]
    return lines


def _meaning(column: Column) -> str:
    unit = f", in {column.unit}" if column.unit else ""
    return f"{column.meaning[0].upper()}{column.meaning[1:]}{unit}."


def _type(column: Column) -> str:
    return KINDS[column.kind] + (" | null" if column.nullable else "")


def _quoted(part: str | int) -> str:
    return str(part) if isinstance(part, int) else f'"{part}"'


if __name__ == "__main__":
    main()
