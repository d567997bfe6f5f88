"""The common parts of all charts: width, colours, axes, and the heat map."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pyarrow
from numpy.typing import NDArray

from mien.emotions import LABEL_COLOURS

__all__ = [
    "FREE",
    "INK",
    "SERIES",
    "SHARES",
    "WHOLE",
    "WIDTH_PX",
    "chart_data",
    "heat_map",
    "label_colours",
    "whole_axis",
]

WIDTH_PX = 620

INK = "currentColor"
"""The colour of the page's text; where a chart is saved as an image, that of print."""

SERIES = ("#0b6e99", "#b0558f", "#8f7a1a", "#6272c4", "#4b8a5e", "#7a818c")
"""Colours of series that are not expressions, in the order of their use; the last is grey. None is
an expression's, and each has a contrast of 3:1 or more with light and dark paper."""

SHARES = alt.Axis(format="%")
"""An axis of shares, with as many decimals as its ticks need."""

FREE = alt.Scale(zero=False)
"""A scale that does not have to include 0; for lines and points of one quantity alone."""

WHOLE = alt.Scale(domain=[0, 1])
"""The scale of shares that are compared: none of it is cut off."""


_MAX_TICKS = 10

_OWN_COLOURS = ("#5B4636", "#1B6E5A", "#8A3B6E", "#3F4F9E")


def whole_axis(numbers: Iterable[float], *, grid: bool = False) -> alt.Axis:
    """Return an axis of whole numbers; by default Vega also draws halves if they are few.

    Args:
        numbers: The numbers on the axis; at least one.
        grid: Whether lines go across the chart.
    """
    found = [round(number) for number in numbers]
    low, high = min(found), max(found)
    every = list(range(low, high + 1)) if high - low <= _MAX_TICKS else alt.Undefined
    return alt.Axis(format=",d", tickMinStep=1, grid=grid, values=every)


def label_colours(labels: Sequence[str]) -> alt.Scale:
    """Return the scale that gives each label its colour; a dataset's own classes take turns."""
    own = itertools.cycle(_OWN_COLOURS)
    colours = [LABEL_COLOURS[name] if name in LABEL_COLOURS else next(own) for name in labels]
    return alt.Scale(domain=list(labels), range=colours)


def chart_data(rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]]) -> pyarrow.Table:
    """Return the table that a chart draws; Altair takes the kinds of its columns from it.

    Args:
        rows: Rows, of which one may lack a column; or the columns by their names.
    """
    if isinstance(rows, Mapping):
        return pyarrow.table(dict(rows))
    names = dict.fromkeys(name for row in rows for name in row)
    return pyarrow.table({name: [row.get(name) for row in rows] for name in names})


def heat_map(
    values: NDArray[np.floating],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    titles: tuple[str, str],
    counts: NDArray[np.integer] | None = None,
) -> alt.LayerChart:
    """Draw shares as a heat map with numbers; cells of nothing stay empty.

    Args:
        values: `(R, C)`, 0 to 1.
        rows: The names of the rows.
        columns: The names of the columns.
        titles: What rows and columns are.
        counts: `(R, C)`, the number of images, below the shares.
    """
    cells = chart_data(
        [
            {titles[0]: row, titles[1]: column, "share": float(values[i, j])}
            | ({} if counts is None else {"images": int(counts[i, j])})
            for i, row in enumerate(rows)
            for j, column in enumerate(columns)
        ]
    )
    tooltip = [titles[0], titles[1], alt.Tooltip("share:Q", format=".1%")]
    if counts is not None:
        tooltip.append(alt.Tooltip("images:Q", format=","))
    base = alt.Chart(cells).encode(
        alt.X(f"{titles[1]}:N", sort=list(columns), axis=alt.Axis(orient="top", labelAngle=0)),
        alt.Y(f"{titles[0]}:N", sort=list(rows)),
    )
    # Over the paper, light or dark, so that empty cells never glare.
    strength = alt.Opacity("share:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=[0.06, 1]))
    squares = base.mark_rect(color=SERIES[0]).encode(strength, tooltip=tooltip)
    written = base.transform_filter("datum.share > 0")
    on_dark = alt.condition("datum.share > 0.5", alt.value("white"), alt.value(INK))
    numbers = written.mark_text(dy=0 if counts is None else -6).encode(
        alt.Text("share:Q", format=".0%"), color=on_dark
    )
    layers: list[alt.Chart] = [squares, numbers]
    if counts is not None:
        layers.append(
            written.mark_text(dy=9, fontSize=10).encode(
                alt.Text("images:Q", format=","), color=on_dark
            )
        )
    side = min(72, WIDTH_PX / len(columns))
    return alt.LayerChart(layer=layers).properties(
        width=side * len(columns), height=(36 if counts is None else 44) * len(rows)
    )
