"""Times of videos as text."""

from __future__ import annotations

__all__ = ["format_timestamp"]


def format_timestamp(seconds: float, *, decimals: int = 1) -> str:
    """Return a time within a video as text: `0:07.5`, `12:07.5` or `1:02:07.5`.

    Args:
        seconds: Since the start of the video, not negative.
        decimals: Decimal places of the seconds, at least one.
    """
    minutes, rest = divmod(round(float(seconds), decimals), 60)
    hours, minutes = divmod(int(minutes), 60)
    shown = f"{rest:0{3 + decimals}.{decimals}f}"
    return f"{hours}:{minutes:02}:{shown}" if hours else f"{minutes}:{shown}"
