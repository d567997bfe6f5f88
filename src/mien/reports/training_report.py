"""The report on a training: its curves and its recipe."""

from __future__ import annotations

import csv
import html
from pathlib import Path
from typing import TYPE_CHECKING

from mien.errors import InputError, MissingExtraError
from mien.reports.page import Figure, Page, Section, write_page

if TYPE_CHECKING:
    import altair as alt

__all__ = ["training_report"]

_CURVES = (
    (
        "Accuracy",
        "val/",
        "_accuracy",
        "Right answers on the part val with the averaged weights; six is FER-2013 with disgust "
        "in angry.",
        ".1%",
    ),
    (
        "Loss",
        "train/",
        "",
        "Means over each epoch on augmented, mixed pictures; taught is the distance from the "
        "teachers.",
        ".3f",
    ),
    ("Learning rate", "learning_rate", "", "At the end of each epoch.", ".4f"),
)
"""Title, beginning and ending of the columns, sentence, format."""

_NAMES = {
    "ferplus": "FER+",
    "fer2013": "FER-2013",
    "fer2013_six": "FER-2013, six",
    "embedding": "embedding",
    "ferplus_taught": "FER+, taught",
    "fer2013_taught": "FER-2013, taught",
}
_COLOURS = {
    "FER+": "#0b6e99",
    "FER-2013": "#E69F00",
    "FER-2013, six": "#009E73",
    "embedding": "#8C8C8C",
    "FER+, taught": "#9D5FB8",
    "FER-2013, taught": "#D55E00",
    "learning rate": "#0b6e99",
}


def training_report(
    curve: Path, recipe: Path, path: Path, *, figures: Path | None = None, overwrite: bool = False
) -> list[Path]:
    """Write the report on a training as one HTML file.

    Args:
        curve: The run's metrics, one row per epoch.
        recipe: The run's recipe.
        path: Where the report goes.
        figures: A folder for every chart as PNG and SVG; None writes none.
        overwrite: Whether an existing report may be replaced.

    Returns:
        The files written.

    Raises:
        InputError: There is no curve, or it has no epoch.
        OutputError: The report exists already or cannot be written.
        MissingExtraError: Altair, vl-convert or Polars is not installed.
    """
    try:
        with curve.open(encoding="utf-8", newline="") as file:
            rows = [
                {name: float(value) for name, value in row.items()} for row in csv.DictReader(file)
            ]
        text = recipe.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"{curve}: no curve of a training: {error}") from error
    if not rows:
        raise InputError(f"{curve}: no epoch has ended yet")
    charts = [
        Figure(title=title, sentence=sentence, chart=_chart(rows, begins, ends, form))
        for title, begins, ends, sentence, form in _CURVES
        if any(name.startswith(begins) and name.endswith(ends) for name in rows[0])
    ]
    last = rows[-1]
    accuracies = {
        f"{_NAMES[short]} on val": f"{last[name]:.1%}"
        for short in _NAMES
        if (name := f"val/{short}_accuracy") in last
    }
    body = f"<pre>{html.escape(text)}</pre>"
    page = Page(
        title=f"Training: {path.parent.name}",
        lead="How the network learned, epoch by epoch, and the recipe that repeats it.",
        cards={"epochs": f"{last['epoch']:.0f}"} | accuracies,
        notes_title="Notes",
        notes=[],
        sections=[
            Section(title="Curves", lead="Hover shows the figures.", figures=charts),
            Section(
                title="Recipe",
                lead="Every key, those that were left to their defaults, too.",
                figures=[Figure(title=recipe.name, sentence="", body=body)],
            ),
        ],
        provenance=f"Written from {curve.name} and {recipe.name}.",
    )
    return write_page(page, path, figures=figures, overwrite=overwrite)


def _chart(rows: list[dict[str, float]], begins: str, ends: str, form: str) -> alt.Chart:
    try:
        import altair as alt
        import polars as pl

        from mien.reports.data_figures import WIDTH_PX
    except ImportError as error:
        raise MissingExtraError("drawing reports", "data") from error
    columns = [name for name in rows[0] if name.startswith(begins) and name.endswith(ends)]
    curves = [_named(name, begins, ends) for name in columns]
    shown = [name for name in _COLOURS if name in curves]
    points = [
        {"epoch": row["epoch"], "curve": curve, "value": row[name]}
        for row in rows
        for name, curve in zip(columns, curves, strict=True)
    ]
    colours = [_COLOURS[name] for name in shown]
    legend = alt.Legend(title=None, orient="top") if len(curves) > 1 else None
    axis = alt.Axis(format=".0%") if form.endswith("%") else alt.Axis()
    chart: alt.Chart = (
        alt.Chart(pl.DataFrame(points))
        .mark_line(point=len(rows) < 30)
        .encode(
            x=alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1, format="d", grid=False)),
            y=alt.Y("value:Q", title=None, axis=axis, scale=alt.Scale(zero=False)),
            color=alt.Color("curve:N", scale=alt.Scale(domain=shown, range=colours), legend=legend),
            tooltip=["curve:N", "epoch:Q", alt.Tooltip("value:Q", format=form)],
        )
        .properties(width=WIDTH_PX, height=260)
    )
    return chart


def _named(name: str, begins: str, ends: str) -> str:
    short = name.removeprefix(begins).removesuffix(ends)
    return _NAMES[short] if short else "learning rate"
