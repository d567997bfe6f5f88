"""The chart of a model's figures by estimated skin tone."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from mien._wording import pluralize
from mien.evaluation import FEWEST_OF_A_TONE, GroupScore, ModelEvaluation
from mien.reports.evaluation.confidence_figures import model_colours
from mien.reports.html.charts import WHOLE, WIDTH_PX, chart_data
from mien.reports.html.page import Figure

__all__ = ["skin_tone_figure"]

_FEWEST_TONES = 2
_METRICS = {"balanced_accuracy": "balanced accuracy", "wrongly_neutral": "wrongly neutral"}


def skin_tone_figure(results: Sequence[ModelEvaluation]) -> Figure | None:
    """Balanced accuracy and wrongly neutral by skin tone; None if too few images have one.

    Args:
        results: The models under one protocol.
    """
    first = results[0]
    enough = [each for each in first.skin_tones if each.images >= FEWEST_OF_A_TONE]
    if len(enough) < _FEWEST_TONES:
        return None
    rows = [
        {"model": result.model, "tone": _named(each), "images": each.images, "metric": shown}
        | {"value": getattr(each, name), "low": interval.low, "high": interval.high}
        for result in results
        for each in result.skin_tones
        for name, shown in _METRICS.items()
        if (interval := getattr(each, f"{name}_interval")) is not None
    ]
    base = alt.Chart(chart_data(rows)).encode(
        alt.Y(
            "tone:N",
            title=None,
            sort=[_named(each) for each in first.skin_tones],
            axis=alt.Axis(labelLimit=200),
        ),
        model_colours(results),
        alt.YOffset("model:N"),
        tooltip=[
            "model",
            "tone",
            "metric",
            *(alt.Tooltip(f"{name}:Q", format=".1%") for name in ("value", "low", "high")),
        ],
    )
    whiskers = base.mark_rule(strokeWidth=2).encode(
        alt.X("low:Q", title=None, axis=alt.Axis(format="%", values=[0, 0.5, 1]), scale=WHOLE),
        alt.X2("high:Q"),
    )
    points = base.mark_circle(size=90).encode(alt.X("value:Q", title=None))
    chart = (
        alt.LayerChart(layer=[whiskers, points])
        .properties(width=WIDTH_PX / 2 - 90, height=alt.Step(26))
        .facet(alt.Facet("metric:N", title=None, sort=list(_METRICS.values())), columns=2)
    )
    worst = min(enough, key=lambda each: each.balanced_accuracy)
    return Figure(
        title="By skin tone",
        context=first.protocol,
        sentence="The tone is estimated from the colour of each aligned face, which light, make-up "
        f"and camera change. Of the classes with {FEWEST_OF_A_TONE} images or more, "
        f"{first.model} has the lowest balanced accuracy on {worst.name}: "
        f"{worst.balanced_accuracy:.0%} of {pluralize(worst.images, 'image')}. Lines are 95 % "
        "intervals; where they overlap widely, chance may be the reason.",
        chart=chart,
    )


def _named(each: GroupScore) -> str:
    few = ", few" if each.images < FEWEST_OF_A_TONE else ""
    return f"{each.name} ({each.images:,}{few})"
