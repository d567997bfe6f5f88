"""The report on a study: everybody over time, groups, synchrony, and how it was made."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mien.media import format_timestamp
from mien.reports.html.blocks import Table
from mien.reports.html.page import (
    Figure,
    Page,
    Section,
    require_charts,
    write_page,
    write_whole,
)
from mien.reports.study.summary import StudySummary

__all__ = ["study_report"]


def study_report(
    summary: StudySummary,
    path: Path,
    *,
    figures: Path | None = None,
    write: Callable[[Path, bytes], None] = write_whole,
) -> list[Path]:
    """Write the report on a study as one HTML file; an existing one is replaced.

    Args:
        summary: The study.
        path: Where the report goes.
        figures: A folder for each chart as PNG and SVG, dark on white; None writes none.
        write: Writes the content of a file.

    Returns:
        The files written.

    Raises:
        OutputError: A file cannot be written.
        MissingExtraError: Altair, Jinja2, pyarrow or vl-convert is not installed.
    """
    require_charts()
    counts = summary.counts
    cards = {
        "videos": f"{counts['videos']:,}",
        "length": _hours(summary.hours),
        "people": f"{counts['people']:,}",
        "episodes": f"{counts['events']:,}",
    }
    if counts["images"]:
        cards["images"] = f"{counts['images']:,}"
    notes = list(summary.notes)
    if summary.unsure_share is not None:
        notes.append(f"{summary.unsure_share:.0%} of the predictions are unsure")
    notes += [
        "a person is a number within one video: whoever leaves for long, or appears after a cut, "
        "is a new one",
        "do not use this to assess people at work, in education, in hiring or in policing; the "
        "European Union prohibits inferring emotions at work and in education",
    ]
    page = Page(
        title=summary.title,
        lead="The expressions of the faces in these videos. An expression is what a face shows to "
        "others, not what the person feels, and predictions are often wrong.",
        cards=cards,
        notes_title="Limits",
        notes=notes,
        sections=[
            *_people(summary),
            *_comparison(summary.groups),
            *_synchrony(summary),
            *_videos(summary),
            *_images(summary),
            _method(summary),
        ],
        provenance=f"Study {summary.title}; its tables are described in datapackage.json.",
    )
    return write_page(page, path, figures=figures, overwrite=True, write=write)


def _people(summary: StudySummary) -> list[Section]:
    from mien.reports.study import figures

    shown = [each for each in summary.people if each.events]
    if not shown:
        return []
    left_out = summary.counts["people"] - len(summary.people)
    found = [figures.people_figure(summary.people, left_out)]
    if summary.course is not None:
        found.append(figures.course_figure(summary.course))
    return [Section(title="People", lead="Who shows what, and when.", figures=found)]


def _comparison(groups: Sequence[Mapping[str, Any]]) -> list[Section]:
    from mien.reports.study import figures

    found = [
        figures.share_figure(list(rows))
        if covariate is None
        else figures.group_figure(covariate, list(rows))
        for covariate, rows in itertools.groupby(groups, key=lambda row: row["covariate"])
    ]
    if not found:
        return []
    return [
        Section(
            title="Comparison",
            lead="The unit is the video. The frames of a video are not independent: an interval "
            "over frames would be many times too narrow.",
            figures=found,
        )
    ]


def _synchrony(summary: StudySummary) -> list[Section]:
    if not summary.synchrony:
        return []
    rows = [
        [
            f"{row['video']} · {row['person_a']} and {row['person_b']}",
            row["emotion"],
            f"{row['r']:.2f}",
            f"{row['peak_r']:.2f}",
            f"{row['peak_lag_s']:+.1f} s",
            f"{row['chance_peak_r']:.2f}",
            format_timestamp(row["overlap_s"]),
        ]
        for row in summary.synchrony
    ]
    figure = Figure(
        title="Most synchronous pairs",
        sentence="The correlation of two people's probabilities of an expression, at the same time "
        "and at its highest within two seconds. The lag is positive if the second person comes "
        "later. The highest of many correlations is above zero by chance alone; the column says by "
        "how much.",
        body=[
            Table(
                ("people", "expression", "correlation", "highest", "lag", "by chance", "together"),
                rows,
            )
        ],
    )
    lead = f"{summary.pairs:,} pairs of people are visible together for long enough."
    if summary.pairs == 1:
        lead = "One pair of people is visible together for long enough."
    return [Section(title="Synchrony", lead=lead, figures=[figure])]


def _videos(summary: StudySummary) -> list[Section]:
    if not summary.videos:
        return []
    rows = [
        [
            each.video,
            format_timestamp(each.length_s),
            str(each.people),
            f"{each.events:,}",
            each.most_shown,
            each.error or "",
        ]
        for each in summary.videos
    ]
    left_out = summary.counts["videos"] - len(summary.videos)
    more = f" {left_out:,} more are in the tables." if left_out else ""
    figure = Figure(
        title="All videos",
        sentence="What was found in each video, and what could not be read." + more,
        body=[Table(("video", "length", "people", "episodes", "shown most", "damage"), rows)],
    )
    return [Section(title="Videos", lead="", figures=[figure])]


def _images(summary: StudySummary) -> list[Section]:
    if not summary.images:
        return []
    left_out = summary.counts["failed_images"] - len(summary.images)
    more = f" {left_out:,} more are in the tables of frames." if left_out else ""
    figure = Figure(
        title="Unreadable images",
        sentence="The images that could not be read, and why." + more,
        body=[Table(("image", "damage"), [list(row) for row in summary.images])],
    )
    return [Section(title="Images", lead="", figures=[figure])]


def _method(summary: StudySummary) -> Section:
    figure = Figure(
        title="Settings",
        sentence="The networks, versions and options that reproduce these results; a methods "
        "section should state them.",
        body=[Table(("what", "value"), [list(row) for row in summary.settings])],
    )
    return Section(title="Method", lead="", figures=[figure])


def _hours(hours: float) -> str:
    return f"{hours:,.1f} h" if hours >= 1 else format_timestamp(3600 * hours)
