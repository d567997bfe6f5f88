"""The charts of a study: its history, the trials' curves, and the gain."""

from __future__ import annotations

import math

import altair as alt

from mien._wording import pluralize
from mien.reports.html.charts import FREE, SERIES, SHARES, WIDTH_PX, chart_data, whole_axis
from mien.reports.html.page import Figure
from mien.reports.tuning.record import Gain, StudyRecord, TrialRecord

__all__ = ["curves_figure", "gain_figure", "history_figure"]

_STATES = ("complete", "pruned", "failed", "lost")
_COLOURS = (SERIES[0], SERIES[1], SERIES[3], SERIES[-1])


def history_figure(study: StudyRecord) -> Figure:
    """Each trial's value, and the best so far."""
    rows = []
    best = -math.inf
    for trial in study.trials:
        value = _last(trial)
        if value is None:
            continue
        best = max(best, trial.value if trial.value is not None else -math.inf)
        rows.append(
            {
                "trial": trial.number,
                "value": value,
                "state": trial.state,
                "best so far": best if math.isfinite(best) else None,
            }
        )
    base = alt.Chart(chart_data(rows)).encode(
        alt.X("trial:Q", axis=whole_axis(trial.number for trial in study.trials))
    )
    points = base.mark_point(filled=True, size=45).encode(
        alt.Y("value:Q", title=study.objective, axis=SHARES, scale=FREE),
        alt.Color("state:N", title=None, scale=alt.Scale(domain=_STATES[:2], range=_COLOURS[:2])),
        tooltip=["trial", "state", alt.Tooltip("value:Q", format=".2%")],
    )
    line = base.mark_line(interpolate="step-after", color=SERIES[2]).encode(
        alt.Y("best so far:Q", title=study.objective)
    )
    found = study.best
    return Figure(
        title="History",
        sentence=f"Trial {found.number} is the best, {found.value:.2%}. The line is the best value "
        "so far. A pruned trial has its last value."
        if found is not None
        else "No trial has ended yet.",
        chart=(line + points).properties(width=WIDTH_PX, height=280),
    )


def _last(trial: TrialRecord) -> float | None:
    if trial.value is not None:
        return trial.value
    return list(trial.curve.values())[-1] if trial.curve else None


def curves_figure(study: StudyRecord) -> Figure:
    """Every trial's objective by epoch."""
    rows = [
        {"trial": trial.number, "epoch": epoch, "value": value, "state": trial.state}
        for trial in study.trials
        for epoch, value in trial.curve.items()
    ]
    pruned = [trial for trial in study.trials if trial.state == "pruned"]
    longest = max(len(trial.curve) for trial in study.trials)
    # Trials that failed or stopped by themselves were not shortened by pruning.
    spared = sum(longest - len(trial.curve) for trial in pruned)
    saved = spared / max(1, spared + sum(len(trial.curve) for trial in study.trials))
    chart = (
        alt.Chart(chart_data(rows))
        .mark_line(point=alt.OverlayMarkDef(size=18), strokeWidth=1.3, opacity=0.7)
        .encode(
            alt.X("epoch:Q", axis=whole_axis([1, longest])),
            alt.Y("value:Q", title=study.objective, axis=SHARES, scale=FREE),
            alt.Color("state:N", title=None, scale=alt.Scale(domain=_STATES, range=_COLOURS)),
            alt.Detail("trial:N"),
            tooltip=["trial", "epoch", "state", alt.Tooltip("value:Q", format=".2%")],
        )
        .properties(width=WIDTH_PX, height=300)
    )
    return Figure(
        title="Curves",
        sentence=f"{pluralize(len(pruned), 'trial was', 'trials were')} pruned, which saved "
        f"{saved:.0%} of the epochs.",
        chart=chart,
    )


def gain_figure(gain: Gain, objective: str) -> Figure:
    """Start and best, one point per seed, with their means."""
    rows = [
        {"recipe": name, "value": value, "number": number}
        for name, values in (("start", gain.start), ("best", gain.best))
        for number, value in enumerate(values, 1)
    ]
    base = alt.Chart(chart_data(rows)).encode(alt.Y("recipe:N", title=None, sort=["start", "best"]))
    points = base.mark_point(filled=True, size=80, opacity=0.8).encode(
        alt.X("value:Q", title=objective, axis=SHARES, scale=FREE),
        alt.Color(
            "recipe:N",
            legend=None,
            scale=alt.Scale(domain=["start", "best"], range=[SERIES[-1], SERIES[0]]),
        ),
        tooltip=["recipe", alt.Tooltip("value:Q", format=".2%")],
    )
    means = base.mark_tick(thickness=3, size=34).encode(
        alt.X("mean(value):Q"),
        alt.Color("recipe:N", legend=None),
        tooltip=["recipe", alt.Tooltip("mean(value):Q", format=".2%")],
    )
    return Figure(
        title="Gain",
        sentence=f"{100 * gain.difference:+.1f} points ({100 * gain.low:+.1f} to "
        f"{100 * gain.high:+.1f}, 95 %) on {gain.val_images:,} images of val, "
        f"{len(gain.start)} seeds each, trained on {gain.training_images:,} images for "
        f"{pluralize(gain.epochs[1], 'epoch')}.",
        chart=(points + means).properties(width=WIDTH_PX, height=alt.Step(60)),
    )
