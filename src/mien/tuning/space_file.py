"""Reading a search space from TOML and checking it against the recipe that it varies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeGuard

from mien._decode import FieldError, shown
from mien._reading import read_toml
from mien.errors import RecipeError
from mien.tuning.keys import nearest_key, recipe_values, with_values
from mien.tuning.space import MAX_GRID, OBJECTIVES, Parameter, Space

__all__ = ["read_space", "shipped_spaces"]

_MAX_NUMBER = 1e15
_MAX_CHOICES = 1000
_MAX_DEPTH = 8
"""A recipe's tables lie at most two deep."""

_FIELDS = ("choices", "low", "high", "step", "log", "when")


def shipped_spaces() -> dict[str, Path]:
    """Return the spaces that come with mien by name (`fer-pp` for `fer-pp.toml`)."""
    folder = Path(str(resources.files("mien.tuning"))) / "spaces"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_space(space: str | Path, recipe: Any) -> Space:
    """Read a search space for a recipe.

    Args:
        space: A path, or the name of a shipped space.
        recipe: The recipe's dataclass whose keys vary.

    Raises:
        RecipeError: The file cannot be read, is not TOML, or has faults: keys that the recipe does
            not have, values that it does not accept, incomplete ranges, conditions that cannot
            hold. One message names all of them.
    """
    path = shipped_spaces().get(str(space), Path(space))
    names = ", ".join(shipped_spaces())
    expected = f"a search space, which is a TOML file, or one of {names}"
    document = read_toml(path, RecipeError, expected=expected)
    faults = [
        f"field '{key}' is unknown; known are objective, parameters"
        for key in document
        if key not in ("objective", "parameters")
    ]
    objective = document.get("objective", "score")
    if objective not in OBJECTIVES:
        faults.append(
            f"objective: expected one of {', '.join(OBJECTIVES)}, found {shown(objective)}"
        )
    parameters: list[Parameter] = []
    tables = document.get("parameters")
    if not isinstance(tables, dict) or not tables:
        faults.append("parameters: expected a table with at least one key of the recipe")
    else:
        for key, table in _flat(tables, ""):
            found = _parameter_faults(key, table, recipe, parameters)
            faults += [f"parameters.{key}: {fault}" for fault in found]
    if faults:
        raise RecipeError("\n".join([f"{path}:", *faults]))
    return Space(objective=objective, parameters=tuple(parameters))


def _flat(tables: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """Yield parameters by dotted key; a table with `choices`, `low` or `high` is one."""
    for key, table in tables.items():
        name = f"{path}.{key}" if path else key
        inner = isinstance(table, dict) and table and not {"choices", "low", "high"} & set(table)
        if (
            inner
            and name.count(".") < _MAX_DEPTH
            and all(isinstance(item, dict) for item in table.values())
        ):
            yield from _flat(table, name)
        else:
            yield name, table


def _parameter_faults(key: str, table: Any, recipe: Any, earlier: list[Parameter]) -> Iterator[str]:
    """Check one parameter, yield its faults, and append it to the earlier ones if it has none."""
    known = recipe_values(recipe)
    if key not in known:
        near = nearest_key(key, recipe)
        hint = f"; did you mean '{near}'?" if near else f"; known are {', '.join(known)}"
        yield f"the recipe has no such key{hint}"
        return
    if not isinstance(table, dict):
        yield f"expected a table with choices, or with low and high, found {shown(table)}"
        return
    faults = [
        *(f"field '{name}' is unknown" for name in table if name not in _FIELDS),
        *(_choice_faults(table) if "choices" in table else _range_faults(table)),
        *_condition_faults(table.get("when", {}), earlier),
    ]
    if not faults:
        choices = tuple(table["choices"]) if "choices" in table else None
        parameter = Parameter(
            key=key,
            choices=choices,
            **{name: table[name] for name in ("low", "high", "step", "log") if name in table},
            when={name: _listed(value) for name, value in table.get("when", {}).items()},
        )
        faults = list(_refused(parameter, recipe))
        earlier.append(parameter)
    yield from faults


def _choice_faults(table: Mapping[str, Any]) -> Iterator[str]:
    choices = table["choices"]
    if not isinstance(choices, list) or len(choices) < 2:
        yield f"choices: expected a list of at least two values, found {shown(choices)}"
    elif len(choices) > _MAX_CHOICES:
        yield f"choices: expected at most {_MAX_CHOICES} values, found {len(choices):,}"
    elif any(choice in choices[:place] for place, choice in enumerate(choices)):
        yield f"choices: expected different values, found {shown(choices)}"
    for name in ("low", "high", "step", "log"):
        if name in table:
            yield f"{name} belongs to a range, and choices are given"


def _range_faults(table: Mapping[str, Any]) -> Iterator[str]:
    low, high, step = table.get("low"), table.get("high"), table.get("step")
    if not _number(low) or not _number(high):
        expected = f"choices, or numbers low and high from -{_MAX_NUMBER:g} to {_MAX_NUMBER:g}"
        yield f"expected {expected}, found {shown(table)}"
        return
    if low >= high:
        yield f"expected low below high, found {shown(low)} and {shown(high)}"
    log = table.get("log", False)
    if not isinstance(log, bool):
        yield f"log: expected true or false, found {shown(log)}"
    elif log and low <= 0:
        yield f"log: expected low above 0, found {low}"
    elif log and step is not None:
        yield "log and step exclude each other; give one of them"
    integers = isinstance(low, int) and isinstance(high, int)
    if step is not None and (not _number(step) or step <= 0):
        yield f"step: expected a number above 0, found {shown(step)}"
    elif step is not None and integers and step != int(step):
        yield f"step: expected a whole number, as low and high are, found {step}"
    elif step is not None and (high - low) / step > MAX_GRID:
        yield f"step: expected at most {MAX_GRID:,} steps from low to high, found {step}"


def _number(value: Any) -> TypeGuard[float]:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return plain and -_MAX_NUMBER <= value <= _MAX_NUMBER


def _condition_faults(when: Any, earlier: list[Parameter]) -> Iterator[str]:
    if not isinstance(when, dict):
        yield f"when: expected a table of parameters and values, found {shown(when)}"
        return
    by_key = {parameter.key: parameter for parameter in earlier}
    for key, wanted in when.items():
        if key not in by_key or by_key[key].choices is None:
            yield f"when: expected a parameter with choices that stands before, found '{key}'"
            continue
        impossible = [
            value for value in _listed(wanted) if value not in by_key[key].labels.values()
        ]
        if impossible:
            yield f"when: {key} is never {' or '.join(map(shown, impossible))}"


def _listed(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def _refused(parameter: Parameter, recipe: Any) -> Iterator[str]:
    """Try every choice, or both ends of the range, in the recipe."""
    values = parameter.choices if parameter.choices is not None else parameter.bounds
    for value in values:
        try:
            with_values(recipe, {parameter.key: value})
        except FieldError as error:
            yield f"{shown(value)} is refused: {error}"
