"""The report on a study: history, parameters, curves, gain, and all trials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mien.errors import InputError
from mien.reports.html.blocks import Preformatted, Table
from mien.reports.html.page import Figure, Page, Section, require_charts, write_page
from mien.reports.tuning.record import Gain, StudyRecord, TrialRecord

__all__ = ["tuning_report"]


def tuning_report(
    study: StudyRecord,
    path: str | Path,
    *,
    recipe: str,
    gain: Gain | None = None,
    setting: Mapping[str, str],
    figures: str | Path | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write the report on a study as one HTML file that opens offline.

    Args:
        study: The study's trials.
        path: Where the report goes.
        recipe: The best recipe's file.
        gain: The gain over the start; None if it was not measured.
        setting: How it was searched, by name.
        figures: A folder for every chart as PNG and SVG; None writes none.
        overwrite: Whether an existing report may be replaced.

    Returns:
        The files written.

    Raises:
        InputError: No trial is complete.
        OutputError: The report exists already or cannot be written.
        MissingExtraError: Altair, Jinja2, pyarrow or vl-convert is not installed.
    """
    best = study.best
    if best is None:
        raise InputError(f"study '{study.name}': no trial is complete, so there is no report yet")
    states = [trial.state for trial in study.trials]
    cards = {"best on the selection subset": f"{best.value:.2%}", "trials": str(len(states))}
    cards |= {state: str(states.count(state)) for state in ("pruned", "failed") if state in states}
    if gain is not None:
        cards["gain on val"] = f"{100 * gain.difference:+.1f} points"
    page = Page(
        title=f"Study {study.name}",
        lead="The recipes that were tried, their results, and the gain of the best one.",
        cards=cards,
        notes_title="Limits of these figures",
        notes=_notes(gain),
        sections=_sections(study, gain, recipe),
        provenance="; ".join(f"{name}: {value}" for name, value in setting.items()) + ".",
    )
    return write_page(page, path, figures=figures, overwrite=overwrite)


def _notes(gain: Gain | None) -> list[str]:
    notes = [
        "Trials are evaluated on a selection subset of the training subset; the reported val and "
        "test were not used. The best value of many trials is partly due to chance, so it is no "
        "estimate of the accuracy on other images."
    ]
    if gain is None:
        notes.append("The gain over the start was not measured.")
    elif gain.low <= 0:
        notes.append(
            "The interval of the gain contains zero: these seeds do not show that the best recipe "
            "is better than the start."
        )
    return notes


def _sections(study: StudyRecord, gain: Gain | None, recipe: str) -> list[Section]:
    require_charts()
    from mien.reports.tuning import figures as charts
    from mien.reports.tuning import parameters as settings

    overview = [charts.history_figure(study), charts.curves_figure(study)]
    if gain is not None:
        overview.insert(0, charts.gain_figure(gain, study.objective))
    parameters = [settings.parallel_figure(study)]
    if study.importance:
        parameters.append(settings.importance_figure(study))
    table = Figure(title="All trials", sentence="", body=[_table(study)])
    contours = settings.contour_figures(study)
    text = Figure(
        title="Best recipe",
        sentence="A recipe for mien train.",
        body=[Preformatted(recipe)],
    )
    return [
        Section(title="Study", lead="The trials and their results.", figures=overview),
        Section(
            title="Parameters",
            lead="The influence of each parameter on the objective. Parameters vary together, so a "
            "pattern in one of them may be caused by another.",
            figures=parameters,
        ),
        Section(
            title="Slices",
            lead="The objective by each parameter.",
            figures=[settings.slice_figure(study)],
        ),
        *(
            [
                Section(
                    title="Contours",
                    lead="The objective over pairs of parameters.",
                    figures=contours,
                )
            ]
            if contours
            else []
        ),
        Section(title="Trials", lead="", figures=[table, text]),
    ]


def _table(study: StudyRecord) -> Table:
    keys = study.keys
    head = ["trial", "state", study.objective, "epochs", "seconds", *keys, "fault"]
    ranked = sorted(study.trials, key=lambda t: (-(t.value or 0.0), t.number))
    return Table(head, [_row(trial, keys) for trial in ranked])


def _row(trial: TrialRecord, keys: list[str]) -> list[str]:
    values = [trial.values.get(key) for key in keys]
    return [
        f"{trial.number}{' (start)' if trial.start else ''}",
        trial.state,
        "" if trial.value is None else f"{trial.value:.2%}",
        str(len(trial.curve)),
        "" if trial.seconds is None else f"{trial.seconds:.0f}",
        *(f"{v:.4g}" if isinstance(v, float) else "" if v is None else str(v) for v in values),
        trial.fault,
    ]
