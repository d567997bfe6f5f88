"""An immutable, hashable dictionary."""

from __future__ import annotations

from typing import Any, NoReturn, Self, TypeVar

__all__ = ["FrozenDict"]

K = TypeVar("K")
V = TypeVar("V")


class FrozenDict(dict[K, V]):
    """An immutable dictionary; it can be hashed, copied, pickled and written as JSON.

    Raises:
        TypeError: An entry is set or removed.
    """

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def _raise_immutable(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("results cannot be changed; make a copy with dict(...)")

    __setitem__ = __delitem__ = _raise_immutable
    clear = pop = popitem = setdefault = update = _raise_immutable
    __ior__ = _raise_immutable

    def __reduce__(self) -> tuple[type[Self], tuple[dict[K, V]]]:
        return type(self), (dict(self),)
