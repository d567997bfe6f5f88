"""A live table of a study's status on stderr."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from mien.tuning import StudyStatus

__all__ = ["study_table"]


@contextlib.contextmanager
def study_table() -> Iterator[tuple[Callable[[StudyStatus], None], Callable[[str], None]]]:
    """Show a live table in a terminal, and elsewhere print a line when a trial has ended.

    Yields:
        A function that takes a status, and one that takes a line to print above the table.
    """
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False)

    def print_line(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    if not console.is_terminal:
        printed = -1

        def print_status(status: StudyStatus) -> None:
            nonlocal printed
            if status.ended > printed:
                printed = status.ended
                print_line(_line(status))

        yield print_status, print_line
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield lambda status: live.update(_table(status)), print_line


def _rows(status: StudyStatus) -> list[tuple[str, str]]:
    total = "" if status.trials is None else f" of {status.trials}"
    best = "none yet" if status.best is None else f"{status.best:.2%} (trial {status.best_trial})"
    rows = [
        ("best so far", best),
        ("trials ended", f"{status.ended}{total}"),
        ("running", str(len(status.running))),
        ("pruned", str(status.pruned)),
        ("failed", str(status.failed)),
    ]
    if status.lost:
        rows.append(("lost and tried again", str(status.lost)))
    rows.append(("time left", _duration(status.remaining_s)))
    return rows


def _line(status: StudyStatus) -> str:
    return ", ".join(f"{name} {value}" for name, value in _rows(status))


def _table(status: StudyStatus) -> Table:
    from rich.table import Table

    table = Table(show_header=False, box=None)
    for name, value in _rows(status):
        table.add_row(name, value)
    for number, (epoch, score) in sorted(status.running.items()):
        last = "started" if score is None else f"{score:.2%} after epoch {epoch}"
        table.add_row(f"  trial {number}", last)
    return table


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "not known yet"
    minutes = round(seconds / 60)
    if minutes < 1:
        return "under a minute"
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
