"""The class of every verb, which checks what holds for all of their arguments and options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand

__all__ = ["Verbs"]

_EMPTY = "an empty path or name. The current folder is a dot (.)"


class _Verb(TyperCommand):
    """A verb that refuses empty values: as a path, one would be the current folder."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse what was given.

        Raises:
            typer.BadParameter: An argument or the value of an option is empty.
        """
        given = self.make_parser(ctx).parse_args(args=list(args))[0]
        for each in self.params:
            values = given.get(each.name)
            if any(
                value == "" for value in (values if isinstance(values, list | tuple) else [values])
            ):
                shown: Any = each
                raise typer.BadParameter(_EMPTY, ctx=ctx, param=shown)
        return super().parse_args(ctx, args)


class Verbs(typer.Typer):
    """A group of verbs."""

    def command(self, name: str | None = None, **options: Any) -> Callable[..., Any]:
        """Return what adds a function as a verb, as in Typer."""
        return super().command(name, cls=_Verb, **options)
