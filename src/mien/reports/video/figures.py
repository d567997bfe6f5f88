"""The charts of the video report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.emotions import SIX
from mien.reports.html.blocks import image_address
from mien.reports.html.charts import SHARES, WHOLE, WIDTH_PX, chart_data, label_colours
from mien.reports.html.page import Figure
from mien.track import frame_durations_s, longest_gap_s

__all__ = ["share_figure", "timeline_figure"]

_LAST_S = 0.04


def timeline_figure(
    number: int,
    times_s: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    thumbnails: Mapping[int, Image.Image],
) -> Figure:
    """Stacked probabilities over time, above a strip of labels.

    Args:
        number: The person's number.
        times_s: `(n,)`.
        probabilities: `(n, 6)` in the order of `SIX`.
        labels: `(n,)`, numbers of the shown labels.
        thumbnails: Images of the face by frame, in order of time.
    """
    legend = alt.Legend(title=None, orient="top", columns=len(SIX))
    colour = alt.Color("label:N", scale=label_colours(SIX.labels), legend=legend)
    # Without an edge of its own colour each span would have a light line at its ends.
    seam = alt.Stroke("label:N", legend=None, scale=label_colours(SIX.labels))
    lengths = np.minimum(np.diff(times_s, append=times_s[-1] + _LAST_S), longest_gap_s(times_s))
    areas = [
        {"time": float(t), "label": label, "probability": float(p), "rank": rank}
        for t, row in zip(times_s, probabilities, strict=True)
        for rank, (label, p) in enumerate(zip(SIX.labels, row, strict=True))
    ]
    addresses = [image_address(image, "JPEG", quality=72) for image in thumbnails.values()]
    strip = []
    for place, (t, label) in enumerate(zip(times_s, labels, strict=True)):
        row = {"time": float(t), "to": float(t + lengths[place]), "label": SIX.labels[label]}
        row["confidence"] = float(probabilities[place, label])
        if addresses:
            row["thumbnail"] = int(place * len(addresses) / len(times_s))
        strip.append(row)
    x = alt.X("time:Q", title="seconds")
    stacked = (
        alt.Chart(chart_data(areas))
        .mark_area(opacity=0.9)
        .encode(
            alt.X("time:Q", title=None, axis=alt.Axis(labels=False)),
            alt.Y("probability:Q", title=None, stack="normalize", axis=SHARES),
            colour,
            order="rank:Q",
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
