"""What verbs say beside their results: on stderr, through `logging`, which can be turned down."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import inspect
import logging
import re
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from mien._estimate import TIME_LOG
from mien.errors import ArtefactError, MediaError, MienError, OptionsError, RecipeError

__all__ = [
    "LOG",
    "in_options",
    "printable",
    "refuse_all_but",
    "refuse_ignored",
    "verb",
    "was_given",
]

LOG = logging.getLogger("mien.cli")
"""Takes messages for a person: `info` for progress and files, `warning` for what went wrong."""

_ARGUMENT = re.compile(
    r"(?<![\w/\\.=-])(jobs|out|overwrite|resume|seeds)=(True|FOLDER|\d+)(?![\w/\\=-]|\.\w)"
)
"""How the library advises to pass an argument, which here is an option; in the name of a file it
stays."""

_NOT_IN_A_LINE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control codes, line breaks, changes of the direction of writing, and bytes of no valid text."""

_CONTEXT: contextvars.ContextVar[typer.Context] = contextvars.ContextVar("_CONTEXT")
"""What was given on the command line of the verb that runs."""

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
    def run(
        *args: Any,
        _context: typer.Context,
        quiet: bool = False,
        verbose: bool = False,
        **options: Any,
    ) -> None:
        _CONTEXT.set(_context)
        if quiet and verbose:
            raise typer.BadParameter("--quiet and --verbose exclude each other; leave out one")
        _configure(quiet=quiet, verbose=verbose)
        try:
            function(*args, **options)
        except OptionsError as error:
            raise typer.BadParameter(in_options(str(error))) from error
        except MienError as error:
            _reword(error)
            raise

    signature = inspect.signature(function, eval_str=True)
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in _SWITCHES.items()
    ]
    context = inspect.Parameter(
        "_context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context
    )
    parameters = [*signature.parameters.values(), *added, context]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = function.__annotations__ | _SWITCHES | {"_context": typer.Context}
    return run


def refuse_ignored(reason: str, *options: str) -> None:
    """Refuse options that would do nothing.

    Args:
        reason: Why, for example `without --out FOLDER`.
        options: Parameters of the verb, by their names in Python.

    Raises:
        typer.BadParameter: One of them was given.
    """
    for parameter in _CONTEXT.get().command.params:
        if parameter.name in options and was_given(parameter.name):
            raise typer.BadParameter(f"{parameter.opts[0]} does nothing {reason}")


def refuse_all_but(reason: str, *options: str) -> None:
    """Refuse all other arguments and options, since they would do nothing.

    Args:
        reason: Why, for example `with --list`.
        options: The parameters of the verb that do something, by their names in Python.

    Raises:
        typer.BadParameter: Another one was given.
    """
    for parameter in _CONTEXT.get().command.params:
        if parameter.name not in (*options, *_SWITCHES) and was_given(parameter.name or ""):
            shown = parameter.opts[0]
            if parameter.param_type_name == "argument":
                shown = shown.upper()
            raise typer.BadParameter(f"{shown} does nothing {reason}")


def was_given(option: str) -> bool:
    """Return whether an option of the verb was given, by its name in Python."""
    source = _CONTEXT.get().get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"


def in_options(text: str) -> str:
    """Return a message of the library with options in the place of Python's arguments."""

    def option(match: re.Match[str]) -> str:
        name, value = match.groups()
        return f"--{name}" if value == "True" else f"--{name} {value}"

    return _ARGUMENT.sub(option, text)


def printable(name: object) -> str:
    """Return the name of a file or the like with its line breaks and control codes escaped."""
    return _NOT_IN_A_LINE.sub(lambda match: match[0].encode("unicode_escape").decode(), str(name))


def _reword(error: MienError) -> None:
    """Give an error's message options in the place of Python's arguments, and no control codes."""
    # The faults of these stand in a line each.
    lines = isinstance(error, ArtefactError | RecipeError)

    def reworded(text: str) -> str:
        parts = text.split("\n") if lines else [text]
        return in_options("\n".join(map(printable, parts)))

    error.args = tuple(reworded(each) if isinstance(each, str) else each for each in error.args)
    if isinstance(error, MediaError):
        error.source, error.reason = reworded(error.source), reworded(error.reason)


class _StderrHandler(logging.Handler):
    """Prints records to what `sys.stderr` is at that moment."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(_Escape())

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
    """Makes each message one line of valid text, whatever the names of files in it are."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Put the escaped message in the place of the record's message and arguments."""
        record.msg = in_options(printable(record.getMessage()))
        record.args = ()
        return True


LOG.addFilter(_Escape())


def _configure(*, quiet: bool, verbose: bool) -> None:
    library = logging.getLogger("mien")
    if not any(isinstance(handler, _StderrHandler) for handler in library.handlers):
        library.addHandler(_StderrHandler())
    for logger in (library, LOG, TIME_LOG):
        logger.disabled = False  # as libraries leave others' loggers that set up their own
    library.setLevel(logging.DEBUG if verbose else logging.WARNING)
    for logger in (LOG, TIME_LOG):
        logger.setLevel(logging.WARNING if quiet else logging.INFO)
