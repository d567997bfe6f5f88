"""Strict reading of JSON and TOML documents into dataclasses, all faults reported together.

Specs and recipes are both such documents; a pydantic would do the same for three times the size of
everything else that the run side imports.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import difflib
import itertools
import math
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

T = TypeVar("T")


class FieldError(ValueError):
    """A field holds what it must not; the message names it."""


_together: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar(
    "_together", default=None
)


def demand(condition: bool, field: str, expected: str, found: object) -> None:
    """Raise a `FieldError` for `field` unless `condition` holds."""
    if condition:
        return
    fault = f"field '{field}': expected {expected}, found {found!r}"
    faults = _together.get()
    if faults is None:
        raise FieldError(fault)
    faults.append(fault)


@contextlib.contextmanager
def all_demands() -> Iterator[None]:
    """Report the demands of a block that do not hold in one `FieldError` at its end."""
    faults: list[str] = []
    token = _together.set(faults)
    try:
        yield
    finally:
        _together.reset(token)
    if faults:
        raise FieldError("\n".join(faults))


def decode(kind: type[T], document: object) -> T:
    """Build the dataclass `kind` from a parsed document.

    Unknown fields, missing fields and values of the wrong type are collected, and with them what a
    table's checks in `__post_init__` demand of its other fields. These name their fields as the
    table does; here they get the dotted name.

    Raises:
        FieldError: Something is wrong; one line per fault, each naming its field.
    """
    faults: list[str] = []
    value = _decode(kind, document, "", faults)
    if faults:
        raise FieldError("\n".join(faults))
    return typing.cast(T, value)


def _decode(kind: Any, value: Any, path: str, faults: list[str]) -> Any:
    """Decode one value; `path` is the field's dotted name. Faults are appended, not raised."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(typing.cast(type, kind), value, path, faults)
    if origin in (types.UnionType, typing.Union):
        inner = next(argument for argument in arguments if argument is not types.NoneType)
        return None if value is None else _decode(inner, value, path, faults)
    if origin is tuple and isinstance(value, list):
        if arguments[-1] is not Ellipsis and len(value) != len(arguments):
            _note(faults, path, f"{len(arguments)} values", value)
        names = [f"{path}[{index}]" for index in range(len(value))]
        pairs = zip(value, names, strict=True)
        return tuple(_decode(arguments[0], item, name, faults) for item, name in pairs)
    if origin is Mapping and isinstance(value, dict):
        items = value.items()
        return {key: _decode(arguments[1], item, f"{path}.{key}", faults) for key, item in items}
    return _decode_plain(kind, value, path, faults)


def _decode_plain(kind: Any, value: Any, path: str, faults: list[str]) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        if value not in arguments:
            _note(faults, path, f"one of {', '.join(map(str, arguments))}", value)
    elif origin is tuple:
        _note(faults, path, "a list", value)
    elif origin is Mapping:
        _note(faults, path, "a table", value)
    elif kind is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and math.isfinite(value):
            return float(value)
        _note(faults, path, "a finite number", value)
    elif not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        _note(faults, path, kind.__name__, value)
    return value


def _decode_dataclass(kind: type, value: Any, path: str, faults: list[str]) -> Any:
    if not isinstance(value, dict):
        _note(faults, path or "the document", "a table", value)
        return None
    hints = typing.get_type_hints(kind)
    prefix = f"{path}." if path else ""
    before = len(faults)
    known = {}
    for key in value:
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(hints)}"
            faults.append(f"field '{prefix}{key}' is unknown{hint}")
    for field in dataclasses.fields(kind):
        if field.name in value:
            item, name = value[field.name], prefix + field.name
            faulty = len(faults)
            decoded = _decode(hints[field.name], item, name, faults)
            if len(faults) == faulty:
                known[field.name] = decoded
        elif field.default is field.default_factory is dataclasses.MISSING:
            faults.append(f"field '{prefix}{field.name}' is missing")
    clean = len(faults) == before
    wrong = [name for name in value if name in hints and name not in known]
    found = _checked(kind, known, wrong, hints)
    faults += [_in_table(line, prefix, value, hints) for line in found[1]]
    return found[0] if clean else None


def _checked(
    kind: type, known: Mapping[str, Any], wrong: Sequence[str], hints: Mapping[str, Any]
) -> tuple[Any, list[str]]:
    """Build a table and return it with the faults that its checks find.

    Fields of the wrong type take their default, or each of their choices in turn: a fault counts
    if it stands whatever they are.
    """
    choices = {
        name: typing.get_args(hints[name])
        for name in wrong
        if typing.get_origin(hints[name]) is Literal
    }
    if any(
        field.name not in {**known, **choices} and field.default is field.default_factory
        for field in dataclasses.fields(kind)
    ):
        return None, []  # a field that has no default is missing or wrong
    built, standing = None, list[str]()
    for number, chosen in enumerate(itertools.product(*choices.values())):
        try:
            built = kind(**known, **dict(zip(choices, chosen, strict=True)))
            lines = []
        except FieldError as error:
            lines = str(error).split("\n")
        standing = [line for line in lines if not number or line in standing]
    return built, [line for line in standing if not set(wrong) & set(_names(line))]


def _names(line: str) -> list[str]:
    """Return the fields that a fault names: 'widths and depths' are two."""
    return re.findall(r"\w+", line.partition("'")[2].partition("':")[0])


def _in_table(line: str, prefix: str, given: Mapping[str, Any], hints: Mapping[str, Any]) -> str:
    """Give a fault's field its dotted name; of several say which ones nobody wrote."""
    names = [name for name in _names(line) if name in hints]
    defaults = [name for name in names if name not in given] if len(names) > 1 else []
    line = line.replace("field '", f"field '{prefix}", 1)
    return line + "".join(f"; {name} is the default" for name in defaults)


def _note(faults: list[str], path: str, expected: str, found: object) -> None:
    faults.append(f"field '{path}': expected {expected}, found {found!r}")
