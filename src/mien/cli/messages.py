"""What verbs say beside their results: on stderr, through `logging`, which can be turned down."""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

__all__ = ["LOG", "verb"]

LOG = logging.getLogger("mien.cli")
"""Takes messages for a person: `info` for progress and files, `warning` for what went wrong."""

_SWITCHES = {
    "quiet": Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only results, warnings and errors.")
    ],
    "verbose": Annotated[
        bool, typer.Option("--verbose", "-v", help="Print what the library logs, too.")
    ],
}


def verb(function: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options `--quiet` and `--verbose`, and set up logging before it runs."""

    @functools.wraps(function)
    def run(*args: Any, quiet: bool = False, verbose: bool = False, **options: Any) -> None:
        _configure(quiet=quiet, verbose=verbose)
        function(*args, **options)

    signature = inspect.signature(function, eval_str=True)
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in _SWITCHES.items()
    ]
    parameters = [*signature.parameters.values(), *added]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = function.__annotations__ | _SWITCHES
    return run


class _StderrHandler(logging.Handler):
    """Prints records to what `sys.stderr` is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record; those of the verbs themselves without their origin."""
        text = self.format(record)
        if record.name != LOG.name:
            text = f"{record.levelname} {record.name}: {text}"
        with contextlib.suppress(
            OSError
        ):  # the results count, whether or not stderr can be written
            print(text, file=sys.stderr)


class _Escape(logging.Filter):
    """Escapes what is no valid text in the names of files, which not every handler can write."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Put the escaped message in the place of the record's message and arguments."""
        record.msg = record.getMessage().encode(errors="backslashreplace").decode()
        record.args = ()
        return True


LOG.addFilter(_Escape())


def _configure(*, quiet: bool, verbose: bool) -> None:
    library = logging.getLogger("mien")
    if not any(isinstance(handler, _StderrHandler) for handler in library.handlers):
        library.addHandler(_StderrHandler())
    for logger in (library, LOG):
        logger.disabled = False  # as libraries leave others' loggers that set up their own
    library.setLevel(logging.DEBUG if verbose else logging.WARNING)
    LOG.setLevel(logging.WARNING if quiet else logging.INFO)
