"""The report on a training: its curves and its recipe."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mien._reading import read_csv, read_text, read_toml
from mien.errors import InputError
from mien.reports.html.blocks import Preformatted
from mien.reports.html.page import Figure, Page, Section, require_charts, write_page

if TYPE_CHECKING:
    import altair as alt

__all__ = ["curve_figures", "training_report"]

_ACCURACY, _LOSS = "_accuracy", "_loss"

_CURVES = (
    (
        "Accuracy",
        {"val": ("val/", _ACCURACY), "train": ("train/", _ACCURACY)},
        "On val with the averaged weights; on train with those of each step, on augmented and "
        "mixed images, which are harder. Six is FER-2013 with disgust as angry.",
        ".1%",
    ),
    (
        "Loss",
        {"train": ("train/", ""), "val": ("val/", _LOSS)},
        "Mean over each epoch: on train with augmented and mixed images, on val as they are. Where "
        "val rises while train falls, the network learns its images by heart.",
        ".3f",
    ),
    ("Learning rate", {"": ("learning_rate", "")}, "At the end of each epoch.", ".4f"),
)
"""Title, beginning and ending of the columns by the images that they are of, sentence, format."""

_FEW_EPOCHS = 30
"""So many epochs and more are lines without dots."""

_NAMES = {
    "ferplus": "FER+",
    "fer2013": "FER-2013",
    "fer2013_six": "FER-2013, six",
    "embedding": "embedding",
    "ferplus_distillation": "FER+, distillation",
    "fer2013_distillation": "FER-2013, distillation",
}
_PLACES = {
    "FER+": 0,
    "FER-2013": 1,
    "FER-2013, six": 2,
    "embedding": 5,
    "FER+, distillation": 4,
    "FER-2013, distillation": 3,
    "learning rate": 0,
}
"""The indices of the curves' colours in `SERIES`."""

_OTHER_COLOURS = ("#CC79A7", "#56B4E9", "#B8A200", "#5B4A3F")
"""Colours of columns with other names, in turn."""


def training_report(
    curve: str | Path,
    recipe: str | Path,
    path: str | Path,
    *,
    figures: str | Path | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write the report on a training as one HTML file.

    Its cards show the epoch whose weights are kept: the first with the highest `val/score` if the
    recipe has `patience`, else the last. Values that are not finite are left out.

    Args:
        curve: The run's metrics, one row per epoch.
        recipe: The run's recipe, a TOML file.
        path: Where the report goes.
        figures: A folder for every chart as PNG and SVG; None writes none.
        overwrite: Whether an existing report may be replaced.

    Returns:
        The files written.

    Raises:
        InputError: The curve or the recipe cannot be read, or no epoch has ended.
        OutputError: The report exists already or cannot be written.
        MissingExtraError: Altair, Jinja2, pyarrow or vl-convert is not installed.
    """
    curve, recipe, path = Path(curve), Path(recipe), Path(path)
    rows = _read_curve(curve)
    expected = "the recipe of a training"
    stops_early = bool(read_toml(recipe, InputError, expected=expected).get("patience"))
    text = read_text(recipe, InputError, expected=expected)
    charts = curve_figures(rows)
    cards = {"epochs": f"{rows[-1]['epoch']:.0f}"}
    kept = rows[-1]
    if stops_early:
        kept = max(rows, key=_score)
        cards["best epoch"] = f"{kept['epoch']:.0f}"
    cards |= {
        f"{_NAMES[short]} on val": f"{kept[name]:.1%}"
        for short in _NAMES
        if math.isfinite(kept.get(name := f"val/{short}_accuracy", math.nan))
    }
    page = Page(
        title=f"Training: {path.parent.name}",
        lead="The network's training, epoch by epoch, and the recipe to repeat it.",
        cards=cards,
        notes_title="Notes",
        notes=[],
        sections=[
            Section(title="Curves", lead="Point at a curve to see its values.", figures=charts),
            Section(
                title="Recipe",
                lead="All keys, with their defaults.",
                figures=[Figure(title=recipe.name, sentence="", body=[Preformatted(text)])],
            ),
        ],
        provenance=f"Written from {curve.name} and {recipe.name}.",
    )
    return write_page(page, path, figures=figures, overwrite=overwrite)


def curve_figures(rows: Sequence[Mapping[str, float]]) -> list[Figure]:
    """Draw the curves of a training: accuracy, loss and learning rate, those that there are.

    Args:
        rows: One per epoch, all with the same columns: `epoch`, losses and accuracies such as
            `train/fer2013_six`, `val/fer2013_six_loss` and `val/fer2013_six_accuracy` (0 to 1),
            and `learning_rate`.

    Raises:
        MissingExtraError: Altair or pyarrow is not installed.
    """
    return [
        Figure(
            title=title,
            sentence=_with_teachers(sentence, columns),
            chart=_chart(rows, columns, form),
        )
        for title, parts, sentence, form in _CURVES
        if (columns := _columns(rows, parts))
    ]


def _read_curve(path: Path) -> list[dict[str, float]]:
    expected = "the curve of a training, which is a CSV of numbers"
    table = read_csv(path, InputError, expected=expected)
    try:
        columns = {name: list(map(float, values)) for name, values in table.items()}
    except ValueError as error:
        raise InputError(f"{path}: {error}. Expected {expected}") from error
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if not rows:
        raise InputError(f"{path}: no epoch has ended yet")
    if "epoch" not in rows[0]:
        raise InputError(
            f"{path}: not the curve of a training: expected a column 'epoch', found none"
        )
    return rows


def _score(row: dict[str, float]) -> float:
    """Return the score that the best epoch is chosen by; the worst if it is not finite."""
    score = row.get("val/score", math.nan)
    return score if math.isfinite(score) else -math.inf


def _with_teachers(sentence: str, columns: dict[str, tuple[str, str]]) -> str:
    if any(curve.endswith(", distillation") for curve, _ in columns.values()):
        return f"{sentence} Distillation is the divergence from the teachers."
    return sentence


def _columns(
    rows: Sequence[Mapping[str, float]], parts: dict[str, tuple[str, str]]
) -> dict[str, tuple[str, str]]:
    """Return the columns with a finite value, with their curve's name and the images' part.

    A loss that is always 0 is left out: no image has the labels that it needs.
    """
    found = {}
    for part, (begins, ends) in parts.items():
        for name in rows[0]:
            is_loss = begins == "train/" and not ends
            if not (name.startswith(begins) and name.endswith(ends)):
                continue
            if is_loss and name.endswith(_ACCURACY):
                continue
            if any(math.isfinite(row[name]) and (row[name] or not is_loss) for row in rows):
                found[name] = _curve_name(name.removeprefix(begins).removesuffix(ends)), part
    return found


def _curve_name(short: str) -> str:
    return _NAMES.get(short, short) or "learning rate"


def _chart(
    rows: Sequence[Mapping[str, float]], columns: dict[str, tuple[str, str]], form: str
) -> alt.LayerChart:
    require_charts()
    import altair as alt

    from mien.reports.html.charts import FREE, SERIES, SHARES, WIDTH_PX, chart_data, whole_axis

    curves = list(dict.fromkeys(curve for curve, _ in columns.values()))
    parts = list(dict.fromkeys(part for _, part in columns.values()))
    colours = {name: SERIES[place] for name, place in _PLACES.items() if name in curves}
    others = [name for name in curves if name not in colours]
    colours |= dict(zip(others, itertools.cycle(_OTHER_COLOURS), strict=False))
    points = [
        {"epoch": row["epoch"], "curve": curve, "images": part, "value": row[name]}
        for row in rows
        for name, (curve, part) in columns.items()
        if math.isfinite(row[name])
    ]
    legend = alt.Legend(title=None, orient="top") if len(curves) > 1 else None
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    axis = SHARES if form.endswith("%") else alt.Axis()
    base = alt.Chart(chart_data(points)).encode(
        x=alt.X("epoch:Q", axis=whole_axis(row["epoch"] for row in rows)),
        y=alt.Y("value:Q", title=None, axis=axis, scale=FREE),
        color=alt.Color("curve:N", scale=scale, legend=legend),
        tooltip=["curve:N", "images:N", "epoch:Q", alt.Tooltip("value:Q", format=form)],
    )
    lines = base.mark_line().encode(
        strokeDash=alt.StrokeDash(
            "images:N",
            sort=parts,
            scale=alt.Scale(domain=parts, range=[[1, 0], [5, 4]][: len(parts)]),
            legend=alt.Legend(title=None, orient="top") if len(parts) > 1 else None,
        )
    )
    # In a layer of their own: in the legend they would hide which line is dashed.
    dots = base.mark_point(filled=True, opacity=1 if len(rows) < _FEW_EPOCHS else 0)
    return alt.LayerChart(layer=[lines, dots]).properties(width=WIDTH_PX, height=260)
