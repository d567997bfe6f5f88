"""Times as people read them."""

from __future__ import annotations

__all__ = ["clock"]


def clock(seconds: float, *, decimals: int = 1) -> str:
    """Return a time within a video: `0:07.5`, `12:07.5` or `1:02:07.5`.

    Args:
        seconds: From the video's beginning, not negative.
        decimals: Of the seconds, at least one.
    """
    minutes, rest = divmod(round(float(seconds), decimals), 60)
    hours, minutes = divmod(int(minutes), 60)
    shown = f"{rest:0{3 + decimals}.{decimals}f}"
    return f"{hours}:{minutes:02}:{shown}" if hours else f"{minutes}:{shown}"
