"""Write `recipes.md`, the reference of the recipes' keys, from their dataclasses.

python docs/recipes.py
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from mien.training import DetectorRecipe, EmotionRecipe, UnitRecipe

PAGE = Path(__file__).with_name("recipes.md")

HEAD = """# The keys of a recipe

A recipe is a TOML file; a key that it does not name has its default. `mien train emotion`,
`mien train detector` and `mien train units` take one with `--recipe mine.toml`, `mien tune` varies
that of an emotion network, and a wrong or unknown key is named before anything is read. The shipped
ones lie in `src/mien/training/recipes`. This page is written by `python docs/recipes.py`.
"""


KINDS = (("emotion", EmotionRecipe), ("detector", DetectorRecipe), ("units", UnitRecipe))


def page() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for title, kind in KINDS:
        parts.append(f"## mien train {title}\n")
        parts += _tables(kind, "")
    return "\n".join(parts)


def _tables(kind: type, name: str, *, optional: bool = False) -> Iterator[str]:
    """Yield the table of a dataclass and then those of the dataclasses in it."""
    hints, said = typing.get_type_hints(kind), _attributes(kind)
    if name:
        without = " There is none unless the recipe has this table." if optional else ""
        yield f"### [{name}]\n\n{_sentence(kind)}{without}\n"
    lines, inner = ["| key | default | what |", "| --- | --- | --- |"], []
    for field in dataclasses.fields(kind):
        table = next(
            (each for each in _kinds(hints[field.name]) if dataclasses.is_dataclass(each)), None
        )
        if table is not None:
            inner.append((table, field.name, field.default is None))
            continue
        what = said[field.name] + _choices(hints[field.name])
        lines.append(f"| `{field.name}` | {_default(field)} | {what} |")
    yield "\n".join(lines) + "\n"
    for table, key, absent in inner:
        yield from _tables(table, f"{name}.{key}" if name else key, optional=absent)


def _kinds(hint: Any) -> tuple[Any, ...]:
    """Return what a hint may be: `X | None` is X and None."""
    union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    return typing.get_args(hint) if union else (hint,)


def _choices(hint: Any) -> str:
    if typing.get_origin(hint) is not Literal:
        return ""
    return f" One of {', '.join(f'`{choice}`' for choice in typing.get_args(hint))}."


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return "none: it has to be given"
    if field.default is None:
        return "none"
    return f"`{json.dumps(field.default)}`"


def _sentence(kind: type) -> str:
    return re.sub(r"\s+", " ", inspect.getdoc(kind).partition("\n\n")[0])


def _attributes(kind: type) -> dict[str, str]:
    """Return what a dataclass's docstring says of each of its attributes."""
    text = inspect.getdoc(kind).partition("Attributes:\n")[2]
    found = re.findall(r"^    (\w+): (.*(?:\n     +.*)*)", text, re.MULTILINE)
    return {name: re.sub(r"\s+", " ", said) for name, said in found}


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
