"""Strict reading of JSON and TOML documents into dataclasses, all faults reported together.

Specs and recipes are both such documents; a pydantic would do the same for three times the size of
everything else that the run side imports.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterator, Mapping
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

    Unknown fields, missing fields and values of the wrong type are collected; a table's checks in
    `__post_init__` run once its own fields are clean, whatever is wrong in the other tables.

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
            known[field.name] = _decode(hints[field.name], item, name, faults)
        elif field.default is field.default_factory is dataclasses.MISSING:
            faults.append(f"field '{prefix}{field.name}' is missing")
    if len(faults) > before:
        return None
    try:
        return kind(**known)
    except FieldError as error:
        faults.append(str(error))
        return None


def _note(faults: list[str], path: str, expected: str, found: object) -> None:
    faults.append(f"field '{path}': expected {expected}, found {found!r}")
