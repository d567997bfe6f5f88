"""The desktop window: a camera with the expressions of those in front of it."""

from mien.live.feed import Feed, LiveFrame
from mien.live.window import run_window

__all__ = ["Feed", "LiveFrame", "run_window"]
