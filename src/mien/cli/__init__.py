"""The command line: one file per verb, each of which parses, calls the library and prints."""

from __future__ import annotations

import importlib.metadata
import sys
from typing import Annotated

import typer

from mien.cli import data, export, study, train
from mien.cli.album import album
from mien.cli.analyze import analyze
from mien.cli.edge import (
    describe_os_error,
    drop_stdout,
    interrupt_once,
    print_error,
    set_up_streams,
)
from mien.cli.evaluate import calibrate, evaluate
from mien.cli.explain import explain
from mien.cli.fine_tune import fine_tune
from mien.cli.live import live
from mien.cli.messages import verb
from mien.cli.models import models
from mien.cli.report_bug import report_bug
from mien.cli.serve import serve
from mien.cli.similar import similar
from mien.cli.tune import tune
from mien.cli.verbs import Verbs
from mien.errors import MienError

__all__ = ["app", "main"]

app = Verbs(
    name="mien",
    help="Find faces and say which of six expressions each one shows.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(importlib.metadata.version("mien"))
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Find faces and say which of six expressions each one shows.

    Everything runs on this machine: nothing is uploaded and nothing is downloaded.
    """


app.command()(verb(analyze))
app.command()(verb(explain))
app.command()(verb(similar))
app.command()(verb(album))
app.command()(verb(live))
app.command()(verb(serve))
app.command()(verb(models))
app.command(name="report-bug")(verb(report_bug))
app.command()(verb(evaluate))
app.command()(verb(calibrate))
app.command()(verb(tune))
app.command(name="fine-tune")(verb(fine_tune))
app.add_typer(data.app, name="data")
app.add_typer(train.app, name="train")
app.add_typer(study.app, name="study")
app.add_typer(export.app, name="export")


def main() -> None:
    """Run the command line; exit 2 for wrong usage, 1 when anything failed, 3 for findings."""
    set_up_streams()
    interrupt_once()
    try:
        try:
            app(prog_name="mien")
        finally:
            sys.stdout.flush()
    except MienError as error:
        print_error(str(error))
        drop_stdout()
        sys.exit(1)
    except KeyboardInterrupt:
        drop_stdout()
        sys.exit(130)
    except BrokenPipeError:
        # The reader of the output has closed it; without this Python prints an error at its end.
        drop_stdout()
        sys.exit(1)
    except OSError as error:
        print_error(describe_os_error(error))
        drop_stdout()
        sys.exit(1)
