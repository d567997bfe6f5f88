"""Checks of options: the type and the range of each field, by its annotation.

A range stands in the annotation: `Annotated[int, Within(1, 8)]` is a whole number from 1 to 8. The
check and its message are made of nothing else, so that no class of options has checks of its own
but for what holds between two fields.
"""

from __future__ import annotations

import collections.abc
import functools
import math
import numbers
import os
import re
import types
import typing
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from mien.errors import InputError, OptionsError

__all__ = [
    "FilePath",
    "Matching",
    "Name",
    "Within",
    "check_count",
    "check_number",
    "check_options",
    "check_path",
    "check_whole",
]

_MAX_SHOWN = 80
"""Characters of a value in a message."""

_LISTS = (tuple, collections.abc.Sequence)


class Within:
    """The range of a number, for its annotation.

    No dataclass, of which the documentation would show the fields instead of the words.

    Args:
        low: The smallest number.
        high: The largest number.
        above: Whether `low` itself is outside.
        below: Whether `high` itself is outside.
    """

    def __init__(
        self, low: float, high: float, *, above: bool = False, below: bool = False
    ) -> None:
        self.low, self.high, self.above, self.below = low, high, above, below

    def __contains__(self, value: float) -> bool:
        """Return whether a number is in the range."""
        return (self.low < value if self.above else self.low <= value) and (
            value < self.high if self.below else value <= self.high
        )

    def __repr__(self) -> str:
        """Return the range in words."""
        low, high = _digits(self.low), _digits(self.high)
        if self.above or self.below:
            start = f"above {low}" if self.above else f"{low} or more"
            return f"{start} and {'below' if self.below else 'at most'} {high}"
        return f"{low} to {high}"


class Matching:
    """The form of a text or path, for its annotation.

    Args:
        words: What it is, for messages.
        pattern: The regular expression that the whole text fits.
    """

    def __init__(self, words: str, pattern: str) -> None:
        self.words, self.pattern = words, pattern

    def __contains__(self, value: object) -> bool:
        """Return whether a text has the form."""
        return re.fullmatch(self.pattern, str(value), re.DOTALL) is not None

    def __repr__(self) -> str:
        """Return the form in words."""
        return self.words


FilePath = Annotated[str | Path, Matching("a path", r"[^\0]+")]

Name = Annotated[str, Matching("a name", r"[^\0]*[^\0\s][^\0]*")]


def check_count(name: str, value: object, largest: int | None = None) -> int:
    """Return a number of things, from 1 on, that was checked.

    Raises:
        InputError: It is something else, or larger.
    """
    if not (_is_whole(value) and 1 <= value <= (largest or value)):  # type: ignore[operator]
        range_ = "from 1 on" if largest is None else f"from 1 to {largest}"
        raise InputError(f"{name}: expected a whole number {range_}, found {_shown(value)}")
    return int(value)  # type: ignore[call-overload, no-any-return]


def check_whole(name: str, value: object, largest: int) -> int:
    """Return a whole number from 0 on that was checked.

    Raises:
        InputError: It is something else, or larger.
    """
    if not _is_whole(value) or not 0 <= value <= largest:  # type: ignore[operator]
        expected = f"a whole number from 0 to {largest}"
        raise InputError(f"{name}: expected {expected}, found {_shown(value)}")
    return int(value)  # type: ignore[call-overload, no-any-return]


def check_number(name: str, value: object, range_: Within) -> None:
    """Check a number that need not be whole.

    Raises:
        InputError: It is something else, or out of its range.
    """
    if not (_is_number(value) and value in range_):  # type: ignore[operator]
        raise InputError(f"{name}: expected {range_}, found {_shown(value)}")


def check_path(name: str, value: object) -> Path:
    """Return a path; an empty one is refused, since for `Path` it is the current folder.

    Raises:
        InputError: It is empty or something else.
    """
    if not isinstance(value, str | os.PathLike):
        raise InputError(f"{name}: expected a path, found {type(value).__name__}")
    path = os.fspath(value)
    if not isinstance(path, str) or not path.strip() or "\0" in path:
        raise InputError(f"{name}: expected a path, found {_shown(path)}")
    return Path(path)


def check_options(options: Any) -> None:
    """Check the value of each field of some options against its annotation.

    A whole number counts as a number, and a list as a tuple; text is no sequence of its letters.
    Numbers of NumPy become Python's, which JSON can hold.

    Raises:
        OptionsError: A value has another type or is out of its range; the message has all faults,
            with what was expected and what was found.
    """
    owner: type = type(options)
    values = {name: getattr(options, name) for name in _annotations(owner)}
    faults = [
        f"{name}: expected {_words(kind)}, found {_found(values[name], kind)}"
        for name, kind in _annotations(owner).items()
        if not _fits(values[name], kind)
    ]
    if faults:
        raise OptionsError("; ".join(faults))
    for name, value in values.items():
        if (plain := _plain(value)) is not value:
            object.__setattr__(options, name, plain)


@functools.cache
def _annotations(owner: type) -> dict[str, Any]:
    return typing.get_type_hints(owner, include_extras=True)


def _is_whole(value: object) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return _is_whole(value) or (isinstance(value, numbers.Real) and math.isfinite(value))


def _plain(value: Any) -> Any:
    """Return a number of another library as Python's; all else as it is."""
    if isinstance(value, tuple | list):
        plain = [_plain(each) for each in value]
        same = all(new is old for new, old in zip(plain, value, strict=True))
        return value if same else type(value)(plain)
    if isinstance(value, int | float) and type(value).__module__ != "numpy":
        return value
    if _is_whole(value):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else value


def _fits(value: object, kind: Any) -> bool:
    origin, arguments = typing.get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _fits(value, arguments[0]) and value in arguments[1]
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, each) for each in arguments)
    if origin is Literal:
        return any(isinstance(value, type(each)) and value == each for each in arguments)
    if origin in _LISTS:
        if not isinstance(value, tuple | list):
            return False
        if origin is tuple and arguments[-1] is not Ellipsis:
            return len(value) == len(arguments) and all(map(_fits, value, arguments))
        return all(_fits(each, arguments[0]) for each in value)
    if origin is collections.abc.Mapping:
        return isinstance(value, collections.abc.Mapping) and all(
            _fits(each, arguments[0]) and _fits(value[each], arguments[1]) for each in value
        )
    if kind is float:
        return _is_number(value)
    if kind is int:
        return _is_whole(value)
    return isinstance(value, kind)


def _words(kind: Any) -> str:
    origin, arguments = typing.get_origin(kind), get_args(kind)
    if origin is Annotated:
        whole = "a whole number from " if arguments[0] is int else ""
        return f"{whole}{arguments[1]!r}"
    if origin in (types.UnionType, typing.Union):
        return " or ".join(map(_words, arguments))
    if origin is Literal:
        return " or ".join(map(str, arguments))
    if origin in _LISTS:
        return f"tuple of {', '.join(_words(each) for each in arguments if each is not Ellipsis)}"
    if origin is not None:
        return f"{origin.__name__} of {', '.join(map(_words, arguments))}"
    if kind is float:
        return "a finite number"
    return "None" if kind is types.NoneType else str(kind.__name__)


def _found(value: object, kind: Any) -> str:
    """Return the value itself where its parts or its size are wrong, or those; else its type."""
    if isinstance(value, tuple | list) and (each := _part(kind)) is not None:
        wrong = [part for part in value if not _fits(part, each)]
        value = (wrong if isinstance(value, list) else tuple(wrong)) or value
    parts = isinstance(value, str | tuple | list | dict) and typing.get_origin(kind) is not None
    return _shown(value) if parts or isinstance(value, numbers.Real) else type(value).__name__


def _part(kind: Any) -> Any:
    """Return the type of each part of a sequence of any length; None for all else."""
    origin, arguments = typing.get_origin(kind), get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return next((part for part in map(_part, arguments) if part is not None), None)
    any_length = origin is collections.abc.Sequence or arguments[1:] == (Ellipsis,)
    return arguments[0] if any_length else None


def _shown(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 4 * _MAX_SHOWN:
        return f"a number of {value.bit_length()} bits"
    try:
        # A number of NumPy shows itself with its type, which is of no use here.
        text = str(value) if isinstance(value, numbers.Real) else repr(value)
    except ValueError:  # a number of too many digits within
        return f"{type(value).__name__} with a number of too many digits"
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]} ..."


def _digits(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)
