"""The report on a video: the expressions of each person over time, as one page."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from mien.drawing import face_thumbnail
from mien.emotions import SIX
from mien.errors import InputError, MediaError
from mien.media import Video, format_timestamp
from mien.options import BaselineOptions
from mien.reports.html.blocks import Table, Tile, Tiles
from mien.reports.html.page import Figure, Page, Section, require_charts, write_page
from mien.reports.video.summary import AnalysisDescription, Person, VideoSummary
from mien.track import frame_durations_s

__all__ = ["video_report"]

_POINTS = 600
_IMAGES = 120
_THUMBNAIL_PX = 112
_CHANGES = 200
"""So many changes of a person are listed, the first ones."""

_PER_EXPRESSION, _MIN_DISTANCE_S = 3, 0.5


def video_report(
    summary: VideoSummary,
    path: Path,
    *,
    analysis: AnalysisDescription,
    with_faces: bool = True,
    overwrite: bool = False,
) -> None:
    """Write the report on a video as one HTML file.

    Args:
        summary: The results of the video.
        path: Where the report goes.
        analysis: How they were made.
        with_faces: Whether small images of the faces are shown.
        overwrite: Whether an existing report may be replaced.

    Raises:
        InputError: The summary has no frames.
        OutputError: The file exists already or cannot be written.
        MissingExtraError: Altair, Jinja2, pyarrow or vl-convert is not installed.
    """
    require_charts()
    from mien.reports.video import figures as charts
    from mien.reports.video.units import unit_figures

    if not summary.frames:
        raise InputError(f"{summary.source}: no frame to report on")
    people = summary.people
    thumbnails = _thumbnails(summary, people) if with_faces and people else {}
    step_s = _step_s(summary.duration_s)
    sections = []
    for number, person in people.items():
        times = np.array(person.times_s)
        figures = [
            charts.timeline_figure(number, person, thumbnails.get(number, {}), step_s=step_s),
            charts.share_figure(number, person.labels, person.times_s),
            _changes(number, person),
            *unit_figures(number, person, step_s=step_s),
        ]
        if thumbnails.get(number):
            figures.append(_expressive(number, person, thumbnails[number]))
        span = f"{format_timestamp(times[0])} to {format_timestamp(times[-1])}"
        sections.append(
            Section(
                title=f"Person {number + 1}", lead=f"Seen in {len(times):,} frames, {span}.",
                figures=figures,
            )
        )  # fmt: skip
    sections.append(_settings(analysis))
    notes = [f"the video ended early: {summary.error}"] if summary.error else []
    faces = sum(len(person.labels) for person in people.values())
    unsure = Counter(r for person in people.values() for r in person.reasons if r is not None)
    total = sum(unsure.values())
    if total:
        why = ", ".join(f"{reason} {count / total:.0%}" for reason, count in unsure.most_common())
        notes.append(f"{total / faces:.0%} of the predictions are unsure ({why})")
    name = Path(summary.source).name
    page = Page(
        title=name,
        lead="The expressions of the faces in this video, frame by frame. An expression is what a "
        "face shows to others, not what the person feels, and predictions are often wrong.",
        cards={
            "length": format_timestamp(summary.duration_s),
            "frames": f"{summary.frames:,}",
            "people": str(len(people)),
            "unsure": f"{total / faces:.0%}" if faces else "0%",
        },
        notes_title="Limits",
        notes=[
            *notes,
            "do not use this to assess people at work, in education, in hiring or in policing; the "
            "European Union prohibits inferring emotions at work and in education",
        ],
        sections=sections,
        provenance=f"Video {name}.",
    )
    write_page(page, path, overwrite=overwrite)


def _step_s(duration_s: float) -> float:
    """Return the span of time that is one point of a chart."""
    return max(duration_s / _POINTS, 0.04)


def _changes(number: int, person: Person) -> Figure:
    rows = []
    begin = 0
    durations_s = frame_durations_s(np.array(person.times_s))
    for place in range(1, len(person.labels) + 1):
        if place == len(person.labels) or person.labels[place] != person.labels[begin]:
            label = person.labels[begin]
            strength = np.mean([p[label] for p in person.probabilities[begin:place]])
            rows.append(
                [
                    format_timestamp(person.times_s[begin]),
                    SIX.labels[label],
                    f"{durations_s[begin:place].sum():.1f} s",
                    f"{strength:.0%}",
                ]
            )
            begin = place
    more = f" These are the first {_CHANGES} of {len(rows):,}." if len(rows) > _CHANGES else ""
    return Figure(
        title="Changes",
        context=f"person {number + 1}",
        sentence="The times at which the shown expression changes, how long it stays, and the mean "
        f"confidence.{more}",
        body=[Table(("time", "expression", "duration", "mean confidence"), rows[:_CHANGES])],
    )


def _expressive(number: int, person: Person, thumbnails: dict[int, Image.Image]) -> Figure:
    """Show the frames in which each expression is most probable, at some distance in time."""
    places = {frame: place for place, frame in enumerate(person.frames)}
    best: list[int] = []
    for label in range(len(SIX)):
        shown = [frame for frame in thumbnails if person.labels[places[frame]] == label]
        shown.sort(key=lambda frame: -person.probabilities[places[frame]][label])
        chosen: list[int] = []
        for frame in shown:
            at = person.times_s[places[frame]]
            if all(abs(at - person.times_s[places[other]]) >= _MIN_DISTANCE_S for other in chosen):
                chosen.append(frame)
        best += chosen[:_PER_EXPRESSION]
    tiles = [
        Tile(
            image=np.asarray(thumbnails[frame]),
            label=SIX.labels[person.labels[places[frame]]],
            text=format_timestamp(person.times_s[places[frame]]),
        )
        for frame in sorted(best)
    ]
    return Figure(
        title="Most expressive frames",
        context=f"person {number + 1}",
        sentence="Up to three frames of each shown expression, those in which it is most probable.",
        body=[Tiles(tiles=tiles, name=f"expressive-{number}", large=True)],
    )


def _thumbnails(
    summary: VideoSummary, people: dict[int, Person]
) -> dict[int, dict[int, Image.Image]]:
    """Decode the video again and cut small images of the faces, evenly over time."""
    wanted: dict[int, list[tuple[int, tuple[float, ...]]]] = {}
    for number, person in people.items():
        chosen = np.unique(np.linspace(0, len(person.frames) - 1, _IMAGES).round().astype(int))
        for place in chosen:
            wanted.setdefault(person.frames[place], []).append((number, person.boxes[place]))
    found: dict[int, dict[int, Image.Image]] = {number: {} for number in people}
    # A damaged video raises its error at the end, when all images are decoded.
    with Video(summary.source) as video, contextlib.suppress(MediaError):
        for frame in video.frames():
            for number, box in wanted.pop(frame.frame, ()):
                image = face_thumbnail(frame.rgb(), box, side_px=_THUMBNAIL_PX)
                found[number][frame.frame] = image
            if not wanted:
                break
    return found


def _baseline(options: BaselineOptions | None) -> str:
    if options is None:
        return "none"
    if options.neutral is not None:
        return "that of one person, by a neutral face"
    return "that of one person" if options.people == "one-person" else "that of each person"


def _settings(analysis: AnalysisDescription) -> Section:
    networks = {
        "emotion network": analysis.model,
        "face detector": analysis.detector,
        "network of units": analysis.unit_model,
    }
    rows = [
        row
        for name, network in networks.items()
        if network is not None
        for row in ((name, network.name), ("its SHA-256", network.sha256))
    ]
    every, max_fps = analysis.detect_every, analysis.max_fps
    score, shortest_s = analysis.min_score, analysis.min_duration_s
    rows += [
        ("unsure below", f"{analysis.unsure_below:.2f}"),
        ("smallest face", f"{analysis.min_face_px} px"),
        ("lowest detection score", "the detector's own" if score is None else f"{score:g}"),
        (
            "people are seen for",
            "half a second, or with a high score" if shortest_s is None else f"{shortest_s:g} s",
        ),
        ("smoothing", f"{analysis.smoothing_s:g} s"),
        ("baseline taken off", _baseline(analysis.baseline)),
        ("detection", f"every {every} frames" if every else "8 times a second"),
        ("analysed frames a second", f"at most {max_fps:g}" if max_fps else "all"),
    ]
    figure = Figure(
        title="Settings",
        sentence="The networks and options that reproduce these results.",
        body=[Table(("what", "value"), rows)],
    )
    return Section(title="Method", lead="", figures=[figure])
