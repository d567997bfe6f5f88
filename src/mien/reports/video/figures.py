"""The charts of the video report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.emotions import SIX
from mien.reports.html.blocks import image_address
from mien.reports.html.charts import SHARES, WHOLE, WIDTH_PX, chart_data, label_colours
from mien.reports.html.page import Figure
from mien.reports.video.spans import Spans
from mien.reports.video.summary import Person
from mien.track import frame_durations_s

__all__ = ["share_figure", "timeline_figure"]


def timeline_figure(
    number: int, person: Person, thumbnails: Mapping[int, Image.Image], *, step_s: float
) -> Figure:
    """Stacked probabilities over time, above a strip of labels; where the person is away, nothing.

    Args:
        number: The person's number.
        person: The person's frames.
        thumbnails: Images of the face by frame, in order of time.
        step_s: The span of time that is one point of the chart.
    """
    spans = Spans.of(np.array(person.times_s), step_s=step_s)
    probabilities = spans.means(np.array(person.probabilities))
    labels = spans.most_frequent(np.array(person.labels), len(SIX))
    legend = alt.Legend(title=None, orient="top", columns=len(SIX))
    colour = alt.Color("label:N", scale=label_colours(SIX.labels), legend=legend)
    # Without an edge of its own colour each span would have a light line at its ends.
    seam = alt.Stroke("label:N", legend=None, scale=label_colours(SIX.labels))
    addresses = [image_address(image, "JPEG", quality=72) for image in thumbnails.values()]
    strip = []
    for place, label in enumerate(labels):
        row = {"time": float(spans.begins_s[place]), "to": float(spans.ends_s[place])}
        row |= {"label": SIX.labels[label], "confidence": float(probabilities[place, label])}
        if addresses:
            row["thumbnail"] = int(place * len(addresses) / len(labels))
        strip.append(row)
    x = alt.X("time:Q", title="seconds")
    stacked = (
        alt.Chart(chart_data(_areas(spans, probabilities)))
        .mark_area(opacity=0.9)
        .encode(
            alt.X("time:Q", title=None, axis=alt.Axis(labels=False)),
            alt.Y("bottom:Q", title=None, axis=SHARES),
            alt.Y2("top:Q"),
            colour,
            alt.Detail("stretch:N"),
            tooltip=["label", alt.Tooltip("time:Q", format=".1f")],
        )
        .properties(width=WIDTH_PX, height=160)
    )
    tooltip = [
        alt.Tooltip("label:N"),
        alt.Tooltip("confidence:Q", format=".0%"),
        alt.Tooltip("time:Q", format=".1f"),
    ]
    shown = alt.Chart(chart_data(strip))
    if addresses:
        images = chart_data({"thumbnail": range(len(addresses)), "image": addresses})
        shown = shown.transform_lookup("thumbnail", alt.LookupData(images, "thumbnail", ["image"]))
        tooltip.append(alt.Tooltip("image:N"))
    band = (
        shown.mark_rect(strokeWidth=1)
        .encode(x, alt.X2("to:Q"), colour, seam, tooltip=tooltip)
        .properties(width=WIDTH_PX, height=26)
    )
    hint = " Point at the strip to see the face." if addresses else ""
    return Figure(
        title="Over time",
        context=f"person {number + 1}",
        sentence="Above, the six smoothed probabilities. Below, the shown expression." + hint,
        chart=alt.VConcatChart(vconcat=[stacked, band], spacing=6).resolve_scale(x="shared"),
        wide=True,
    )


def _areas(spans: Spans, probabilities: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Return the corners of the stacked areas as rows, those of each stretch by themselves."""
    shares = probabilities / probabilities.sum(axis=1, keepdims=True)
    edges = np.cumsum(np.pad(shares, ((0, 0), (1, 0))), axis=1)  # (m, 7)
    return [
        {
            "time": float(time_s),
            "label": label,
            "bottom": float(edges[place, rank]),
            "top": float(edges[place, rank + 1]),
            "stretch": int(spans.stretches[place]),
        }
        for time_s, place in zip(*spans.points(), strict=True)
        for rank, label in enumerate(SIX.labels)
    ]


def share_figure(number: int, labels: Sequence[int], times_s: Sequence[float]) -> Figure:
    """Share of the person's time per expression."""
    spans = frame_durations_s(np.array(times_s))
    total = float(spans.sum())
    shares = [float(spans[np.array(labels) == k].sum()) / total for k in range(len(SIX))]
    most = SIX.labels[int(np.argmax(shares))]
    rows = [
        {"label": label, "share": s, "seconds": s * total}
        for label, s in zip(SIX.labels, shares, strict=True)
    ]
    chart = (
        alt.Chart(chart_data(rows))
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            alt.X("share:Q", title=None, axis=SHARES, scale=WHOLE),
            alt.Y("label:N", title=None, sort=list(SIX.labels)),
            alt.Color("label:N", legend=None, scale=label_colours(SIX.labels)),
            tooltip=[
                "label",
                alt.Tooltip("share:Q", format=".1%"),
                alt.Tooltip("seconds:Q", format=".1f"),
            ],
        )
        .properties(width=WIDTH_PX, height=alt.Step(24))
    )
    return Figure(
        title="Share of time",
        context=f"person {number + 1}",
        sentence=f"The most frequent expression is {most}, {max(shares):.0%} of the time.",
        chart=chart,
    )
