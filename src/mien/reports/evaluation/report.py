"""The report on an evaluation: one page with all its figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mien._wording import pluralize
from mien.data import Dataset
from mien.evaluation import Evaluation, ModelEvaluation
from mien.metrics import PROTOCOLS, Score
from mien.reports.html.blocks import Block, Table, Tile, Tiles
from mien.reports.html.page import Figure, Page, Section, require_charts, write_page

__all__ = ["EVALUATION_COLUMNS", "evaluation_report", "evaluation_rows"]

EVALUATION_COLUMNS = (
    "protocol",
    "images",
    "accuracy",
    "balanced accuracy",
    "macro-F1",
    "NLL",
    "ECE",
    "divergence",
)


def evaluation_rows(result: ModelEvaluation, *, intervals: bool = False) -> list[list[str]]:
    """Return the figures of a result, then the leak-free ones, as rows of `EVALUATION_COLUMNS`.

    Args:
        result: What was measured of a model under a protocol.
        intervals: Whether 95 % bootstrap intervals follow the first three figures.
    """
    rows = []
    for score, ending in ((result.score, ""), (result.leak_free, ", leak-free")):
        if score is None:
            continue

        def between(name: str, factor: int, form: str, score: Score = score) -> str:
            if not intervals:
                return ""
            low, high = score.intervals[name].low, score.intervals[name].high
            return f" ({factor * low:{form}} to {factor * high:{form}})"

        divergence = "" if score.divergence is None else f"{score.divergence:.3f}"
        rows.append(
            [
                result.title + ending,
                f"{score.images:,}",
                f"{100 * score.accuracy:.1f} %{between('accuracy', 100, '.1f')}",
                f"{100 * score.balanced_accuracy:.1f} %{between('balanced_accuracy', 100, '.1f')}",
                f"{score.macro_f1:.3f}{between('macro_f1', 1, '.3f')}",
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
        evaluation: What `evaluate` measured.
        path: Where the report goes.
        faces: The dataset, if the report may show faces of it.
        figures: A folder for every chart as PNG and SVG; None writes none.
        overwrite: Whether an existing report may be replaced.

    Returns:
        The files written.

    Raises:
        OutputError: The file exists already or cannot be written.
        MissingExtraError: Altair, Jinja2, pyarrow or vl-convert is not installed.
    """
    require_charts()
    from mien.reports.evaluation import confidence_figures as confidence
    from mien.reports.evaluation import figures as charts
    from mien.reports.evaluation.fairness_figures import skin_tone_figure

    # The six-way answer is what users see, so it comes first.
    order = sorted(PROTOCOLS, key=lambda name: not name.startswith("six-"))
    results = sorted(evaluation.results, key=lambda each: order.index(each.protocol))
    sections = [
        Section(
            title="Overview",
            lead="All protocols together. The sections below show them one by one.",
            figures=[
                charts.overview_figure(results, evaluation.comparisons),
                *_tables(results),
            ],
        )
    ]
    for name in order:
        protocol = PROTOCOLS[name]
        of_protocol = [each for each in results if each.protocol == name]
        if not of_protocol:
            continue
        figures_here = [charts.classes_figure(of_protocol)]
        for each in of_protocol:
            figures_here.append(_classes(each))
        for each in of_protocol:
            figures_here.append(charts.confusion_figure(each, protocol.label_set))
        figures_here += [
            confidence.reliability_figure(of_protocol),
            confidence.risk_coverage_figure(of_protocol),
        ]
        for each in of_protocol:
            figures_here += charts.threshold_figures(each)
        worse = [each for each in of_protocol if each.robustness]
        if worse:
            figures_here.append(charts.robustness_figure(worse))
        figures_here.append(charts.quality_figure(of_protocol))
        by_skin_tone = skin_tone_figure(of_protocol)
        if by_skin_tone is not None:
            figures_here.append(by_skin_tone)
        figures_here += [_mistakes(each, faces) for each in of_protocol if each.mistakes]
        lead = {
            "ferplus": "The ground truth is the majority of ten annotators. Images without a "
            "majority are left out.",
            "fer2013": "The ground truth is FER-2013's one label per image.",
        }[protocol.truth]
        sections.append(Section(title=protocol.title, lead=lead, figures=figures_here))
    first = results[0]
    models = list(dict.fromkeys(each.model for each in results))
    page = Page(
        title=f"Evaluation of {', '.join(models)}",
        lead=f"Measured on {pluralize(evaluation.images, 'image')}: the subset "
        f"{evaluation.subset} of {evaluation.data} in its {evaluation.split} split. The figures "
        f"below are those of {first.model} under the protocol “{first.title}”.",
        cards={
            "accuracy": f"{first.score.accuracy:.1%}",
            "balanced accuracy": f"{first.score.balanced_accuracy:.1%}",
            "macro-F1": f"{first.score.macro_f1:.3f}",
            "calibration error": f"{first.score.ece:.3f}",
        },
        notes_title="Limits of these figures",
        notes=evaluation.warnings,
        sections=sections,
        provenance=f"Dataset {evaluation.data}, SHA-256 {evaluation.data_sha256}.",
    )
    return write_page(page, path, figures=figures, overwrite=overwrite)


def drawn_text(score: Score) -> str:
    """Say what intervals draw where it is not images."""
    return (
        ""
        if score.people is None
        else f", by drawing {pluralize(score.people, 'person', 'people')}"
    )


def _tables(results: Sequence[ModelEvaluation]) -> list[Figure]:
    tables = []
    for model in dict.fromkeys(each.model for each in results):
        rows = [
            row
            for each in results
            if each.model == model
            for row in evaluation_rows(each, intervals=True)
        ]
        score = next(each.score for each in results if each.model == model)
        tables.append(
            Figure(
                title=f"Figures of {model}",
                sentence="ECE is the expected calibration error over 15 bins, NLL the mean "
                "negative log-likelihood, and divergence the mean Jensen-Shannon divergence from "
                f"the votes, 0 to 1. In brackets: 95 % bootstrap intervals{drawn_text(score)}.",
                body=[Table(EVALUATION_COLUMNS, rows)],
                wide=True,
            )
        )
    return tables


def _classes(result: ModelEvaluation) -> Figure:
    """Return a table of the classes, each recall with its interval."""
    rows = []
    for each in result.score.classes:
        if not each.images:
            rows.append([each.label, "0", *["none"] * 5])
            continue
        recall = each.recall_interval
        numbers = (each.precision, each.f1, each.roc_auc, each.average_precision)
        precision, f1, *areas = (f"{n:.3f}" if math.isfinite(n) else "none" for n in numbers)
        rows.append(
            [
                each.label,
                f"{each.images:,}",
                precision,
                f"{each.recall:.3f} ({recall.low:.3f} to {recall.high:.3f})",
                f1,
                *areas,
            ]
        )
    head = ("class", "images", "precision", "recall", "F1", "ROC area", "PR area")
    return Figure(
        title=f"Figures of the classes, {result.model}",
        context=result.protocol,
        sentence=f"In brackets: 95 % intervals{drawn_text(result.score) or ' (Wilson)'}. The areas "
        "are those under the curves below, of each class against all others.",
        body=[Table(head, rows)],
    )


def _mistakes(result: ModelEvaluation, faces: Dataset | None) -> Figure:
    rows = [
        [str(m.row), m.label, m.predicted, f"{100 * m.confidence:.1f} %"] for m in result.mistakes
    ]
    body: Block = Table(("row", "true label", "predicted", "confidence"), rows)
    if faces is not None:
        place = {int(row): number for number, row in enumerate(faces.rows)}
        tiles = [
            Tile(
                image=faces.images[place[m.row]],
                label=m.predicted,
                text=f"{m.confidence:.0%}; true label {m.label}",
            )
            for m in result.mistakes
        ]
        body = Tiles(tiles=tiles, name=f"mistakes-{result.protocol}-{result.model}")
    confidence = np.mean([m.confidence for m in result.mistakes])
    return Figure(
        title=f"Most confident mistakes of {result.model}",
        context=result.protocol,
        sentence=f"Wrong predictions with a mean confidence of {confidence:.0%}. People disagree "
        "about the label of many such images, too.",
        body=[body],
    )
