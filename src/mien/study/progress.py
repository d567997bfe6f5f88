"""How much of a unit is done, while it is being analysed."""

from __future__ import annotations

from collections.abc import Callable

from mien.errors import MediaError
from mien.media import Video
from mien.structures import FrameResult
from mien.study.units import Unit

__all__ = ["Progress", "UnitProgress"]

Progress = Callable[[float], None]
"""Takes how many units are done, with the shares of those that are being analysed."""


class UnitProgress:
    """Takes each result of a unit, and reports the share of the unit that is done, 0 to 1.

    Args:
        unit: The unit.
        report: Called with the share at each result; an exception of it ends the unit.
    """

    def __init__(self, unit: Unit, report: Callable[[float], None]) -> None:
        self._unit, self._report = unit, report
        self._count = 0
        self._length_s: float | None = None

    def __call__(self, result: FrameResult) -> None:
        """Report the share after one more result."""
        self._count += 1
        if not self._unit.is_video:
            self._report(min(1.0, self._count / len(self._unit.sources)))
            return
        if self._length_s is None:
            self._length_s = _length_s(self._unit.sources[0])
        at_s = result.timestamp_s or 0.0
        self._report(min(1.0, at_s / self._length_s) if self._length_s else 0.0)


def _length_s(source: str) -> float:
    """Return the length of a video in seconds; 0 if it is unknown."""
    try:
        with Video(source) as video:
            return video.duration_s or 0.0
    except MediaError:
        return 0.0
