"""The charts of the report on a study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mien.emotions import SIX
from mien.reports.html.charts import SERIES, SHARES, WIDTH_PX, chart_data, label_colours
from mien.reports.html.page import Figure
from mien.reports.study.summary import StudyPerson

__all__ = ["course_figure", "group_figure", "people_figure", "share_figure"]

_ROW_PX = 18
_MINUTES_FROM_S = 180.0
_NAME_PX = 260
_TICKS = 8
_SHARE_AXIS = alt.Axis(format="%", tickCount=_TICKS)


def people_figure(people: Sequence[StudyPerson], left_out: int) -> Figure:
    """Draw a row for each person of each video, coloured by the expression over time.

    Args:
        people: The people, in the order of their rows; at least one has an event.
        left_out: How many people have no row.
    """
    longest_s = max(event["end_s"] for each in people for event in each.events)
    in_minutes = longest_s > _MINUTES_FROM_S
    unit_s, unit = (60.0, "minutes") if in_minutes else (1.0, "seconds")
    counts = Counter(each.video for each in people)
    names = [
        each.video if counts[each.video] == 1 else f"{each.video} · {each.person}"
        for each in people
    ]
    rows = [
        {
            "person": name,
            "from": event["start_s"] / unit_s,
            "to": event["end_s"] / unit_s,
            "label": event["emotion"],
            "confidence": event["mean_confidence"],
            "lasts": event["end_s"] - event["start_s"],
        }
        for name, each in zip(names, people, strict=True)
        for event in each.events
    ]
    chart = (
        alt.Chart(chart_data(rows))
        .mark_rect(height=alt.RelativeBandSize(0.8))
        .encode(
            alt.X("from:Q", title=unit, axis=alt.Axis(tickCount=_TICKS, format="~g"),
                  scale=alt.Scale(domain=[0, longest_s / unit_s], nice=False)),
            alt.X2("to:Q"),
            alt.Y("person:N", title=None, sort=names, scale=alt.Scale(domain=names),
                  axis=alt.Axis(labelLimit=_NAME_PX, labelOverlap=False)),
            alt.Color("label:N", title=None, scale=label_colours(SIX.labels),
                      legend=alt.Legend(orient="top")),
            tooltip=[
                "person",
                "label",
                alt.Tooltip("from:Q", format=".1f", title=unit),
                alt.Tooltip("lasts:Q", format=".1f", title="lasts s"),
                alt.Tooltip("confidence:Q", format=".0%"),
            ],
        )
        .properties(width=WIDTH_PX, height=alt.Step(_ROW_PX))
    )  # fmt: skip
    more = f" {left_out:,} more people are in the tables." if left_out else ""
    return Figure(
        title="Everybody over time",
        sentence="A row for each person, coloured where an expression is shown for long enough to "
        f"be an episode.{more}",
        chart=chart,
    )


def course_figure(course: NDArray[np.float64]) -> Figure:
    """Draw the mean share of time of each expression over the course of the videos.

    Args:
        course: `(n, 6)`, each row of a part of the time.
    """
    parts = len(course)
    rows = [
        {"time": place / (parts - 1), "label": label, "share": float(share), "rank": rank}
        for place, shares in enumerate(course)
        for rank, (label, share) in enumerate(zip(SIX.labels, shares, strict=True))
    ]
    chart = (
        alt.Chart(chart_data(rows))
        .mark_area(opacity=0.9, interpolate="monotone")
        .encode(
            alt.X("time:Q", title="course of the video", axis=SHARES),
            alt.Y("share:Q", title="time of those in view", stack="zero", axis=SHARES),
            alt.Color("label:N", title=None, scale=label_colours(SIX.labels),
                      legend=alt.Legend(orient="top")),
            order="rank:Q",
            tooltip=["label", alt.Tooltip("share:Q", format=".1%"),
                     alt.Tooltip("time:Q", format=".0%")],
        )
        .properties(width=WIDTH_PX, height=200)
    )  # fmt: skip
    return Figure(
        title="From beginning to end",
        sentence="The share of the time of the people in view, as the mean over videos, each "
        "counted once and stretched to the same length. What lacks to 100 % is time without an "
        "episode, or without anybody in view.",
        chart=chart,
    )


def share_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the mean share of time of each expression with its interval over videos.

    Args:
        rows: Of the table `groups`, those of all videos.
    """
    videos = rows[0]["videos"]
    base = alt.Chart(chart_data([_as_point(row) for row in rows])).encode(
        alt.Y("label:N", title=None, sort=list(SIX.labels)),
        alt.Color("label:N", legend=None, scale=label_colours(SIX.labels)),
        tooltip=_TOOLTIP,
    )
    most = max(rows, key=lambda row: float(row["mean_share"]))
    return Figure(
        title="Share of time",
        sentence=f"{most['emotion'].capitalize()} is shown most, {most['mean_share']:.0%} of the "
        f"time. {_intervals(videos)}",
        chart=_with_intervals(base).properties(width=WIDTH_PX, height=alt.Step(30)),
    )


def group_figure(covariate: str, rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the same for the groups of one covariate.

    Args:
        covariate: Its name.
        rows: Of the table `groups`, those of its groups.
    """
    counts = {row["group"]: row["videos"] for row in rows}
    names = [f"{group} ({count})" for group, count in counts.items()]
    points = [{**_as_point(row), "group": f"{row['group']} ({row['videos']})"} for row in rows]
    colours = [SERIES[place % len(SERIES)] for place in range(len(names))]
    base = alt.Chart(chart_data(points)).encode(
        alt.Y("label:N", title=None, sort=list(SIX.labels)),
        alt.YOffset("group:N", sort=names),
        alt.Color("group:N", title=None, scale=alt.Scale(domain=names, range=colours),
                  legend=alt.Legend(orient="top", columns=4)),
        tooltip=["group", *_TOOLTIP],
    )  # fmt: skip
    step = alt.Step(max(12, 36 // len(names)), **{"for": "offset"})
    return Figure(
        title=f"By {covariate}",
        context="groups",
        sentence="Means over the videos of each group; their number stands in brackets. "
        f"{_intervals(min(counts.values()))}",
        chart=_with_intervals(base).properties(width=WIDTH_PX, height=step),
    )


_TOOLTIP: list[Any] = [
    "label",
    alt.Tooltip("share:Q", format=".1%"),
    alt.Tooltip("low:Q", format=".1%"),
    alt.Tooltip("high:Q", format=".1%"),
]


def _as_point(row: Mapping[str, Any]) -> dict[str, Any]:
    share = float(row["mean_share"])
    low, high = (share if row[end] is None else float(row[end]) for end in ("low", "high"))
    return {"label": row["emotion"], "share": share, "low": low, "high": high}


def _with_intervals(base: alt.Chart) -> alt.LayerChart:
    x = alt.X("low:Q", title="share of time", axis=_SHARE_AXIS, scale=alt.Scale(domainMin=0))
    lines = base.mark_rule(strokeWidth=2.5, opacity=0.55).encode(x, alt.X2("high:Q"))
    return alt.LayerChart(
        layer=[lines, base.mark_point(filled=True, size=70, opacity=1).encode(alt.X("share:Q"))]
    )


def _intervals(videos: int) -> str:
    if videos < 2:
        return "One video gives no interval."
    few = " With so few videos they are too narrow." if videos < 10 else ""
    return f"Lines are 95 % bootstrap intervals over videos, not over frames.{few}"
