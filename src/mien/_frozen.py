"""An immutable, hashable dictionary."""

from __future__ import annotations

import difflib
from typing import Any, NoReturn, Self, TypeVar

from mien.errors import UnknownNameError

__all__ = ["FrozenDict"]

K = TypeVar("K")
V = TypeVar("V")

_MAX_NAMES = 20
"""Of more names a message has only those that are most similar to the wrong one."""


class FrozenDict(dict[K, V]):
    """An immutable dictionary; it can be hashed, copied, pickled and written as JSON.

    Raises:
        TypeError: An entry is set or removed.
        UnknownNameError: An entry is asked for that there is not; it is a `KeyError`, too.
    """

    def __missing__(self, name: object) -> NoReturn:
        raise UnknownNameError(f"{name!r}: {self._advice(name)}")

    def _advice(self, name: object) -> str:
        """Return which names there are, for one that there is not."""
        names = list(map(str, self))
        if len(names) <= _MAX_NAMES:
            return f"no such value; expected one of {', '.join(names)}"
        by_small = {each.lower(): each for each in names}
        close = difflib.get_close_matches(str(name).lower(), by_small)
        hint = f"; most similar: {', '.join(by_small[each] for each in close)}" if close else ""
        return f"no such value among the {len(names)}{hint}"

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def _raise_immutable(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("results cannot be changed; make a copy with dict(...)")

    __setitem__ = __delitem__ = _raise_immutable
    clear = pop = popitem = setdefault = update = _raise_immutable
    __ior__ = _raise_immutable

    def __reduce__(self) -> tuple[type[Self], tuple[dict[K, V]]]:
        return type(self), (dict(self),)
