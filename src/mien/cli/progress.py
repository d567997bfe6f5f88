"""Progress bars on stderr."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from mien._estimate import TimeEstimate
from mien.cli.messages import LOG
from mien.errors import MediaError

if TYPE_CHECKING:
    from mien.structures import FrameResult

__all__ = ["SourceProgress", "progress_bars"]


@contextlib.contextmanager
def progress_bars(*, shown: bool = True) -> Iterator[Callable[[str], Callable[[float, int], None]]]:
    """Show progress bars on stderr, if it is a terminal; elsewhere say how long it will take.

    Args:
        shown: Whether to show bars at all.

    Yields:
        A function that adds a bar with a name. It returns a function that moves the bar, which
        takes how much is done and the total.
    """
    from rich.console import Console
    from rich.markup import escape
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
            if bars.disable:
                return TimeEstimate(name) if shown else lambda done, total: None
            task = bars.add_task(escape(name), total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield add_bar


class SourceProgress:
    """Moves a bar with the results of images and videos; each source is one step.

    During a video, the bar moves in proportion to the time. If the length of the video is unknown,
    the bar moves at the next source.

    Args:
        step: Takes the number of finished sources, and the number of all sources.
        sources: The sources in the order of their results.
    """

    def __init__(self, step: Callable[[float, int], None], sources: Sequence[str]) -> None:
        self._step = step
        self._sources = list(sources)
        self._index = -1
        self._length_s: float | None = None

    def __call__(self, result: FrameResult) -> None:
        """Move the bar to the next result."""
        total = len(self._sources)
        if self._index < 0 or result.source != self._sources[self._index]:
            while self._index < total - 1:
                self._index += 1
                if result.source == self._sources[self._index]:
                    break
            self._length_s = _length_s(result)
        if result.timestamp_s is None:
            self._step(self._index + 1, total)
        elif self._length_s:
            self._step(self._index + min(1.0, result.timestamp_s / self._length_s), total)


def _length_s(result: FrameResult) -> float | None:
    """Return the length of a result's video in seconds; None if unknown, or for an image."""
    from mien.media import Video, is_video

    if result.timestamp_s is None or not is_video(result.source):
        return None
    with contextlib.suppress(MediaError), Video(result.source) as video:
        return video.duration_s
    return None
