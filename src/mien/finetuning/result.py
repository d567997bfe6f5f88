"""What a fine-tuning found: plain values, a table, and a recommendation."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from mien.metrics import Interval

__all__ = ["UNSEEN", "ClassChange", "FineTuned", "Tried"]

UNSEEN = {True: "people", False: "images"}
"""What a trial did not see, by whether everyone is known."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClassChange:
    """How often the faces of one class are recognised, before and after; 95 % intervals (Wilson).

    Attributes:
        name: The class.
        images: How many were judged.
        before: Share that the start recognises, 0 to 1; None if it has no such class.
        before_interval: Its interval, None likewise.
        after: Share that the fine-tuned network recognises.
        after_interval: Its interval.
    """

    name: str
    images: int
    before: float | None
    before_interval: Interval | None
    after: float
    after_interval: Interval


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A way of learning that was tried.

    Attributes:
        name: What learned.
        accuracy: Balanced accuracy on images that it did not see, 0 to 1; None if all it did
            forgot too much.
        share: How far it went from the start's weights to the learned ones, 0 to 1.
        steps: The steps after which it stopped.
    """

    name: str
    accuracy: float | None
    share: float
    steps: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FineTuned:
    """The result of a fine-tuning.

    Attributes:
        path: The model file.
        changed: Whether it holds learned weights, and not the start's.
        images: What it learned from, in words.
        judged_on: What `classes` were judged on, in words.
        classes: Each class of the images.
        balanced_before: Mean of the shares before, 0 to 1; None with classes that the start has
            not.
        balanced_after: Mean over the classes after.
        gain_interval: 90 % bootstrap interval of the difference, whole people drawn; None without a
            difference.
        old: The six answers on faces that are not the user's, before and after.
        old_judged_on: What `old` was judged on, in words.
        absent: Expressions that the images lack.
        tried: What was tried.
        people_known: Whether it is known of every image who it shows.
        recommendation: One sentence: whether to use the file, and what would help.
        seconds: How long it took.
    """

    path: Path
    changed: bool
    images: str
    judged_on: str
    classes: tuple[ClassChange, ...]
    balanced_before: float | None
    balanced_after: float
    gain_interval: Interval | None
    old: tuple[ClassChange, ...]
    old_judged_on: str
    absent: tuple[str, ...]
    tried: tuple[Tried, ...]
    people_known: bool
    recommendation: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return dataclasses.asdict(self) | {"path": str(self.path)}

    def lines(self) -> list[str]:
        """Return the result as a table for people."""
        width = max(len(each.name) for each in (*self.classes, *self.old))
        width = max(width, len("balanced"))
        title = f"{'':{width}}  {'images':>8}  {'before':>17}  {'after':>17}"
        lines = [f"your classes, {self.judged_on}", title]
        lines += [_row(each, width) for each in self.classes]
        before = _percent(self.balanced_before)
        lines.append(
            f"{'balanced':{width}}  {'':>8}  {before:>5}{'':12}  {_percent(self.balanced_after):>5}"
        )
        if self.old:
            lines += ["", f"old answers, {self.old_judged_on}", title]
            lines += [_row(each, width) for each in self.old]
        if self.tried:
            lines += ["", f"tried, on {UNSEEN[self.people_known]} that each trial did not see:"]
            lines += [
                f"  {each.name}: forgot too much"
                if each.accuracy is None
                else f"  {each.name}: {_percent(each.accuracy)} % after {each.steps} steps, "
                f"{each.share:.0%} of the way"
                for each in self.tried
            ]
        if self.absent:
            lines += [
                "",
                f"no images of {', '.join(self.absent)}: whether such faces among yours are "
                "still recognised cannot be seen; import some to test it",
            ]
        return [*lines, "", self.recommendation]


def _row(change: ClassChange, width: int) -> str:
    before, after = (
        "-" if share is None or interval is None else f"{_percent(share)} {_range(interval)}"
        for share, interval in (
            (change.before, change.before_interval),
            (change.after, change.after_interval),
        )
    )
    return f"{change.name:{width}}  {change.images:>8}  {before:>17}  {after:>17}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _range(interval: Interval) -> str:
    return f"({100 * interval.low:.0f} to {100 * interval.high:.0f})"
