"""`mien` in a process of its own that need not import torch first, which takes seconds."""

from __future__ import annotations

import os
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

from mien.cli import main
from mien.tuning.processes import process_context


def start_mien(folder: Path, *arguments: object) -> BaseProcess:
    """Start `mien` with the arguments; `stdout` and `stderr` in the folder have what it prints."""
    process = process_context().Process(target=_run, args=(folder, list(map(str, arguments))))
    process.start()
    return process


def run_mien(folder: Path, *arguments: object) -> tuple[int, str, str]:
    """Run `mien` to its end and return its exit status and what it printed on both streams."""
    process = start_mien(folder, *arguments)
    process.join()
    stdout, stderr = ((folder / name).read_text() for name in ("stdout", "stderr"))
    return process.exitcode, stdout, stderr


def _run(folder: Path, arguments: list[str]) -> None:
    for number, name in enumerate(("stdout", "stderr"), start=1):
        with (folder / name).open("wb") as file:
            os.dup2(file.fileno(), number)
    sys.argv = ["mien", *arguments]
    main()
