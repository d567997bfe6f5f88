"""The report on a video: who showed what when, as one page."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import io
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.detect import OnnxDetector
from mien.drawing import face_thumbnail
from mien.emotions import SIX
from mien.errors import InputError, MediaError
from mien.inference import Analyzer, VideoOptions
from mien.media import Video, format_timestamp
from mien.reports.html.page import Figure, Page, Section, require_charts, table_html, write_page
from mien.reports.html.tiles import Tile, tiles_html
from mien.structures import FrameResult

__all__ = ["VideoSummary", "video_report"]

_POINTS = 600
_IMAGES = 120
_THUMBNAIL_PX = 112
_PER_EXPRESSION, _APART_S = 3, 0.5
_SHORTEST_S = 0.5
"""People seen for less are left out: most are no people."""


@dataclasses.dataclass(slots=True)
class _Person:
    times_s: list[float] = dataclasses.field(default_factory=list)
    probabilities: list[tuple[float, ...]] = dataclasses.field(default_factory=list)
    labels: list[int] = dataclasses.field(default_factory=list)
    reasons: list[str | None] = dataclasses.field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = dataclasses.field(default_factory=list)
    frames: list[int] = dataclasses.field(default_factory=list)


class VideoSummary:
    """Takes the results of a video one by one and keeps what its report needs.

    Attributes:
        source: The video.
        frames: Frames seen.
        duration_s: Time of the last one.
        error: Why the video ended early, or None.
    """

    def __init__(self) -> None:
        self.source = ""
        self.frames = 0
        self.duration_s = 0.0
        self.error: str | None = None
        self._people: dict[int, _Person] = {}

    def add(self, result: FrameResult) -> None:
        """Take one frame's result."""
        self.source = result.source
        if result.error is not None:
            self.error = result.error
            return
        self.frames += 1
        self.duration_s = max(self.duration_s, result.timestamp_s or 0.0)
        for face in result.faces:
            person = self._people.setdefault(face.track or 0, _Person())
            person.times_s.append(result.timestamp_s or 0.0)
            person.probabilities.append(tuple(face.probabilities.values()))
            person.labels.append(SIX.labels.index(face.emotion))
            person.reasons.append(face.unsure_reason)
            person.boxes.append(face.box_xyxy)
            person.frames.append(result.frame)

    @property
    def people(self) -> dict[int, _Person]:
        """Those who were seen long enough, by number."""
        return {
            number: person
            for number, person in self._people.items()
            if person.times_s[-1] - person.times_s[0] >= min(_SHORTEST_S, self.duration_s / 2)
        }


def video_report(
    summary: VideoSummary,
    path: Path,
    *,
    analyzer: Analyzer,
    options: VideoOptions,
    images: bool = True,
    overwrite: bool = False,
) -> None:
    """Write the report on a video as one HTML file.

    Args:
        summary: What was found in the video.
        path: Where the report goes.
        analyzer: What it was found with.
        options: How.
        images: Whether small images of the faces are shown.
        overwrite: Whether an existing report may be replaced.

    Raises:
        InputError: There was no frame to report on.
        OutputError: The file exists already or cannot be written.
        MissingExtraError: Altair, vl-convert or Polars is not installed.
    """
    require_charts()
    from mien.reports.video import figures as charts

    if not summary.frames:
        raise InputError(f"{summary.source}: no frame to report on")
    people = summary.people
    thumbnails = _thumbnails(summary, people) if images and people else {}
    sections = []
    for number, person in people.items():
        times = np.array(person.times_s)
        figures = [
            charts.timeline_figure(
                number, *_binned(person, summary.duration_s), thumbnails.get(number, {})
            ),
            charts.share_figure(number, person.labels, person.times_s),
            _changes(number, person),
        ]
        if thumbnails.get(number):
            figures.append(_expressive(number, person, thumbnails[number]))
        span = f"{format_timestamp(times[0])} to {format_timestamp(times[-1])}"
        sections.append(
            Section(
                title=f"Person {number}", lead=f"Seen in {len(times):,} frames, {span}.",
                figures=figures,
            )
        )  # fmt: skip
    sections.append(_settings(analyzer, options))
    notes = [f"the video ended early: {summary.error}"] if summary.error else []
    faces = sum(len(person.labels) for person in people.values())
    unsure = Counter(r for person in people.values() for r in person.reasons if r is not None)
    total = sum(unsure.values())
    if total:
        why = ", ".join(f"{reason} {count / total:.0%}" for reason, count in unsure.most_common())
        notes.append(f"{total / faces:.0%} of the answers are unsure ({why})")
    name = Path(summary.source).name
    page = Page(
        title=name,
        lead="What the faces in this video show, frame by frame. It says what a face shows to "
        "others, not what the person feels, and is often wrong.",
        cards={
            "length": format_timestamp(summary.duration_s),
            "frames": f"{summary.frames:,}",
            "people": str(len(people)),
            "unsure": f"{total / faces:.0%}" if faces else "0%",
        },
        notes_title="To keep in mind",
        notes=[
            *notes,
            "not for judging people at work, in education, in hiring or in policing; in the "
            "European Union inferring emotions at work and in education is prohibited",
        ],
        sections=sections,
        provenance=f"Video {name}.",
    )
    write_page(page, path, overwrite=overwrite)


def _binned(
    person: _Person, duration_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Average a person's probabilities over at most some hundred spans of time.

    Returns:
        Middles of the spans in which the person was seen `(n,)`, probabilities `(n, 6)`, and the
        most frequent label `(n,)`.
    """
    times = np.array(person.times_s)
    values = np.array(person.probabilities)
    step = max(duration_s / _POINTS, 0.04)
    number = np.floor(times / step).astype(np.int64)
    spans = np.unique(number)
    labels = np.array(person.labels)
    means = np.stack([values[number == span].mean(axis=0) for span in spans])
    top = np.array([np.bincount(labels[number == span]).argmax() for span in spans])
    middles = ((spans + 0.5) * step).astype(np.float64)
    return middles, means.astype(np.float64), top.astype(np.int64)


def _changes(number: int, person: _Person) -> Figure:
    rows = []
    begin = 0
    for place in range(1, len(person.labels) + 1):
        if place == len(person.labels) or person.labels[place] != person.labels[begin]:
            label = person.labels[begin]
            strength = np.mean([p[label] for p in person.probabilities[begin:place]])
            rows.append(
                [
                    format_timestamp(person.times_s[begin]),
                    SIX.labels[label],
                    f"{person.times_s[place - 1] - person.times_s[begin]:.1f} s",
                    f"{strength:.0%}",
                ]
            )
            begin = place
    return Figure(
        title="Moments of change",
        context=f"person {number}",
        sentence="When the shown expression changes, how long it stays and how sure the answer is.",
        body=table_html(("time", "expression", "for", "mean confidence"), rows[:200]),
    )


def _expressive(number: int, person: _Person, thumbnails: dict[int, Image.Image]) -> Figure:
    """Show the frames in which each expression is strongest, some time apart."""
    places = {frame: place for place, frame in enumerate(person.frames)}
    best: list[int] = []
    for label in range(len(SIX)):
        shown = [frame for frame in thumbnails if person.labels[places[frame]] == label]
        shown.sort(key=lambda frame: -person.probabilities[places[frame]][label])
        apart: list[int] = []
        for frame in shown:
            at = person.times_s[places[frame]]
            if all(abs(at - person.times_s[places[other]]) >= _APART_S for other in apart):
                apart.append(frame)
        best += apart[:_PER_EXPRESSION]
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
        context=f"person {number}",
        sentence="Up to three of each expression that is shown, those in which it is most "
        "probable.",
        body=tiles_html(tiles, name=f"expressive-{number}", large=True),
    )


def _thumbnails(
    summary: VideoSummary, people: dict[int, _Person]
) -> dict[int, dict[int, Image.Image]]:
    """Decode the video once more and cut small images of the faces, evenly over time."""
    wanted: dict[int, list[tuple[int, tuple[float, ...]]]] = {}
    for number, person in people.items():
        chosen = np.unique(np.linspace(0, len(person.frames) - 1, _IMAGES).round().astype(int))
        for place in chosen:
            wanted.setdefault(person.frames[place], []).append((number, person.boxes[place]))
    found: dict[int, dict[int, Image.Image]] = {number: {} for number in people}
    # A damaged video says so at its end, by when its images are there.
    with Video(summary.source) as video, contextlib.suppress(MediaError):
        for frame in video.frames():
            for number, box in wanted.pop(frame.frame, ()):
                image = face_thumbnail(frame.rgb(), box, side_px=_THUMBNAIL_PX)
                found[number][frame.frame] = image
            if not wanted:
                break
    return found


def jpeg_address(image: Image.Image) -> str:
    """Return an image as an address that carries it."""
    packed = io.BytesIO()
    image.save(packed, "JPEG", quality=72)
    return "data:image/jpeg;base64," + base64.b64encode(packed.getvalue()).decode()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _settings(analyzer: Analyzer, options: VideoOptions) -> Section:
    model, detector = analyzer.model, analyzer.detector
    rows = [["emotion network", model.spec.name], ["its SHA-256", _sha256(model.path)]]
    if isinstance(detector, OnnxDetector):
        name, hashed = detector.spec.name, _sha256(detector.path)
        rows += [["face detector", name], ["its SHA-256", hashed]]
    rows += [
        ["unsure below", f"{analyzer.model.unsure_below:.2f}"],
        ["faces from", f"{analyzer.min_face_px} px"],
        ["smoothed over", f"{options.smoothing.time_constant_s:g} s"],
        [
            "faces looked for",
            f"every {options.every} frames" if options.every else "8 times a second",
        ],
        ["frames a second", f"at most {options.per_second:g}" if options.per_second else "all"],
    ]
    figure = Figure(
        title="Settings",
        sentence="What it takes to get the same figures again.",
        body=table_html(("what", "value"), rows),
    )
    return Section(title="How this was made", lead="", figures=[figure])
