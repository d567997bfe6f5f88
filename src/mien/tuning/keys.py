"""The keys of a recipe, dotted as in `network.dropout` or `network.widths[0]`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from mien._decode import decode
from mien.training import recipe_document

__all__ = ["nearest_key", "recipe_values", "with_values"]

T = TypeVar("T")


def recipe_values(recipe: Any) -> dict[str, Any]:
    """Return a recipe's values by dotted key; a list and each of its items have their own keys."""
    return dict(_walk(recipe_document(recipe), ""))


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, f"{path}.{key}" if path else key)
        return
    yield path, value
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield f"{path}[{index}]", item


def nearest_key(key: str, recipe: Any) -> str | None:
    """Return the recipe's key whose spelling is closest to `key`, or None if none is close."""
    known = list(recipe_values(recipe))
    found = difflib.get_close_matches(key, known, n=1)
    if found:
        return str(found[0])
    # `dropout` and `network.dropout` differ in many letters, so that the last parts are compared.
    last = {name.rpartition(".")[2]: name for name in reversed(known)}
    near = difflib.get_close_matches(key.rpartition(".")[2], list(last), n=1)
    return last[near[0]] if near else None


def with_values(recipe: T, values: Mapping[str, Any]) -> T:
    """Return the recipe with other values.

    Args:
        recipe: A recipe's dataclass.
        values: The new values by dotted key; the recipe has all these keys.

    Raises:
        FieldError: The recipe does not accept a value or the combination.
    """
    document = recipe_document(recipe)
    for key, value in values.items():
        *path, last = [
            int(part) if part.isdecimal() else part for part in re.findall(r"[^.\[\]]+", key)
        ]
        place: Any = document
        for part in path:
            place = place[part]
        place[last] = value
    return decode(type(recipe), document)
