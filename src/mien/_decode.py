"""Strict decoding of JSON and TOML documents into dataclasses; all faults are reported together.

Specs and recipes are such documents. pydantic could do this too, but it is three times as large as
all other imports of the analysis.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import difflib
import itertools
import math
import re
import reprlib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

T = TypeVar("T")


class FieldError(ValueError):
    """A field has an invalid value; the message names the field."""


_collected_faults: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar(
    "_collected_faults", default=None
)


_LARGEST_INT = 2**63 - 1
"""Whole numbers fit into 64 bits, as numpy, torch and databases hold them."""

_MAX_FAULTS = 20
"""Faults of a document in a message."""

_MAX_SHOWN = 200
"""Characters of a value in a message."""


def shown(value: object) -> str:
    """Return a value for a message: whole if it is short, else shortened.

    A value of a stranger's document may be nested too deeply for `repr`, or have a number of more
    digits than Python prints.
    """
    try:
        text = repr(value)
    except (RecursionError, ValueError):
        text = ""
    if text and len(text) <= _MAX_SHOWN:
        return text
    if isinstance(value, int):
        return f"a number of {value.bit_length()} bits"
    try:
        return reprlib.repr(value)
    except (RecursionError, ValueError):
        return f"a {type(value).__name__} that is too large to show"


def demand(condition: bool, field: str, expected: str, found: object) -> None:
    """Raise a `FieldError` for `field` unless `condition` holds."""
    if condition:
        return
    fault = f"field '{field}': expected {expected}, found {shown(found)}"
    faults = _collected_faults.get()
    if faults is None:
        raise FieldError(fault)
    faults.append(fault)


@contextlib.contextmanager
def all_demands() -> Iterator[None]:
    """Collect the faults of all demands in a block, and raise one `FieldError` at its end."""
    faults: list[str] = []
    token = _collected_faults.set(faults)
    try:
        yield
    finally:
        _collected_faults.reset(token)
    if faults:
        raise FieldError("\n".join(faults))


def decode(kind: type[T], document: object) -> T:
    """Build the dataclass `kind` from a parsed document.

    Collected are unknown fields, missing fields, values of the wrong type, and the faults that the
    `__post_init__` of a table finds in the other fields. Each fault names its field with the dotted
    path from the document's root.

    Raises:
        FieldError: The document has faults; one line per fault.
    """
    faults: list[str] = []
    value = _decode(kind, document, "", faults)
    if len(faults) > _MAX_FAULTS:
        faults = [*faults[:_MAX_FAULTS], f"and {len(faults) - _MAX_FAULTS:,} more faults"]
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
    if origin in (Mapping, dict) and isinstance(value, dict):
        items = value.items()
        if not all(map(_is_text, value)):
            _note(faults, path, "keys that are valid Unicode", value)
        return {key: _decode(arguments[1], item, f"{path}.{key}", faults) for key, item in items}
    return _decode_plain(kind, value, path, faults)


def _decode_plain(kind: Any, value: Any, path: str, faults: list[str]) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        if value not in arguments:
            _note(faults, path, f"one of {', '.join(map(str, arguments))}", value)
    elif origin is tuple:
        _note(faults, path, "a list", value)
    elif origin in (Mapping, dict):
        _note(faults, path, "a table", value)
    elif kind is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        # A whole number may be too large for a float.
        if number and (isinstance(value, int) or math.isfinite(value)):
            with contextlib.suppress(OverflowError):
                return float(value)
        _note(faults, path, "a finite number", value)
    elif kind is int and isinstance(value, int) and abs(value) > _LARGEST_INT:
        _note(faults, path, "a whole number of at most 64 bits", value)
    elif kind is str and isinstance(value, str) and not _is_text(value):
        _note(faults, path, "text that is valid Unicode", value)
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
    decoded_fields = {}
    for key in value:
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(hints)}"
            plain = key.isprintable() and len(key) <= _MAX_SHOWN
            name = prefix + (key if plain else shown(key)[1:-1])
            faults.append(f"field '{name}' is unknown{hint}")
    for field in dataclasses.fields(kind):
        if field.name in value:
            item, name = value[field.name], prefix + field.name
            faulty = len(faults)
            decoded = _decode(hints[field.name], item, name, faults)
            if len(faults) == faulty:
                decoded_fields[field.name] = decoded
        elif field.default is field.default_factory is dataclasses.MISSING:
            faults.append(f"field '{prefix}{field.name}' is missing")
    has_no_faults = len(faults) == before
    invalid = [name for name in value if name in hints and name not in decoded_fields]
    table, table_faults = _build_table(kind, decoded_fields, invalid, hints)
    faults += [_qualify(line, prefix, value, hints) for line in table_faults]
    return table if has_no_faults else None


def _build_table(
    kind: type, fields: Mapping[str, Any], invalid: Sequence[str], hints: Mapping[str, Any]
) -> tuple[Any, list[str]]:
    """Build a table and return it with the faults that its `__post_init__` finds.

    In place of an invalid field, its default is taken, or each of its choices in turn. A fault is
    reported only if it occurs for all of them.
    """
    choices = {
        name: typing.get_args(hints[name])
        for name in invalid
        if typing.get_origin(hints[name]) is Literal
    }
    if any(
        field.name not in {**fields, **choices} and field.default is field.default_factory
        for field in dataclasses.fields(kind)
    ):
        return None, []  # a field without a default is missing or invalid
    table, common = None, list[str]()
    for number, combination in enumerate(itertools.product(*choices.values())):
        try:
            table = kind(**fields, **dict(zip(choices, combination, strict=True)))
            lines = []
        except FieldError as error:
            lines = str(error).split("\n")
        common = [line for line in lines if not number or line in common]
    return table, [line for line in common if not set(invalid) & set(_names(line))]


def _names(line: str) -> list[str]:
    """Return the names of the fields in a fault: two for 'widths and depths'."""
    return re.findall(r"\w+", line.partition("'")[2].partition("':")[0])


def _qualify(line: str, prefix: str, document: Mapping[str, Any], hints: Mapping[str, Any]) -> str:
    """Add the dotted prefix to a fault's field; of several fields, name those with a default."""
    names = [name for name in _names(line) if name in hints]
    defaults = [name for name in names if name not in document] if len(names) > 1 else []
    line = line.replace("field '", f"field '{prefix}", 1)
    return line + "".join(f"; {name} is the default" for name in defaults)


def _is_text(value: str) -> bool:
    """Return whether a string can be written: JSON may hold halves of characters."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _note(faults: list[str], path: str, expected: str, found: object) -> None:
    faults.append(f"field '{path}': expected {expected}, found {shown(found)}")
