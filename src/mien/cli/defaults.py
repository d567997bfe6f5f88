"""Defaults of options, read from the Python signature that they belong to."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

__all__ = ["PythonDefault"]


class PythonDefault:
    """The default of a parameter of a function or class, for Typer's `default_factory`.

    It is read when a verb runs or shows its help, so that `mien --help` imports no library.

    Args:
        owner: Module and name of the function or class, for example `mien.data:group_folds`.
        parameter: The parameter's name.
    """

    def __init__(self, owner: str, parameter: str) -> None:
        self.owner = owner
        self.parameter = parameter

    def __call__(self) -> Any:
        """Return the default."""
        module, _, name = self.owner.partition(":")
        owner = getattr(importlib.import_module(module), name)
        return inspect.signature(owner).parameters[self.parameter].default

    def __str__(self) -> str:
        """Return the default as the help shows it."""
        return str(self())
