"""The charts of a model's confidence: reliability, and risk against coverage."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from mien.evaluation import ModelEvaluation
from mien.reports.html.charts import SERIES, SHARES, WIDTH_PX, chart_data
from mien.reports.html.page import Figure

__all__ = ["model_colours", "reliability_figure", "risk_coverage_figure"]


def model_colours(results: Sequence[ModelEvaluation]) -> alt.Color:
    """Return the encoding that gives each model its colour; a single model needs no legend."""
    names = list(dict.fromkeys(each.model for each in results))
    colours = [SERIES[i % len(SERIES)] for i in range(len(names))]
    legend = alt.Legend(title=None) if len(names) > 1 else None
    return alt.Color("model:N", scale=alt.Scale(domain=names, range=colours), legend=legend)


def reliability_figure(results: Sequence[ModelEvaluation]) -> Figure:
    """Confidence against accuracy."""
    rows = [{"model": each.model, **point} for each in results for point in each.score.reliability]
    errors = ", ".join(f"{each.model} {each.score.ece:.3f}" for each in results)
    tooltip = [
        alt.Tooltip("model:N"),
        alt.Tooltip("confidence:Q", format=".1%"),
        alt.Tooltip("accuracy:Q", format=".1%"),
        alt.Tooltip("images:Q"),
    ]
    base = alt.Chart(chart_data(rows)).encode(
        alt.X(
            "confidence:Q",
            title="confidence",
            axis=SHARES,
            scale=alt.Scale(domain=[0, 1]),
        ),
        alt.Y(
            "accuracy:Q",
            title="accuracy",
            axis=SHARES,
            scale=alt.Scale(domain=[0, 1]),
        ),
        model_colours(results),
        tooltip=tooltip,
    )
    ideal = (
        alt.Chart(chart_data({"x": [0.0, 1.0], "y": [0.0, 1.0]}))
        .mark_line(strokeDash=[4, 4], strokeWidth=1, color=SERIES[-1])
        .encode(alt.X("x:Q", title="confidence"), alt.Y("y:Q", title="accuracy"))
    )
    size = alt.Size("images:Q", legend=None, scale=alt.Scale(range=[20, 500]))
    layers = [ideal, base.mark_line(strokeWidth=1.5, opacity=0.5), base.mark_circle().encode(size)]
    return Figure(
        title="Reliability",
        context=results[0].protocol,
        sentence="On the dashed line, 80 % of the predictions with 80 % confidence are correct. "
        f"Below it the model is too confident. Expected calibration error over 15 bins: {errors}.",
        chart=alt.LayerChart(layer=layers).properties(width=420, height=360),
    )


def risk_coverage_figure(results: Sequence[ModelEvaluation]) -> Figure:
    """Share of wrong predictions against the share of images that are answered."""
    rows = [
        {"model": each.model, "coverage": c, "risk": r}
        for each in results
        for c, r in each.score.risk_coverage
    ]
    sure = [
        {"model": each.model, "coverage": each.score.sure["coverage"]}
        | {"risk": 1 - each.score.sure["accuracy"]}
        for each in results
        if each.score.sure is not None and each.score.sure["coverage"] > 0
    ]
    axes = (
        alt.X("coverage:Q", title="share answered", axis=SHARES),
        alt.Y("risk:Q", title="share of the answers that is wrong", axis=SHARES),
    )
    tooltip = [
        alt.Tooltip("model:N"),
        alt.Tooltip("coverage:Q", format=".1%"),
        alt.Tooltip("risk:Q", format=".1%"),
    ]
    lines = (
        alt.Chart(chart_data(rows))
        .mark_line(strokeWidth=2)
        .encode(*axes, model_colours(results), tooltip=tooltip)
    )
    layers: list[alt.Chart] = [lines]
    sentence = "From right to left, predictions of low confidence are left out."
    if sure:
        layers.append(
            alt.Chart(chart_data(sure))
            .mark_point(size=140, filled=True, shape="diamond")
            .encode(*axes, model_colours(results), tooltip=tooltip)
        )
        point = sure[0]
        sentence += (
            f" At the diamond, the threshold for “unsure” of {point['model']}, "
            f"{point['coverage']:.0%} of the images are answered and {point['risk']:.1%} of these "
            "answers are wrong."
        )
    return Figure(
        title="Risk and coverage",
        context=results[0].protocol,
        sentence=sentence,
        chart=alt.LayerChart(layer=layers).properties(width=WIDTH_PX, height=260),
    )
