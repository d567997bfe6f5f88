"""Write what is derived from columns: the table of rows, the page's types, a study's tables.

python docs/columns.py
"""

from __future__ import annotations

from pathlib import Path

from mien.columns import COLUMNS, Column
from mien.study.columns import TABLES

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "docs" / "columns.md"
TYPES = ROOT / "web" / "src" / "engine" / "row.ts"
STUDY = ROOT / "docs" / "study.md"
MARKS = ("<!-- columns -->\n", "\n<!-- /columns -->")

KINDS = {"text": "string", "integer": "number", "number": "number", "boolean": "boolean"}


def table() -> str:
    """Return the table of result rows: one line per column."""
    lines = ["| column | in JSON | value | meaning |", "| --- | --- | --- | --- |"]
    for column in COLUMNS:
        place = "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in column.path
        )
        lines.append(f"| `{column.name}` | `{place[1:]}` | {_values(column)} | {column.meaning} |")
    return "\n".join(lines)


def types() -> str:
    """Return the page's module of row types and columns."""
    columns = [
        f"  [{_quoted(column.name)}, [{', '.join(map(_quoted, column.path))}]],"
        for column in COLUMNS
    ]
    return "\n".join(
        [
            "/** Result rows and their columns, written by `python docs/columns.py`. */",
            "",
            "/** One face of one frame, as in Python's JSON. */",
            *_interface("FaceRow", "face"),
            "",
            "/** What could not be read. */",
            *_interface("ErrorRow", "error"),
            "",
            "export type Row = FaceRow | ErrorRow;",
            "",
            "/** The columns of CSV, each with where its value stands in a row. */",
            "type Path = readonly (string | number)[];",
            "export const COLUMNS: readonly (readonly [string, Path])[] = [",
            *columns,
            "];",
            "",
        ]
    )


def rows() -> str:
    """Return the page on result rows with the table in its place."""
    before, rest = ROWS.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    return before + MARKS[0] + table() + MARKS[1] + after


def study() -> str:
    """Return the page on studies with the columns of its tables in their place."""
    begin, end = "<!-- study -->\n", "<!-- /study -->"
    before, rest = STUDY.read_text(encoding="utf-8").split(begin)
    lines = []
    for each in TABLES:
        lines += [f"### {each.name}", "", f"{each.title[0].upper()}{each.title[1:]}.", ""]
        lines += ["| column | value | meaning |", "| --- | --- | --- |"]
        lines += [f"| `{c.name}` | {_values(c)} | {c.meaning} |" for c in each.columns]
        lines.append("")
    return before + begin + "\n".join(lines) + end + rest.split(end)[1]


def main() -> None:
    """Write all of them."""
    STUDY.write_text(study(), encoding="utf-8")
    ROWS.write_text(rows(), encoding="utf-8")
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


def _meaning(column: Column) -> str:
    unit = f", in {column.unit}" if column.unit else ""
    return f"{column.meaning[0].upper()}{column.meaning[1:]}{unit}."


def _type(column: Column) -> str:
    return KINDS[column.kind] + (" | null" if column.nullable else "")


def _quoted(part: str | int) -> str:
    return str(part) if isinstance(part, int) else f'"{part}"'


if __name__ == "__main__":
    main()
