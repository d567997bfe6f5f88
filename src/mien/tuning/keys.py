"""The keys of a recipe, dotted as in `network.dropout` or `network.widths[0]`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from mien._decode import decode
from mien.training import recipe_document

__all__ = ["changed", "known_keys", "nearest_key"]

T = TypeVar("T")


def known_keys(recipe: Any) -> dict[str, Any]:
    """Return a recipe's values by dotted key; a list's items have keys of their own beside it."""
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
    """Return the recipe's key that is spelled most like `key`, or None if none is near."""
    known = list(known_keys(recipe))
    found = difflib.get_close_matches(key, known, n=1)
    if found:
        return str(found[0])
    # `dropout` is far from `network.dropout` letter by letter, and yet what was meant.
    last = {name.rpartition(".")[2]: name for name in reversed(known)}
    near = difflib.get_close_matches(key.rpartition(".")[2], list(last), n=1)
    return last[near[0]] if near else None


def changed(recipe: T, values: Mapping[str, Any]) -> T:
    """Return the recipe with other values.

    Args:
        recipe: A recipe's dataclass.
        values: What to change, by dotted key; the keys are known ones.

    Raises:
        FieldError: The recipe refuses a value or their combination.
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
