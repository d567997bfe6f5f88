"""The charts of the evaluation report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from mien._wording import pluralize
from mien.emotions import LabelSet
from mien.evaluation import THIRDS, ModelComparison, ModelEvaluation
from mien.reports.evaluation.confidence_figures import model_colours
from mien.reports.html.charts import SHARES, WHOLE, WIDTH_PX, chart_data, heat_map, label_colours
from mien.reports.html.page import Figure

__all__ = [
    "classes_figure",
    "confusion_figure",
    "overview_figure",
    "quality_figure",
    "robustness_figure",
    "threshold_figures",
]

_SIGNIFICANT = 0.05
_METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
}

_LEVEL = alt.Axis(labelAngle=0)

_WHOLE_AXIS = alt.Axis(format="%", values=[0, 0.5, 1])

_APART_PX = 36
"""The space between charts whose axes all end with a number."""

_FEW = 10
"""Confusions of a class with fewer images are named only if no other class has any."""


def overview_figure(
    results: Sequence[ModelEvaluation], comparisons: Sequence[ModelComparison]
) -> Figure:
    """All protocols side by side, with intervals and leak-free figures."""
    rows = []
    for each in results:
        for metric, shown in _METRICS.items():
            interval = each.score.intervals[metric]
            row = {"model": each.model, "protocol": each.title, "metric": shown}
            rows.append(
                row
                | {
                    "value": float(getattr(each.score, metric)),
                    "low": interval.low,
                    "high": interval.high,
                    "leak_free": float(getattr(each.leak_free or each.score, metric)),
                }
            )
    titles = list(dict.fromkeys(each.title for each in results))
    base = alt.Chart(chart_data(rows)).encode(
        alt.Y("protocol:N", title=None, sort=titles, axis=alt.Axis(labelLimit=230)),
        model_colours(results),
        alt.YOffset("model:N"),
        tooltip=[
            "model",
            "protocol",
            "metric",
            alt.Tooltip("value:Q", format=".1%"),
            alt.Tooltip("low:Q", format=".1%"),
            alt.Tooltip("high:Q", format=".1%"),
            alt.Tooltip("leak_free:Q", format=".1%", title="leak-free"),
        ],
    )
    whiskers = base.mark_rule(strokeWidth=2).encode(
        alt.X("low:Q", title=None, axis=_WHOLE_AXIS, scale=WHOLE), alt.X2("high:Q")
    )
    points = base.mark_circle(size=90).encode(alt.X("value:Q", title=None))
    leak_free = base.mark_point(size=50, shape="diamond").encode(alt.X("leak_free:Q", title=None))
    chart = (
        alt.LayerChart(layer=[whiskers, points, leak_free])
        .properties(width=WIDTH_PX / 3 - 50, height=alt.Step(26))
        .facet(alt.Facet("metric:N", title=None, sort=list(_METRICS.values())), columns=3)
    )
    return Figure(
        title="All protocols",
        sentence="Dots are the figures, lines their 95 % bootstrap intervals, diamonds the figures "
        f"without images that are also in train. {_compared(comparisons)}",
        chart=chart,
    )


def _verb(comparison: ModelComparison) -> str:
    return "differ" if comparison.test.p_value < _SIGNIFICANT else "do not differ"


def _compared(comparisons: Sequence[ModelComparison]) -> str:
    sentences = [
        f"{each.first} and {each.second} {_verb(each)} "
        f"significantly by {each.protocol} (McNemar, p = {each.test.p_value:.2g})"
        for each in comparisons
    ]
    return "; ".join(sentences) + "." if sentences else ""


def classes_figure(results: Sequence[ModelEvaluation]) -> Figure:
    """Precision, recall and F1 per class."""
    rows = [
        {"model": each.model, "label": c.label, "images": c.images}
        | {"metric": metric, "value": float(getattr(c, metric))}
        for each in results
        for c in each.score.classes
        for metric in ("precision", "recall", "f1")
        if math.isfinite(getattr(c, metric))
    ]
    first = results[0]
    known = [c for c in first.score.classes if c.images]
    worst = min(known, key=lambda c: c.recall)
    chart = (
        alt.Chart(chart_data(rows))
        .mark_circle(size=90)
        .encode(
            alt.X("value:Q", title=None, axis=_WHOLE_AXIS, scale=WHOLE),
            alt.Y("label:N", title=None, sort=[c.label for c in first.score.classes]),
            model_colours(results),
            alt.YOffset("model:N"),
            tooltip=["model", "label", "metric", "images", alt.Tooltip("value:Q", format=".1%")],
        )
        .properties(width=WIDTH_PX / 3 - 40, height=alt.Step(24))
        .facet(
            alt.Column("metric:N", title=None, sort=["precision", "recall", "f1"]),
            spacing=_APART_PX,
        )
    )
    return Figure(
        title="Classes",
        context=first.protocol,
        sentence=f"{worst.label} has the lowest recall of {first.model}: {worst.recall:.0%} of "
        f"{pluralize(worst.images, 'image')}.",
        chart=chart,
    )


def confusion_figure(result: ModelEvaluation, label_set: LabelSet) -> Figure:
    """The confusion matrix as shares of each true label."""
    counts = np.array(result.score.confusion)
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    wrong = shares * (1 - np.eye(len(counts)))
    often = wrong * (totals >= _FEW)[:, None]
    often = often if often.any() else wrong
    row, column = np.unravel_index(int(often.argmax()), often.shape)
    sentence = "Rows are true labels, columns predictions; the small numbers are images."
    if often.any():
        few = f" (of only {totals[row]})" if totals[row] < _FEW else ""
        sentence += (
            f" The most frequent confusion: {label_set.labels[row]} predicted as "
            f"{label_set.labels[column]}, {shares[row, column]:.0%} of the time{few}."
        )
    return Figure(
        title=f"Confusions of {result.model}",
        context=result.protocol,
        sentence=sentence,
        chart=heat_map(
            shares,
            label_set.labels,
            label_set.labels,
            titles=("true label", "predicted"),
            counts=counts,
        ),
    )


def threshold_figures(result: ModelEvaluation) -> list[Figure]:
    """ROC and precision-recall curves per class."""
    labels = [c.label for c in result.score.classes if c.label in result.score.curves]
    areas = {c.label: c.roc_auc for c in result.score.classes if c.label in result.score.curves}
    figures = []
    for kind, title, axes, sentence in (
        (
            "roc",
            "ROC",
            ("false positive rate", "true positive rate"),
            f"The mean area is {np.mean(list(areas.values())):.3f}. The closer a curve comes to "
            "the upper left corner, the better the model separates that class from the others.",
        ),
        (
            "pr",
            "Precision and recall",
            ("recall", "precision"),
            "Precision is the share of a class's predictions that are correct, recall the share of "
            "its images that are found. For rare classes this is harder than ROC.",
        ),
    ):
        rows = [
            {"label": label, "x": x, "y": y, "step": step}
            for label in labels
            for step, (x, y) in enumerate(result.score.curves[label][kind])
        ]
        chosen = alt.selection_point(fields=["label"], bind="legend")
        chart = (
            alt.Chart(chart_data(rows))
            .mark_line(strokeWidth=2)
            .encode(
                alt.X("x:Q", title=axes[0], scale=alt.Scale(domain=[0, 1])),
                alt.Y("y:Q", title=axes[1], scale=alt.Scale(domain=[0, 1])),
                alt.Color("label:N", title=None, scale=label_colours(labels)),
                order="step:Q",
                opacity=alt.condition(chosen, alt.value(0.9), alt.value(0.12)),
                tooltip=[
                    "label",
                    alt.Tooltip("x:Q", format=".3f"),
                    alt.Tooltip("y:Q", format=".3f"),
                ],
            )
            .add_params(chosen)
            .properties(width=420, height=320)
        )
        figures.append(
            Figure(
                title=f"{title} of {result.model}",
                context=result.protocol,
                sentence=sentence,
                chart=chart,
            )
        )
    return figures


def robustness_figure(results: Sequence[ModelEvaluation]) -> Figure:
    """Balanced accuracy on corrupted images."""
    rows = []
    for each in results:
        plain = next(point for point in each.robustness if not point.corruption)
        levels: dict[str, list[float]] = {}
        for point in each.robustness:
            if point.corruption:
                start = [plain.balanced_accuracy]
                levels.setdefault(point.corruption, start).append(point.balanced_accuracy)
        rows += [
            {"model": each.model, "corruption": name, "strength": level, "value": value}
            for name, values in levels.items()
            for level, value in enumerate(values)
        ]
    plain, *worse = sorted(results[0].robustness, key=lambda point: point.corruption != "")
    worst = min(worse, key=lambda point: point.balanced_accuracy)
    sentence = "0 is the image as it is, 1 to 3 are rising strengths of corruption."
    if worst.balanced_accuracy < plain.balanced_accuracy:
        sentence += (
            f" The largest loss of {results[0].model} is by {worst.corruption}: from "
            f"{plain.balanced_accuracy:.0%} down to {worst.balanced_accuracy:.0%}."
        )
    value = alt.Y("value:Q", title="balanced accuracy", axis=SHARES, scale=WHOLE)
    share = alt.Tooltip("value:Q", format=".1%")
    lines = _lines(results, rows).encode(
        alt.X("strength:O", title=None, axis=_LEVEL),
        value,
        tooltip=["model", "corruption", "strength", share],
    )
    sized = lines.properties(width=WIDTH_PX / 4 - 10, height=140)
    chart = sized.facet(alt.Facet("corruption:N", title=None), columns=4)
    return Figure(
        title="Robustness",
        context=results[0].protocol,
        sentence=sentence,
        chart=chart,
    )


def quality_figure(results: Sequence[ModelEvaluation]) -> Figure:
    """Accuracy by sharpness, contrast and brightness."""
    rows = [
        {"model": each.model, "measure": point.measure, "third": point.third}
        | {"from": point.low, "to": point.high, "images": point.images}
        | {"accuracy": point.accuracy}
        for each in results
        for point in each.quality
    ]
    worst = min(results[0].quality, key=lambda point: point.accuracy)
    value = alt.Y("accuracy:Q", title="accuracy", axis=SHARES, scale=WHOLE)
    between = [alt.Tooltip(f"{end}:Q", format=".2f") for end in ("from", "to")]
    accuracy = alt.Tooltip("accuracy:Q", format=".1%")
    lines = _lines(results, rows).encode(
        alt.X("third:O", title=None, sort=list(THIRDS), axis=_LEVEL),
        value,
        tooltip=["model", "measure", "third", *between, "images", accuracy],
    )
    sized = lines.properties(width=WIDTH_PX / 3 - 30, height=140)
    chart = sized.facet(alt.Facet("measure:N", title=None), columns=3)
    return Figure(
        title="Image quality",
        context=results[0].protocol,
        sentence="The images in thirds by sharpness, by contrast and by brightness. The accuracy "
        f"of {results[0].model} is lowest in the third of {worst.third} {worst.measure}: "
        f"{worst.accuracy:.0%} of {pluralize(worst.images, 'image')}.",
        chart=chart,
    )


def _lines(results: Sequence[ModelEvaluation], rows: Sequence[dict[str, Any]]) -> alt.Chart:
    """Return lines with points in the models' colours; the caller adds the axes."""
    chart: alt.Chart = (
        alt.Chart(chart_data(rows))
        .mark_line(point=True, strokeWidth=2)
        .encode(model_colours(results))
    )
    return chart
