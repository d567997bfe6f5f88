"""`mien` in a process of its own that need not import torch first, which takes seconds."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

from mien import reports
from mien.cli import main
from mien.tuning.processes import process_context


def start_mien(
    folder: Path,
    *arguments: object,
    main: Callable[[], None] = main,
    environment: Mapping[str, str] | None = None,
) -> BaseProcess:
    """Start `mien` with the arguments; `stdout` and `stderr` in the folder have what it prints.

    Args:
        folder: An existing folder.
        arguments: What stands behind `mien`.
        main: What is run in its place, a function of a module.
        environment: Variables that it gets beside those of this process.
    """
    # By its name a training starts the same program for its other devices.
    program = "mien" if main.__module__ == "mien.cli" else sys.modules[main.__module__].__file__
    words = [program, *map(str, arguments)]
    process = process_context().Process(target=_run, args=(folder, words, main, environment or {}))
    process.start()
    return process


def run_mien(folder: Path, *arguments: object) -> tuple[int, str, str]:
    """Run `mien` to its end and return its exit status and what it printed on both streams."""
    process = start_mien(folder, *arguments)
    process.join()
    stdout, stderr = ((folder / name).read_text() for name in ("stdout", "stderr"))
    return process.exitcode, stdout, stderr


def main_without_reports() -> None:
    """Run `mien`, and leave out the reports of a training."""
    reports.training_report = reports.evaluation_report = lambda *_, **__: []
    main()


def _run(
    folder: Path, words: list[str], main: Callable[[], None], environment: Mapping[str, str]
) -> None:
    for number, name in enumerate(("stdout", "stderr"), start=1):
        with (folder / name).open("wb") as file:
            os.dup2(file.fileno(), number)
    os.environ.update(environment)
    sys.argv = words
    main()
