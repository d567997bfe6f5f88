"""The pages of the site that are drawn from the program: every command, and the REST API.

While the site is built, `docs/conf.py` puts them below the heads of `docs/cli.md` and
`docs/rest.md`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from mien.cli import app
from mien.server import ServerOptions, create_app

WIDTH = 96


def command_line() -> str:
    """Return the help of every command, one section each."""
    return "\n\n".join(
        f"## {' '.join(('mien', *path))}\n\n```text\n{_help(path)}\n```"
        for path in _paths(typer.main.get_command(app))
    )


def rest() -> str:
    """Return the REST API as its OpenAPI description says, one section per address."""
    with tempfile.TemporaryDirectory() as folder:
        described = create_app(ServerOptions(jobs=Path(folder) / "jobs")).openapi()
    sections = [
        _operation(method.upper(), address, operation)
        for address, operations in described["paths"].items()
        for method, operation in operations.items()
    ]
    return "\n\n".join(sections)


def _paths(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the names of each command and of those below it."""
    yield path
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from _paths(inner, (*path, name))


def _help(path: tuple[str, ...]) -> str:
    width = {"COLUMNS": str(WIDTH), "TERMINAL_WIDTH": str(WIDTH)}
    return CliRunner().invoke(app, [*path, "--help"], env=width, prog_name="mien").stdout.strip()


def _operation(method: str, address: str, operation: dict[str, Any]) -> str:
    parts = [f"## {method} {address}", f"{operation['summary']}."]
    if body := operation.get("requestBody", {}).get("content"):
        parts.append("Body: " + ", ".join(f"`{kind}`" for kind in body) + ".")
    if parameters := operation.get("parameters"):
        rows = [
            f"| `{each['name']}` | {each['in']} | {_values(each['schema'])} | "
            f"{each.get('description', '')} |"
            for each in parameters
        ]
        parts.append("| parameter | in | value | meaning |\n| --- | --- | --- | --- |")
        parts[-1] += "\n" + "\n".join(rows)
    rows = [
        f"| {status} | {answer['description']} | "
        + ", ".join(f"`{kind}`" for kind in answer.get("content", {}))
        + " |"
        for status, answer in sorted(operation["responses"].items())
    ]
    parts.append("| answer | meaning | type |\n| --- | --- | --- |\n" + "\n".join(rows))
    return "\n\n".join(parts)


def _values(schema: dict[str, Any]) -> str:
    """Return what a parameter may be: its type, range and default."""
    kind = next((each for each in schema.get("anyOf", ()) if each["type"] != "null"), schema)
    said = ", ".join(map(str, kind["enum"])) if "enum" in kind else kind.get("type", "text")
    low = kind.get("minimum", kind.get("exclusiveMinimum"))
    if low is not None and "maximum" in kind:
        said += f", {low:g} to {kind['maximum']:g}"
    elif low is not None:
        said += f", from {low:g}"
    return said + (f"; default {schema['default']}" if "default" in schema else "")
