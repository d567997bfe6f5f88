"""The report on an evaluation: one page with every figure that people expect."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mien._wording import counted
from mien.data import Dataset
from mien.evaluation.evaluate import Evaluation, Judged
from mien.metrics import PROTOCOLS
from mien.reports.html.blocks import Block, Table, Tile, Tiles
from mien.reports.html.page import Figure, Page, Section, require_charts, write_page

__all__ = ["HEAD", "evaluation_report", "evaluation_rows"]

HEAD = (
    "protocol",
    "images",
    "accuracy",
    "balanced accuracy",
    "macro-F1",
    "NLL",
    "ECE",
    "divergence",
)


def evaluation_rows(judged: Judged) -> list[list[str]]:
    """Return a result and its leak-free twin as rows of a table with the columns `HEAD`."""
    rows = []
    for score, ending in ((judged.score, ""), (judged.leak_free, ", leak-free")):
        if score is None:
            continue
        divergence = "" if score.divergence is None else f"{score.divergence:.3f}"
        rows.append(
            [
                judged.title + ending,
                f"{score.images:,}",
                f"{100 * score.accuracy:.1f} %",
                f"{100 * score.balanced_accuracy:.1f} %",
                f"{score.macro_f1:.3f}",
                f"{score.nll:.3f}",
                f"{score.ece:.3f}",
                divergence,
            ]
        )
    return rows


def evaluation_report(
    evaluation: Evaluation,
    path: str | Path,
    *,
    faces: Dataset | None = None,
    figures: str | Path | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write the report on an evaluation as one HTML file.

    Args:
        evaluation: What `evaluate` found.
        path: Where the report goes.
        faces: The dataset, if the report may show faces of it.
        figures: A folder for every chart as PNG and SVG; None writes none.
        overwrite: Whether an existing report may be replaced.

    Returns:
        The files written.

    Raises:
        OutputError: The file exists already or cannot be written.
        MissingExtraError: Altair, Jinja2, Polars or vl-convert is not installed.
    """
    require_charts()
    from mien.reports.evaluation import confidence_figures as confidence
    from mien.reports.evaluation import figures as charts

    sections = [
        Section(
            title="Overview",
            lead="Everything at once; the pages below take the protocols one by one.",
            figures=[
                charts.overview_figure(evaluation.judged, evaluation.comparisons),
                *_tables(evaluation.judged),
            ],
        )
    ]
    for name, protocol in PROTOCOLS.items():
        judged = [each for each in evaluation.judged if each.protocol == name]
        if not judged:
            continue
        figures_here = [charts.classes_figure(judged)]
        for each in judged:
            figures_here.append(charts.confusion_figure(each, protocol.label_set))
        figures_here += [
            confidence.reliability_figure(judged),
            confidence.risk_coverage_figure(judged),
        ]
        for each in judged:
            figures_here += charts.threshold_figures(each)
        worse = [each for each in judged if each.robustness]
        if worse:
            figures_here.append(charts.robustness_figure(worse))
        figures_here.append(charts.quality_figure(judged))
        figures_here += [_mistakes(each, faces) for each in judged if each.mistakes]
        lead = {
            "ferplus": "Truth is the majority of ten annotators; images without do not count.",
            "fer2013": "Truth is FER-2013's one label per image.",
        }[protocol.truth]
        sections.append(Section(title=protocol.title, lead=lead, figures=figures_here))
    first = evaluation.judged[0]
    models = list(dict.fromkeys(each.model for each in evaluation.judged))
    page = Page(
        title=f"How right: {', '.join(models)}",
        lead=f"Measured on {counted(evaluation.images, 'image')}: the part "
        f"{evaluation.split} of "
        f"{evaluation.data}, divided as {evaluation.division}. The first figures are those of "
        f"{first.model} under the protocol “{first.title}”.",
        cards={
            "accuracy": f"{first.score.accuracy:.1%}",
            "balanced accuracy": f"{first.score.balanced_accuracy:.1%}",
            "macro-F1": f"{first.score.macro_f1:.3f}",
            "calibration error": f"{first.score.ece:.3f}",
        },
        notes_title="What makes these figures less than they seem",
        notes=evaluation.warnings,
        sections=sections,
        provenance=f"Dataset {evaluation.data}, SHA-256 {evaluation.data_sha256}.",
    )
    return write_page(page, path, figures=figures, overwrite=overwrite)


def _tables(judged: Sequence[Judged]) -> list[Figure]:
    tables = []
    for model in dict.fromkeys(each.model for each in judged):
        rows = [row for each in judged if each.model == model for row in evaluation_rows(each)]
        tables.append(
            Figure(
                title=f"Figures of {model}",
                sentence="ECE is the expected calibration error over 15 bins, NLL the mean "
                "negative log-likelihood, the divergence that of Jensen and Shannon from the "
                "votes, 0 to 1.",
                body=[Table(HEAD, rows)],
            )
        )
    return tables


def _mistakes(judged: Judged, faces: Dataset | None) -> Figure:
    rows = [
        [str(m.row), m.label, m.predicted, f"{100 * m.confidence:.1f} %"] for m in judged.mistakes
    ]
    body: Block = Table(("row", "shows", "model", "confidence"), rows)
    if faces is not None:
        place = {int(row): number for number, row in enumerate(faces.rows)}
        tiles = [
            Tile(
                image=faces.images[place[m.row]],
                label=f"not {m.predicted}",
                text=f"but {m.label}, {m.confidence:.0%} sure",
            )
            for m in judged.mistakes
        ]
        body = Tiles(tiles=tiles, name=f"mistakes-{judged.protocol}-{judged.model}")
    sure = np.mean([m.confidence for m in judged.mistakes])
    return Figure(
        title=f"Surest mistakes of {judged.model}",
        context=judged.protocol,
        sentence=f"Wrong at a mean confidence of {sure:.0%}. Many of them are images whose label "
        "a person would dispute, too.",
        body=[body],
    )
