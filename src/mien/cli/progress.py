"""Progress bars on stderr."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from mien.cli.messages import LOG
from mien.errors import MediaError

if TYPE_CHECKING:
    from mien.structures import FrameResult

__all__ = ["SourceProgress", "progress_bars"]


@contextlib.contextmanager
def progress_bars(*, shown: bool = True) -> Iterator[Callable[[str], Callable[[float, int], None]]]:
    """Show a progress bar per source on stderr, if it is a terminal.

    Args:
        shown: Whether to show bars at all.

    Yields:
        A function that adds a bar with a name, and returns the function that moves it: it takes how
        much is done, and the total.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    # Output for the terminal is printed above the bars; output for a file or another program must
    # stay as it is.
    with Progress(
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
        disable=not (shown and console.is_terminal and LOG.isEnabledFor(logging.INFO)),
    ) as bars:

        def add_bar(name: str) -> Callable[[float, int], None]:
            task = bars.add_task(name, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield add_bar


class SourceProgress:
    """Moves a bar with the results of images and videos; each source is one step.

    A video moves the bar in proportion to its length; if the length is not known, the bar moves
    with the next source.

    Args:
        step: Takes the number of sources that are done, and of all sources.
        sources: The sources in the order of their results.
    """

    def __init__(self, step: Callable[[float, int], None], sources: Sequence[str]) -> None:
        self._step = step
        self._sources = list(sources)
        self._place = -1
        self._length_s: float | None = None

    def __call__(self, result: FrameResult) -> None:
        """Move the bar to the next result."""
        total = len(self._sources)
        if self._place < 0 or result.source != self._sources[self._place]:
            while self._place < total - 1:
                self._place += 1
                if result.source == self._sources[self._place]:
                    break
            self._length_s = _length_s(result)
        if result.timestamp_s is None:
            self._step(self._place + 1, total)
        elif self._length_s:
            self._step(self._place + min(1.0, result.timestamp_s / self._length_s), total)


def _length_s(result: FrameResult) -> float | None:
    """Return the length of a result's video in seconds; None if it is not known or no video."""
    from mien.media import Video, is_video

    if result.timestamp_s is None or not is_video(result.source):
        return None
    with contextlib.suppress(MediaError), Video(result.source) as video:
        return video.duration_s
    return None
