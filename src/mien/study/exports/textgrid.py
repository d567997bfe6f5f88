"""Episodes as a Praat TextGrid: an interval tier for each person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["textgrid_text"]

_NOBODY = "nobody"
"""A TextGrid without a tier cannot be opened, so a video without a person has an empty one."""


def textgrid_text(
    events: Sequence[Mapping[str, Any]], people: Sequence[int], duration_s: float
) -> str:
    """Return the events of a video as a TextGrid in Praat's long text format.

    Args:
        events: Rows of the table `events`.
        people: The numbers of the people in the video.
        duration_s: The length of the video; an event that ends later makes it longer.
    """
    end = max([duration_s, *(event["end_s"] for event in events)])
    of_person: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for event in events:
        of_person[event["person"]].append(event)
    tiers = {f"person {person}": of_person[person] for person in people} or {_NOBODY: []}
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {end!r}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    for number, (name, own) in enumerate(tiers.items(), 1):
        intervals = _filled(own, end)
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f'        name = "{name}"',
            "        xmin = 0",
            f"        xmax = {end!r}",
            f"        intervals: size = {len(intervals)}",
        ]
        for place, (begin, until, text) in enumerate(intervals, 1):
            lines += [
                f"        intervals [{place}]:",
                f"            xmin = {begin!r}",
                f"            xmax = {until!r}",
                f'            text = "{text}"',
            ]
    return "\n".join(lines) + "\n"


def _filled(events: Sequence[Mapping[str, Any]], end: float) -> list[tuple[float, float, str]]:
    """Return begin, end and text of intervals that fill the whole time, as Praat wants them."""
    intervals = []
    at = 0.0
    for event in sorted(events, key=lambda each: each["start_s"]):
        if event["start_s"] > at:
            intervals.append((at, event["start_s"], ""))
        at = event["end_s"]
        intervals.append((event["start_s"], at, event["emotion"]))
    if at < end or not intervals:
        intervals.append((at, end, ""))
    return intervals
