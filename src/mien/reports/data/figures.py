"""The charts of the data report, each from a dataset or from the result of its check."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import altair as alt
import numpy as np

from mien._wording import pluralize
from mien.data import SUBSETS, DataCheck, Dataset
from mien.emotions import FER2013_7, FERPLUS_8, ferplus_majority
from mien.reports.data.pixels import pixel_counts, pixel_moments
from mien.reports.html.charts import (
    SERIES,
    SHARES,
    WIDTH_PX,
    chart_data,
    heat_map,
    label_colours,
    whole_axis,
)
from mien.reports.html.page import Figure

__all__ = [
    "agreement_figure",
    "balance_figure",
    "brightness_figure",
    "counts_figure",
    "leaks_figure",
    "near_copies_figure",
    "pixels_figure",
    "votes_figures",
]

_BINS = 64

_BALANCED = 1.5
"""Classes are balanced if the largest has at most so many times the images of the smallest."""

_SUBSET_COLOURS = dict(zip(SUBSETS, SERIES, strict=False))


def _subset_colours(subsets: Collection[str]) -> alt.Color:
    """Return each subset's colour, which does not depend on the other subsets."""
    shown = [subset for subset in SUBSETS if subset in subsets]
    scale = alt.Scale(domain=shown, range=[_SUBSET_COLOURS[subset] for subset in shown])
    return alt.Color("subset:N", title=None, sort=shown, scale=scale)


def counts_figure(check: DataCheck) -> Figure:
    """Images per class and subset."""
    rows = [
        {"subset": subset, "label": label or "no label", "images": count}
        for subset, counts in check.counts.items()
        for label, count in counts.items()
    ]
    labels = _labels(check)
    totals = {label: sum(c.get(label, 0) for c in check.counts.values()) for label in labels}
    chart = (
        alt.Chart(chart_data(rows))
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            alt.X(
                "images:Q",
                title="images",
                stack=True,
                axis=whole_axis([0, *totals.values()], grid=True),
            ),
            alt.Y("label:N", title=None, sort="-x"),
            _subset_colours(check.counts),
            order=alt.Order("subset_rank:Q"),
            tooltip=["label", "subset", alt.Tooltip("images:Q", format=",")],
        )
        .transform_calculate(subset_rank=f"indexof({list(SUBSETS)}, datum.subset)")
        .properties(width=WIDTH_PX, height=alt.Step(30))
    )
    return Figure(
        title="Images per class",
        sentence=_balance({label: total for label, total in totals.items() if total}),
        chart=chart,
    )


def _labels(check: DataCheck) -> list[str]:
    """Return the labels of all subsets, those of FER-2013 first."""
    return list(dict.fromkeys(name for counts in check.counts.values() for name in counts if name))


def _balance(totals: Mapping[str, int]) -> str:
    """Return the sentence on class balance; every class in `totals` has images."""
    if not totals:
        return "No image has a label."
    most, least = max(totals, key=totals.__getitem__), min(totals, key=totals.__getitem__)
    if len(totals) == 1:
        return f"The only class is {most}, with {pluralize(totals[most], 'image')}."
    if totals[most] <= _BALANCED * totals[least]:
        images = pluralize(totals[most], "image")
        range_ = f"{totals[least]:,} to {images}" if totals[most] > totals[least] else images
        return f"The classes are balanced, with {range_} each, so accuracy describes all of them."
    return (
        f"{most} has {pluralize(totals[most], 'image')}, {least} {totals[least]:,}. Accuracy alone "
        "hides the small classes: report balanced accuracy and macro-F1, too."
    )


def balance_figure(check: DataCheck) -> Figure:
    """Share of each class within each subset."""
    rows = [
        {"subset": subset, "label": label, "share": count / sum(counts.values())}
        for subset, counts in check.counts.items()
        for label, count in counts.items()
        if label
    ]
    chart = (
        alt.Chart(chart_data(rows))
        .mark_circle(size=110, opacity=0.9)
        .encode(
            alt.X("share:Q", title="share of the subset", axis=SHARES),
            alt.Y("label:N", title=None, sort=_labels(check)),
            _subset_colours(check.counts),
            tooltip=["label", "subset", alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(width=WIDTH_PX, height=alt.Step(30))
    )
    return Figure(
        title="Class balance of the subsets",
        sentence="Where the points of a class are close together, the subsets have the same "
        "balance, and a figure that is measured on one of them holds for the others.",
        chart=chart,
    )


def brightness_figure(data: Dataset) -> Figure:
    """Distribution of mean brightness and of contrast, by class."""
    pixels = data.images.reshape(len(data), -1)
    measures = {"mean brightness": pixels.mean(axis=1), "contrast": pixels.std(axis=1)}
    rows: list[dict[str, Any]] = []
    for measure, values in measures.items():
        edges = np.linspace(0, 255 if measure == "mean brightness" else 110, 41)
        for number, label in enumerate(data.label_names):
            chosen = values[data.labels == number]
            shares = np.histogram(chosen, edges)[0] / max(len(chosen), 1)
            rows += [
                {"measure": measure, "label": label, "value": float(x), "share": float(y)}
                for x, y in zip((edges[:-1] + edges[1:]) / 2, shares, strict=True)
                if len(chosen)
            ]
    shown = [label for number, label in enumerate(data.label_names) if number in data.labels]
    chosen_label = alt.selection_point(fields=["label"], bind="legend")
    chart = (
        alt.Chart(chart_data(rows))
        .mark_line(interpolate="monotone", strokeWidth=2)
        .encode(
            alt.X("value:Q", title="grey value (0 to 255)"),
            alt.Y("share:Q", title="share of the class", axis=SHARES),
            alt.Color("label:N", title=None, scale=label_colours(shown)),
            opacity=alt.condition(chosen_label, alt.value(0.9), alt.value(0.12)),
            tooltip=[
                "label",
                alt.Tooltip("value:Q", format=".0f"),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
        .add_params(chosen_label)
        .properties(width=WIDTH_PX / 2 - 30, height=220)
        .facet(alt.Column("measure:N", title=None, sort=list(measures)))
        .resolve_scale(x="independent")
    )
    return Figure(
        title="Brightness and contrast",
        sentence="Where the curves are close together, brightness does not tell the classes apart. "
        "A click in the legend shows one class.",
        chart=chart,
    )


def pixels_figure(data: Dataset) -> Figure:
    """Distribution of all pixel values per subset."""
    rows: list[dict[str, Any]] = []
    for name in SUBSETS:
        images = data.subset(name).images
        if not len(images):
            continue
        counts = pixel_counts(images).reshape(_BINS, -1).sum(axis=1)
        rows += [
            {"subset": name, "value": (i + 0.5) * 256 / _BINS, "share": float(count / counts.sum())}
            for i, count in enumerate(counts)
        ]
    mean, spread = pixel_moments(data.images)
    sentence = f"All pixels have mean {mean:.1f} and standard deviation {spread:.1f}."
    if len({row["subset"] for row in rows}) > 1:
        sentence += " Equal curves suggest that the subsets come from the same source."
    chart = (
        alt.Chart(chart_data(rows))
        .mark_line(interpolate="step", strokeWidth=2)
        .encode(
            alt.X("value:Q", title="grey value (0 to 255)", scale=alt.Scale(domain=[0, 256])),
            alt.Y("share:Q", title="share of the pixels", axis=SHARES),
            _subset_colours({row["subset"] for row in rows}),
            tooltip=["subset", "value", alt.Tooltip("share:Q", format=".2%")],
        )
        .properties(width=WIDTH_PX, height=220)
    )
    return Figure(
        title="Pixel values",
        sentence=sentence,
        chart=chart,
    )


def leaks_figure(check: DataCheck) -> Figure | None:
    """Copies between subsets; None if there are none."""
    leaks = [leak for leak in check.leaks if leak.exact or leak.near]
    if not leaks:
        return None
    rows = []
    for leak in leaks:
        pair = f"{leak.subset}, also in {leak.other}"
        rows.append({"pair": pair, "copies": "exact", "share": leak.exact / leak.images}
                    | {"images": leak.exact})  # fmt: skip
        if leak.near is not None:
            extra = leak.near - leak.exact
            rows.append({"pair": pair, "copies": "near", "share": extra / leak.images}
                        | {"images": extra})  # fmt: skip
    worst = max(leaks, key=lambda leak: (leak.near or leak.exact) / leak.images)
    nearly = (worst.near or worst.exact) - worst.exact
    shares = ", ".join(
        f"{count / worst.images:.1%} have a {kind} copy"
        for kind, count in (("pixel-identical", worst.exact), ("near", nearly))
        if count
    )
    kinds = {"exact": SERIES[3]} | ({} if check.near is None else {"near": "#b9c1e8"})
    chart = (
        alt.Chart(chart_data(rows))
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            alt.X("share:Q", title="share of the subset", axis=SHARES),
            alt.Y("pair:N", title=None, sort=None, axis=alt.Axis(labelLimit=220)),
            alt.Color(
                "copies:N",
                title=None,
                scale=alt.Scale(domain=list(kinds), range=list(kinds.values())),
            ),
            tooltip=["pair", "copies", "images", alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(width=WIDTH_PX - 120, height=alt.Step(34))
    )
    return Figure(
        title="Leaks between the subsets",
        sentence=f"Of {worst.subset} {shares} in {worst.other}. Models know those images, so their "
        "figures are too good: report the leak-free figures, too.",
        chart=chart,
    )


def near_copies_figure(check: DataCheck) -> Figure | None:
    """The correlation of near copies; None if there are none but identical ones."""
    near = check.near
    if near is None:
        return None
    chosen = check.groups[near.first] != check.groups[near.second]
    if not chosen.any():
        return None
    kinds = np.where(near.mirrored, "mirrored", "as they are")
    colours = {
        kind: colour
        for kind, colour in zip(("as they are", "mirrored"), SERIES, strict=False)
        if (chosen & (kinds == kind)).any()
    }
    edges = np.linspace(0.95, 1.0, 26)
    most = np.histogram(near.correlation[chosen], edges)[0].max()
    rows = [
        {"kind": str(kind), "correlation": float(low), "to": float(high), "pairs": int(count)}
        for kind in colours
        for low, high, count in zip(
            edges[:-1],
            edges[1:],
            np.histogram(near.correlation[chosen & (kinds == kind)], edges)[0],
            strict=True,
        )
    ]
    chart = (
        alt.Chart(chart_data(rows))
        .mark_bar()
        .encode(
            alt.X("correlation:Q", bin="binned", title="correlation of the pixels"),
            alt.X2("to:Q"),
            alt.Y("pairs:Q", title="pairs", stack=True, axis=whole_axis([0, most], grid=True)),
            alt.Color(
                "kind:N",
                title=None,
                scale=alt.Scale(domain=list(colours), range=list(colours.values())),
            ),
            tooltip=["kind", "pairs", alt.Tooltip("correlation:Q", format=".3f")],
        )
        .properties(width=WIDTH_PX, height=200)
    )
    return Figure(
        title="Near copies",
        sentence=f"{pluralize(int(chosen.sum()), 'pair is', 'pairs are')} not identical but "
        f"have a correlation of 0.95 or more, {int((chosen & near.mirrored).sum()):,} of them "
        "mirrored: other crops and encodings of the same photo.",
        chart=chart,
    )


def votes_figures(data: Dataset) -> list[Figure]:
    """Labels against votes: the mean vote of each class, and the majority's label."""
    labelled = (data.fer2013_labels >= 0) & data.votes.any(axis=1)
    labels, votes = data.labels[labelled], data.votes[labelled].astype(np.float64)
    shares = votes / votes.sum(axis=1, keepdims=True)
    means = np.stack([shares[labels == i].mean(axis=0) if (labels == i).any() else np.zeros(10)
                      for i in range(len(FER2013_7))])  # fmt: skip
    majority, has_majority = ferplus_majority(data.votes[labelled])
    matrix = np.zeros((len(FER2013_7), len(FERPLUS_8)), np.int64)
    np.add.at(matrix, (labels[has_majority], majority[has_majority]), 1)
    columns = (*FER2013_7.labels, "contempt")  # so that agreement is on the diagonal
    order = [FERPLUS_8.labels.index(label) for label in columns]
    means, matrix = means[:, [*order, 8, 9]], matrix[:, order]
    agreement = np.trace(matrix) / max(matrix.sum(), 1)
    rows = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    own = np.where(matrix.any(axis=1), np.diagonal(rows), np.inf)
    worst = FER2013_7.labels[int(own.argmin())]
    few = f"; of {worst} only {own.min():.0%}" if own.min() < agreement else ""
    return [
        Figure(
            title="Votes for each class",
            sentence="Each row is a FER-2013 class, each column the mean share of votes for an "
            "expression. Voters often see another expression in images of fear and disgust.",
            chart=heat_map(
                means, FER2013_7.labels, (*columns, "unknown", "no face"), titles=("label", "votes")
            ),
        ),
        Figure(
            title="Label against majority",
            sentence=f"Of the {pluralize(int(has_majority.sum()), 'image')} with a majority "
            f"{agreement:.1%} have its label{few}. Labels and votes are two different ground "
            "truths, so every figure names its own.",
            chart=heat_map(
                rows,
                FER2013_7.labels,
                columns,
                titles=("label", "majority"),
                counts=matrix,
            ),
        ),
    ]


def agreement_figure(data: Dataset) -> Figure:
    """The number of the ten voters who agree on the most frequent vote, by class."""
    labelled = (data.fer2013_labels >= 0) & data.votes.any(axis=1)
    votes, labels = data.votes[labelled], data.labels[labelled]
    top = np.round(10 * votes.max(axis=1) / votes.sum(axis=1)).astype(int)
    rows = [
        {
            "label": label,
            "voters": int(count),
            "share": float((top[labels == number] == count).mean()),
        }
        for number, label in enumerate(FER2013_7.labels)
        if (labels == number).any()
        for count in range(2, 11)
    ]
    unanimous = float((top == 10).mean())
    chart = (
        alt.Chart(chart_data(rows))
        .mark_bar()
        .encode(
            alt.X("share:Q", title="share of the class", stack="normalize", axis=SHARES),
            alt.Y("label:N", title=None, sort=list(FER2013_7.labels)),
            alt.Color(
                "voters:O",
                title="voters agreeing",
                scale=alt.Scale(scheme="blues"),
            ),
            alt.Order("voters:Q", sort="descending"),
            tooltip=["label", "voters", alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(width=WIDTH_PX - 60, height=alt.Step(30))
    )
    return Figure(
        title="Agreement of the voters",
        sentence=f"All ten voters agree on {unanimous:.0%} of the images. The paler a bar, the "
        "less a single label describes its images.",
        chart=chart,
    )
