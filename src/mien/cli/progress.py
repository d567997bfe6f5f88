"""Progress bars on stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from mien.errors import MediaError

if TYPE_CHECKING:
    from mien.structures import FrameResult

__all__ = ["SourceProgress", "progress_bars"]


@contextlib.contextmanager
def progress_bars(*, shown: bool = True) -> Iterator[Callable[[str], Callable[[float, int], None]]]:
    """Show a bar per source on stderr, if a person is watching.

    Args:
        shown: Whether it takes long enough for a bar.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    # What is printed stands above the bars where both go to the terminal; what goes into a file or
    # to another program must not be touched.
    with Progress(
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
        disable=not (shown and console.is_terminal),
    ) as bars:

        def begin(name: str) -> Callable[[float, int], None]:
            task = bars.add_task(name, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield begin


class SourceProgress:
    """Moves a bar along with the results of images and videos; each source is one step.

    Of a video as much is done as its time is of its length; where that is unknown the bar waits for
    the next source.

    Args:
        step: Takes how many sources are done, and of how many.
        sources: The sources, in the order of their results.
    """

    def __init__(self, step: Callable[[float, int], None], sources: Sequence[str]) -> None:
        self._step = step
        self._sources = list(sources)
        self._place = -1
        self._length_s: float | None = None

    def __call__(self, result: FrameResult) -> None:
        """Take the next result into account."""
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
    """Return the length of the video that a result is of, in seconds, if it is known."""
    from mien.media import Video, is_video

    if result.timestamp_s is None or not is_video(result.source):
        return None
    with contextlib.suppress(MediaError), Video(result.source) as video:
        return video.duration_s
    return None
