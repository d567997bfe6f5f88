"""What a fine-tuning found: plain values, a table, and a recommendation."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from mien.metrics import Interval

__all__ = ["UNSEEN", "ClassChange", "FineTuned", "Tried", "way"]

UNSEEN = {True: "people", False: "images"}
"""What a trial did not see, by whether everyone is known."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClassChange:
    """How often the faces of one class are recognised, before and after; 95 % intervals (Wilson).

    Attributes:
        name: The class.
        images: How many were measured.
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
        accuracy: Balanced accuracy on images that it did not see, 0 to 1, by which it was chosen
            among all; None if all it did forgot too much.
        share: How far it went from the start's weights to the learned ones, 0 to 1; at 0 only the
            head of own classes learned.
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
        measured_on: What `classes` were measured on, in words.
        classes: Each class that is an expression, by the six answers; of a `test` also those that
            were not learned.
        balanced_before: Mean of the shares of the six before, 0 to 1; None without such images.
        balanced_after: Mean after.
        gain_interval: 90 % bootstrap interval of the difference, whole people drawn; None likewise.
        own_measured_on: What `own` was measured on, in words.
        own: Each class of the images, by the head of own classes; empty if none was tried.
        own_balanced: Mean of these shares, 0 to 1; None likewise.
        own_written: Whether the file has this head.
        old: The six answers on faces that are not the user's, before and after.
        old_measured_on: What `old` was measured on, in words.
        absent: Expressions that the images to learn from lack.
        unmeasured: Expressions of which no image was measured.
        tried: What was tried.
        people_known: Whether it is known of every image who it shows.
        recommendation: One sentence: whether to use the file, and what would help.
        seconds: How long it took.
    """

    path: Path
    changed: bool
    images: str
    measured_on: str
    classes: tuple[ClassChange, ...]
    balanced_before: float | None
    balanced_after: float | None
    gain_interval: Interval | None
    own_measured_on: str
    own: tuple[ClassChange, ...]
    own_balanced: float | None
    own_written: bool
    old: tuple[ClassChange, ...]
    old_measured_on: str
    absent: tuple[str, ...]
    unmeasured: tuple[str, ...]
    tried: tuple[Tried, ...]
    people_known: bool
    recommendation: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return dataclasses.asdict(self) | {"path": str(self.path)}

    def lines(self) -> list[str]:
        """Return the result as a table for people."""
        names = ["balanced", *(each.name for each in (*self.classes, *self.own, *self.old))]
        width = max(map(len, names))
        title = f"{'':{width}}  {'images':>8}  {'before':>17}  {'after':>17}"
        lines = []
        if self.classes:
            of = "the six answers" if self.own else "your classes"
            lines += [f"{of}, {self.measured_on}", title]
            lines += [_row(each, width) for each in self.classes]
            before, after = _percent(self.balanced_before), _percent(self.balanced_after)
            lines += [f"{'balanced':{width}}  {'':>8}  {before:>5}{'':12}  {after:>5}"]
        if self.own:
            left_out = "" if self.own_written else "; left out of the file"
            lines += [""] if lines else []
            lines += [f"your classes by their own head, {self.own_measured_on}{left_out}"]
            lines += [f"{'':{width}}  {'images':>8}  {'right':>17}"]
            lines += [
                f"{each.name:{width}}  {each.images:>8}  "
                f"{_percent(each.after) + ' ' + _range(each.after_interval):>17}"
                for each in self.own
            ]
            right = _percent(self.own_balanced)
            lines += [f"{'balanced':{width}}  {'':>8}  {right:>5}"]
        if self.old:
            lines += [""] if lines else []
            lines += [f"old answers, {self.old_measured_on}", title]
            lines += [_row(each, width) for each in self.old]
        if self.tried:
            unseen = f"{UNSEEN[self.people_known]} that each trial did not see"
            lines += ["", f"tried, on {unseen}; the best by these figures is taken:"]
            lines += [
                f"  {each.name}: forgot too much"
                if each.accuracy is None
                else f"  {each.name}: {_percent(each.accuracy)} % after {each.steps} steps, "
                + way(each.share)
                for each in self.tried
            ]
        if self.unmeasured:
            lines += [
                "",
                f"no images of {', '.join(self.unmeasured)} were measured: whether such faces "
                "among yours are still recognised cannot be seen; import some to test it",
            ]
        return [*lines, "", self.recommendation] if lines else [self.recommendation]


def way(share: float) -> str:
    """Return how far a trial went from the start's weights to the learned ones, in words.

    Args:
        share: How far, 0 to 1; at 0 only the head of own classes learned.
    """
    return f"{share:.0%} of the way" if share else "the six answers as they were"


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
