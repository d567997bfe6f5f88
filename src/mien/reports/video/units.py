"""The figures of expression units in the video report: what moves, blinks, nods, and the head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mien.metrics import MAX_FRAME_INTERVAL_S, count_blinks, count_nods
from mien.reports.html.blocks import Table
from mien.reports.html.charts import SERIES, WHOLE, WIDTH_PX, chart_data
from mien.reports.html.page import Figure
from mien.reports.video.spans import Spans
from mien.reports.video.summary import Person
from mien.track import longest_gap_s
from mien.units import POSE_FIELDS, UNITS, merged_sides, strongest_units

__all__ = ["unit_figures"]

_SHOWN = 8
_LEAST_CHANGE = 0.1
"""Units whose values differ by less, between a low and a high one of theirs, are at rest."""

_SECONDS_PER_MINUTE, _LEAST_MINUTES = 60.0, 0.25
"""A rate is said of those who are seen for a quarter of a minute."""

_ANGLES = {"yaw_deg": "yaw, + right", "pitch_deg": "pitch, + up", "roll_deg": "roll, + clockwise"}


def unit_figures(number: int, person: Person, *, step_s: float) -> list[Figure]:
    """Return the figures of a person's units; none if the video was analysed without them.

    Args:
        number: The person's number.
        person: The person's frames.
        step_s: The span of time that is one point of a chart.
    """
    known = np.array([each is not None for each in person.units])
    if not known.any():
        return []
    times_s = np.array(person.times_s)
    values = [each for each in person.units if each is not None]
    units = np.stack([each.units for each in values])
    pose_deg = np.array([each.pose_deg for each in values])
    context = f"person {number + 1}"
    return [
        _most_varying(context, times_s[known], units, step_s),
        _head(context, times_s[known], pose_deg, step_s),
        _counts(context, person, times_s, known),
    ]


def _most_varying(
    context: str, times_s: NDArray[np.float64], units: NDArray[np.float32], step_s: float
) -> Figure:
    """Small multiples of the units that change most; two sides are one line: their mean."""
    columns = dict(zip(UNITS, units.T, strict=True))
    merged = merged_sides(columns, within=None)
    change = {name: float(np.ptp(np.quantile(v, (0.05, 0.95)))) for name, v in merged.items()}
    shown = list(strongest_units(change, _SHOWN, least=_LEAST_CHANGE))
    if not shown:
        sentence = f"No unit changes by {_LEAST_CHANGE:g} or more: the face is at rest."
        return Figure(title="What moves", context=context, sentence=sentence)
    rows = _binned({name: merged[name] for name in shown}, times_s, step_s)
    width = WIDTH_PX / 2 - 40
    lines = (
        alt.Chart(chart_data(rows))
        .mark_line(strokeWidth=1.5, color=SERIES[0])
        .encode(
            alt.X("time:Q", title="seconds"),
            alt.Y("value:Q", title=None, scale=WHOLE, axis=alt.Axis(tickCount=2)),
            alt.Detail("stretch:N"),
            tooltip=[
                "unit",
                alt.Tooltip("time:Q", format=".1f"),
                alt.Tooltip("value:Q", format=".2f"),
            ],
        )
        .properties(width=width, height=70)
    )
    facet = alt.Facet("unit:N", sort=shown, title=None, columns=2)
    return Figure(
        title="What moves",
        context=context,
        sentence="The units that change most, smoothed, from 0 (at rest) to 1 (as far as faces go);"
        " left and right are shown as their mean. A network says so, no person has coded it.",
        chart=lines.encode(facet=facet),
        wide=True,
    )


def _head(
    context: str, times_s: NDArray[np.float64], pose_deg: NDArray[np.float64], step_s: float
) -> Figure:
    # Faces with units are turned by less than 90 degrees, so means need no circle.
    named = {_ANGLES[name]: pose_deg[:, place] for place, name in enumerate(POSE_FIELDS)}
    rows = _binned(named, times_s, step_s)
    colours = alt.Scale(domain=list(named), range=list(SERIES[: len(named)]))
    chart = (
        alt.Chart(chart_data(rows))
        .mark_line(strokeWidth=1.5)
        .encode(
            alt.X("time:Q", title="seconds"),
            alt.Y("value:Q", title="degrees"),
            alt.Color("unit:N", scale=colours, legend=alt.Legend(title=None, orient="top")),
            alt.Detail("stretch:N"),
            tooltip=[
                "unit",
                alt.Tooltip("time:Q", format=".1f"),
                alt.Tooltip("value:Q", format=".0f"),
            ],
        )
        .properties(width=WIDTH_PX, height=150)
    )
    return Figure(
        title="The head",
        context=context,
        sentence="How the head is turned, smoothed. Yaw is positive to the right of the image, "
        "pitch upwards, roll clockwise.",
        chart=chart,
        wide=True,
    )


def _counts(
    context: str, person: Person, times_s: NDArray[np.float64], known: NDArray[np.bool_]
) -> Figure:
    """Table of blinks and nods, counted in what each frame says alone."""
    closed, pitch_deg = np.full((2, len(times_s)), np.nan)
    for place in np.flatnonzero(known):
        values = person.units[place]
        if values is not None:
            closed[place], pitch_deg[place] = values.raw_closed, values.raw_pitch_deg
    steps = np.diff(times_s)
    counted_steps = known[1:] & known[:-1] & (steps <= longest_gap_s(times_s))
    minutes = float(steps[counted_steps].sum()) / _SECONDS_PER_MINUTE
    counted = {"blinks": count_blinks(times_s, closed), "nods": count_nods(times_s, pitch_deg)}
    rows = [
        (
            name,
            "not counted" if count is None else str(count),
            "" if count is None or minutes < _LEAST_MINUTES else f"{count / minutes:.1f}",
        )
        for name, count in counted.items()
    ]
    sentence = (
        "Blinks are closures of both eyes of at most half a second, nods movements of the head "
        "down and up by 5 degrees or more. Both are estimates."
    )
    if None in counted.values():
        sentence += (
            f" They are counted only where frames are at most {MAX_FRAME_INTERVAL_S:g} s apart: "
            "leave out --max-fps."
        )
    return Figure(
        title="Blinks and nods",
        context=context,
        sentence=sentence,
        body=[Table(("movement", "number", "per minute"), rows)],
    )


def _binned(
    named: Mapping[str, NDArray[np.floating]], times_s: NDArray[np.float64], step_s: float
) -> Sequence[dict[str, Any]]:
    """Return the means of values over spans of time as rows, those of each stretch by itself."""
    spans = Spans.of(times_s, step_s=step_s)
    means = spans.means(np.stack(list(named.values()), axis=1))
    points = list(zip(*spans.points(), strict=True))
    return [
        {
            "unit": name,
            "time": float(time_s),
            "value": float(means[place, column]),
            "stretch": int(spans.stretches[place]),
        }
        for column, name in enumerate(named)
        for time_s, place in points
    ]
