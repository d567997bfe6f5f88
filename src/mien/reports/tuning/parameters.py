"""The charts of the objective of a study by its parameters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence
from typing import Any

import altair as alt
import numpy as np

from mien.reports.html.charts import FREE, SERIES, SHARES, WIDTH_PX, chart_data
from mien.reports.html.page import Figure
from mien.reports.tuning.record import StudyRecord, TrialRecord

__all__ = ["contour_figures", "importance_figure", "parallel_figure", "slice_figure"]

_LEAST_CONTOUR_TRIALS = 20
"""Fewer points are no field."""
_MOST_SLICES, _MOST_CONTOURS, _MOST_AXES, _MOST_MARKED = 12, 3, 16, 5
_CELLS = 24
_MIN_DISTANCE = 0.06
"""The height of a text as a share of its axis."""

_SCALE = alt.Scale(scheme="viridis")


def importance_figure(study: StudyRecord) -> Figure:
    """The share of the variance that each parameter explains."""
    rows = [{"parameter": key, "share": share} for key, share in study.importance.items()]
    first = next(iter(study.importance))
    chart = (
        alt.Chart(chart_data(rows))
        .mark_bar(cornerRadiusEnd=2, color=SERIES[0])
        .encode(
            alt.X("share:Q", title="share of the variance", axis=SHARES),
            alt.Y("parameter:N", title=None, sort="-x", axis=alt.Axis(labelLimit=220)),
            tooltip=["parameter", alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(width=WIDTH_PX - 180, height=alt.Step(24))
    )
    return Figure(
        title="Importance",
        sentence=f"{first} explains the largest share of the differences between the complete "
        f"trials: {study.importance[first]:.0%} (fANOVA, Hutter et al. 2014; rough if there are "
        "few trials).",
        chart=chart,
    )


def parallel_figure(study: StudyRecord) -> Figure:
    """Every complete trial as a line across the parameters, coloured by its value."""
    keys = study.keys[:_MOST_AXES]
    width = WIDTH_PX + 120
    rows = [
        {
            "trial": trial.number,
            "parameter": key,
            "height": height,
            "setting": _setting_text(trial.values[key]),
            "value": trial.value,
        }
        for key in keys
        for trials in [[trial for trial in study.complete if key in trial.values]]
        for trial, height in zip(trials, _heights(study, key, trials), strict=True)
    ]
    rows += [
        {
            "trial": trial.number,
            "parameter": study.objective,
            "height": height,
            "setting": f"{trial.value:.2%}",
            "value": trial.value,
        }
        for trial, height in zip(
            study.complete, _unit([t.value or 0.0 for t in study.complete]), strict=True
        )
    ]
    near = alt.selection_point(on="pointerover", nearest=True, fields=["trial"], empty=False)
    base = alt.Chart(chart_data(rows)).encode(
        alt.X(
            "parameter:N",
            title=None,
            sort=[*keys, study.objective],
            axis=alt.Axis(labelAngle=-35, labelLimit=160, grid=True),
        ),
        alt.Y("height:Q", title=None, axis=None),
        alt.Detail("trial:N"),
        tooltip=["trial", "parameter", "setting", alt.Tooltip("value:Q", format=".2%")],
    )
    lines = base.mark_line(strokeWidth=1.5).encode(
        color=alt.Color(
            "value:Q",
            title=study.objective,
            scale=_SCALE,
            legend=alt.Legend(format="%"),
        ),
        opacity=alt.condition(near, alt.value(1.0), alt.value(0.45)),
        strokeWidth=alt.condition(near, alt.value(4), alt.value(1.5)),
    )
    points = base.mark_point(opacity=0, size=60).add_params(near)
    settings = (
        alt.Chart(chart_data(_marked_settings(rows)))
        .mark_text(align="left", dx=4, dy=-7, fontSize=10, limit=width // (len(keys) + 1) - 8)
        .encode(
            alt.X("parameter:N", sort=[*keys, study.objective]), alt.Y("height:Q"), text="setting"
        )
    )
    return Figure(
        title="Parallel coordinates",
        sentence="One line per complete trial, from the most important parameter to the objective. "
        "Low values and first choices are at the bottom. Point at a line to highlight it.",
        chart=(lines + points + settings).properties(width=width, height=340),
    )


def _marked_settings(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the texts at each axis: all settings if they are few, else the lowest and the highest.

    If the texts of settings would touch, only the first one is shown.
    """
    axes: dict[str, dict[float, str]] = {}
    for row in rows:
        axes.setdefault(row["parameter"], {})[row["height"]] = row["setting"]
    return [
        {"parameter": name, "height": height, "setting": settings[height]}
        for name, settings in axes.items()
        for height in _separate(settings)
    ]


def _separate(heights: Collection[float]) -> list[float]:
    """Return the lowest, the highest, and of a few others those at some distance from these."""
    few = sorted(heights) if len(heights) <= _MOST_MARKED else []
    kept: list[float] = []
    for height in (min(heights), max(heights), *few):
        if all(abs(height - other) >= _MIN_DISTANCE for other in kept):
            kept.append(height)
    return kept


def _setting_text(value: Any) -> str:
    """Return a setting as short text: `[1, 2, 2]` as `1-2-2`."""
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return text.strip("[]").replace(", ", "-")


def _unit(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    return [(value - low) / (high - low) if high > low else 0.5 for value in values]


def _heights(study: StudyRecord, key: str, trials: Sequence[TrialRecord]) -> list[float]:
    """Return the trials' values of a key as heights between the lowest and the highest, 0 to 1."""
    return _unit([_place(study, key, trial.values[key]) for trial in trials])


def _place(study: StudyRecord, key: str, value: Any) -> float:
    if key in study.choices:
        return float(study.choices[key].index(str(value)))
    return math.log(value) if key in study.scales else float(value)


def slice_figure(study: StudyRecord) -> Figure:
    """The objective against each parameter: small charts with one axis of values, side by side."""
    slices = [_slice(study, key) for key in study.keys[:_MOST_SLICES]]
    return Figure(
        title="By parameter",
        sentence="Darker points are later trials. All charts have the same axis of values.",
        chart=alt.concat(*slices, columns=2).resolve_scale(color="shared", y="shared"),
        context="slice",
    )


def _slice(study: StudyRecord, key: str) -> alt.Chart:
    rows = [
        {"setting": _setting(study, key, trial), "value": trial.value, "trial": trial.number}
        for trial in study.complete
        if key in trial.values
    ]
    axis = _axis(study, key, "setting")
    chart: alt.Chart = (
        alt.Chart(chart_data(rows))
        .mark_point(filled=True, size=45, opacity=0.8)
        .encode(
            alt.X(**axis),
            alt.Y("value:Q", title=study.objective, axis=SHARES, scale=FREE),
            _by_age([trial.number for trial in study.complete]),
            tooltip=["trial", "setting", alt.Tooltip("value:Q", format=".2%")],
        )
        .properties(width=WIDTH_PX / 2 - 70, height=150)
    )
    return chart


def _by_age(numbers: Sequence[int]) -> alt.Color:
    """Return the trials' colours from pale to dark; the first one is still visible."""
    first, last = min(numbers), max(numbers)
    scale = alt.Scale(domain=[first, last], range=["#9ecae1", "#08306b"])
    legend = alt.Legend(format="d", tickCount=max(1, min(5, last - first)))
    return alt.Color("trial:Q", title="trial", scale=scale, legend=legend)


def _setting(study: StudyRecord, key: str, trial: TrialRecord) -> Any:
    return str(trial.values[key]) if key in study.choices else trial.values[key]


def _axis(study: StudyRecord, key: str, field: str) -> dict[str, Any]:
    if key in study.choices:
        return {
            "shorthand": f"{field}:N",
            "title": key,
            "sort": list(study.choices[key]),
            "axis": alt.Axis(labelAngle=0, labelLimit=150),
        }
    return {
        "shorthand": f"{field}:Q",
        "title": key,
        "scale": alt.Scale(type="log" if key in study.scales else "linear", zero=False, nice=False),
    }


def contour_figures(study: StudyRecord) -> list[Figure]:
    """The objective over pairs of the most important parameters, if enough trials have both."""
    pairs = (
        (across, up, trials)
        for across, up in itertools.combinations(study.keys[:3], 2)
        if len(trials := [t for t in study.complete if across in t.values and up in t.values])
        >= _LEAST_CONTOUR_TRIALS
    )
    return [_contour(study, *pair) for pair in itertools.islice(pairs, _MOST_CONTOURS)]


def _contour(study: StudyRecord, across: str, up: str, trials: Sequence[TrialRecord]) -> Figure:
    points = [
        {
            "x": _heights(study, across, trials)[row],
            "y": _heights(study, up, trials)[row],
            _plain(across): str(trial.values[across]),
            _plain(up): str(trial.values[up]),
            "trial": trial.number,
            "value": trial.value,
        }
        for row, trial in enumerate(trials)
    ]
    colour = alt.Color(
        "value:Q",
        title=study.objective,
        scale=_SCALE,
        legend=alt.Legend(format="%"),
    )
    axes = (
        alt.X("x:Q", title=f"{across}, low to high", axis=alt.Axis(labels=False, grid=False)),
        alt.Y("y:Q", title=f"{up}, low to high", axis=alt.Axis(labels=False, grid=False)),
    )
    field = (
        alt.Chart(chart_data(_smoothed(points)))
        .mark_rect(opacity=0.75)
        .encode(
            axes[0].bin(alt.Bin(step=1 / _CELLS)),
            axes[1].bin(alt.Bin(step=1 / _CELLS)),
            colour,
        )
    )
    tooltip = [
        "trial:Q",
        f"{_plain(across)}:N",
        f"{_plain(up)}:N",
        alt.Tooltip("value:Q", format=".2%"),
    ]
    dots = (
        alt.Chart(chart_data(points))
        .mark_point(filled=True, size=70, stroke="white", strokeWidth=1, opacity=1)
        .encode(*axes, colour, tooltip=tooltip)
    )
    return Figure(
        title=f"{across} and {up}",
        sentence="Points are complete trials. The field is their mean, weighted by distance.",
        chart=(field + dots).properties(width=WIDTH_PX - 160, height=360),
        context="contour",
    )


def _plain(key: str) -> str:
    """Return a key without the characters that are not allowed in a field's name."""
    return key.replace(".", " ").replace("[", " ").replace("]", "")


def _smoothed(points: Sequence[dict[str, Any]]) -> list[dict[str, float]]:
    """Return a field of the points' mean values, weighted by a Gaussian of their distance."""
    centres = (np.arange(_CELLS) + 0.5) / _CELLS
    across, up = np.meshgrid(centres, centres)
    x, y, value = (np.array([p[name] for p in points], float) for name in ("x", "y", "value"))
    squared = (across[..., None] - x) ** 2 + (up[..., None] - y) ** 2  # (cells, cells, T)
    nearest = squared.min(axis=2, keepdims=True)
    weight = np.exp(-(squared - nearest) / (2 * 0.12**2))
    field = (weight * value).sum(axis=2) / weight.sum(axis=2)
    return [
        {"x": float(a), "y": float(b), "value": round(float(v), 5)}
        for a, b, v in zip(across.ravel(), up.ravel(), field.ravel(), strict=True)
    ]
