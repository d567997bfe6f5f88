"""Recipes: TOML files with everything that decides a training."""

from __future__ import annotations

import dataclasses
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from mien._decode import FieldError, decode
from mien._reading import read_toml
from mien.errors import RecipeError

__all__ = ["read_recipe", "recipe_document", "recipe_text", "shipped_recipes"]

T = TypeVar("T")


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes that come with mien by name (`emotion` for `emotion.toml`)."""
    folder = Path(str(resources.files("mien.training"))) / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_recipe(kind: type[T], recipe: str | Path) -> T:
    """Read a recipe.

    Args:
        kind: The recipe's dataclass; its fields are the file's keys.
        recipe: A path, or the name of a shipped recipe.

    Raises:
        RecipeError: The file cannot be read, is not TOML, or has unknown or missing keys or values
            of a wrong type or range. One message names all of them.
    """
    path = shipped_recipes().get(str(recipe), Path(recipe))
    names = ", ".join(shipped_recipes())
    expected = f"a recipe, which is a TOML file, or one of {names}"
    document = read_toml(path, RecipeError, expected=expected)
    try:
        return decode(kind, document)
    except FieldError as error:
        raise RecipeError(f"{path}:\n{error}") from error


def recipe_document(recipe: Any) -> dict[str, Any]:
    """Return a recipe as TOML's types; keys whose value is None are left out."""
    return dict(_as_document(dataclasses.asdict(recipe)))


def recipe_text(recipe: Any) -> str:
    """Return a recipe as the text of a recipe file with every key."""
    return tomli_w.dumps(recipe_document(recipe))


def _as_document(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_document(item) for key, item in value.items() if item is not None}
    if isinstance(value, tuple):
        return [_as_document(item) for item in value]
    return value
