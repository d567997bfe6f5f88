"""A live table on stderr of where a search stands."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from mien.tuning import Standing

__all__ = ["study_table"]


@contextlib.contextmanager
def study_table() -> Iterator[tuple[Callable[[Standing], None], Callable[[str], None]]]:
    """Show a table while a person is watching; elsewhere a line whenever a trial has ended.

    Yields:
        What takes a standing, and what takes a line to print above the table.
    """
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False)

    def say(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    if not console.is_terminal:
        told = -1

        def tell(standing: Standing) -> None:
            nonlocal told
            if (done := _done(standing)) > told:
                told = done
                say(_line(standing))

        yield tell, say
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield lambda standing: live.update(_table(standing)), say


def _done(standing: Standing) -> int:
    return standing.complete + standing.pruned + standing.failed


def _rows(standing: Standing) -> list[tuple[str, str]]:
    wanted = "" if standing.wanted is None else f" of {standing.wanted}"
    best = (
        "none yet"
        if standing.best is None
        else f"{standing.best:.2%} (trial {standing.best_trial})"
    )
    rows = [
        ("best so far", best),
        ("trials ended", f"{_done(standing)}{wanted}"),
        ("running", str(len(standing.running))),
        ("pruned", str(standing.pruned)),
        ("failed", str(standing.failed)),
    ]
    if standing.lost:
        rows.append(("lost and tried again", str(standing.lost)))
    rows.append(("time left", _duration(standing.left_s)))
    return rows


def _line(standing: Standing) -> str:
    return ", ".join(f"{name} {value}" for name, value in _rows(standing))


def _table(standing: Standing) -> Table:
    from rich.table import Table

    table = Table(show_header=False, box=None)
    for name, value in _rows(standing):
        table.add_row(name, value)
    for number, (epoch, newest_value) in sorted(standing.running.items()):
        newest = "begun" if newest_value is None else f"{newest_value:.2%} after epoch {epoch}"
        table.add_row(f"  trial {number}", newest)
    return table


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "not known yet"
    minutes = round(seconds / 60)
    if minutes < 1:
        return "under a minute"
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
