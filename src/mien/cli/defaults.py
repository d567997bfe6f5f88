"""Defaults of options, read from the Python signature that they belong to."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from mien.errors import MissingExtraError

__all__ = ["PythonDefault"]


class PythonDefault:
    """The default of a parameter of a function or class, for Typer's `default_factory`.

    It is read when a verb runs or shows its help, so that `mien --help` imports no library. Without
    the extra that its module needs it is nothing, and the verb says which one that is.

    Args:
        owner: Module and name of the function or class, for example `mien.data:group_folds`.
        parameter: The parameter's name.
    """

    def __init__(self, owner: str, parameter: str) -> None:
        self.owner = owner
        self.parameter = parameter

    def __call__(self) -> Any:
        """Return the default; None where its module needs an extra that is not installed."""
        module, _, name = self.owner.partition(":")
        try:
            owner = getattr(importlib.import_module(module), name)
        except (ImportError, MissingExtraError):
            return None
        return inspect.signature(owner).parameters[self.parameter].default

    def __str__(self) -> str:
        """Return the default as the help shows it; nothing where it cannot be read."""
        default = self()
        return "" if default is None else str(default)
