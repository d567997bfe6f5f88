"""What the report on a study shows, collected from the records of its units one by one."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien._wording import pluralize
from mien.emotions import SIX
from mien.reports import StudyPerson, StudySummary, StudyVideo, study_report
from mien.study.columns import SETTINGS
from mien.study.own_files import OwnFiles
from mien.study.record import Record
from mien.study.tables import Records, video_shares

__all__ = ["write_report"]

_MAX_PEOPLE, _MAX_VIDEOS, _MAX_PAIRS, _MAX_IMAGES = 80, 300, 30, 50
_COUNTS = ("videos", "images", "people", "events", "frames", "failed_videos", "failed_images")
_PARTS = 60
_NAME_CHARACTERS = 30
_SECONDS_PER_HOUR = 3600.0


def write_report(
    folder: Path,
    records: Records,
    groups: Sequence[Mapping[str, Any]],
    notes: Sequence[str],
    problems: Mapping[str, str],
    own: OwnFiles,
) -> None:
    """Write `study.html`, and its charts into `figures/`.

    Args:
        folder: The study's folder.
        records: Those of all units.
        groups: The rows of the table `groups`.
        notes: What a reader should know.
        problems: Why an input stands for no file, by the input.
        own: Writes the files, where nobody changed them.
    """
    collected = _Collected()
    for record in records():
        collected.add(record)
    notes = [*notes, *(f"{name}: {reason}" for name, reason in problems.items())]
    notes += collected.failure_notes()
    summary = collected.summary(folder.absolute().name, groups, notes)
    study_report(summary, folder / "study.html", figures=folder / "figures", write=own.write)


class _Collected:
    def __init__(self) -> None:
        self.counts = dict.fromkeys(_COUNTS, 0)
        self.pairs = 0
        self.seconds = self.unsure = 0.0
        self.person_frames = 0
        self.videos: list[StudyVideo] = []
        self.images: list[tuple[str, str]] = []
        self.people: list[StudyPerson] = []
        self.course = np.zeros((_PARTS, len(SIX)))
        self.with_people = 0
        self.synchrony: list[tuple[float, int, dict[str, Any]]] = []
        self.settings: Mapping[str, Any] = {}
        self._names: defaultdict[str, int] = defaultdict(int)
        self._rows = itertools.count()

    def add(self, record: Record) -> None:
        """Count one unit."""
        if record.video is None:
            self.counts["images"] += len(record.sources)
            self.counts["failed_images"] += len(record.failures)
            self.images += list(record.failures.items())[: _MAX_IMAGES - len(self.images)]
            return
        video = record.video
        self.settings = video
        name = self._short_name(record.sources[0])
        length_s = max(video.get("duration_s") or 0.0, video.get("last_frame_s") or 0.0)
        self.seconds += length_s
        for key, number in (
            ("videos", 1),
            ("people", len(record.people)),
            ("events", len(record.events)),
            ("frames", video["frames_read"]),
            ("failed_videos", bool(record.failures)),
        ):
            self.counts[key] += number
        for row in record.people:
            self.unsure += row["unsure_share"] * row["frames"]
            self.person_frames += row["frames"]
        if len(self.videos) < _MAX_VIDEOS:
            self.videos.append(
                StudyVideo(
                    video=name,
                    length_s=length_s,
                    people=len(record.people),
                    events=len(record.events),
                    most_shown=_most_shown(record),
                    error=video["error"],
                )
            )
        self._add_people(name, record, length_s)
        self._add_pairs(name, record)

    def failure_notes(self) -> Iterator[str]:
        """Yield how many videos and images are not read or damaged, and what says why."""
        for count, one, table in (
            (self.counts["failed_videos"], "video", "videos"),
            (self.counts["failed_images"], "image", "frames"),
        ):
            if count:
                yield (
                    f"not read or damaged: {pluralize(count, one)}; the table of {one}s below and "
                    f"the column error of {table} say why"
                )

    def _add_people(self, name: str, record: Record, length_s: float) -> None:
        if record.people and length_s > 0:
            self.with_people += 1
            self.course += _course(record, length_s)
        for row in record.people[: _MAX_PEOPLE - len(self.people)]:
            events = [event for event in record.events if event["person"] == row["person"]]
            self.people.append(StudyPerson(video=name, person=row["person"], events=events))

    def _add_pairs(self, name: str, record: Record) -> None:
        self.pairs += len({(row["person_a"], row["person_b"]) for row in record.synchrony})
        for row in record.synchrony:
            above = row["peak_r"] - row["chance_peak_r"]
            # The number is of this row alone, so that rows of one height are never compared.
            entry = (above, -next(self._rows), {**row, "video": name})
            heapq.heappush(self.synchrony, entry)
            if len(self.synchrony) > _MAX_PAIRS:
                heapq.heappop(self.synchrony)

    def _short_name(self, source: str) -> str:
        """Return the name of a video; a number is added to one that another video has."""
        stem = Path(source).stem.encode(errors="replace").decode()
        if len(stem) > _NAME_CHARACTERS:
            stem = stem[: _NAME_CHARACTERS - 1] + "…"
        self._names[stem] += 1
        return stem if self._names[stem] == 1 else f"{stem} ({self._names[stem]})"

    def summary(
        self, title: str, groups: Sequence[Mapping[str, Any]], notes: Sequence[str]
    ) -> StudySummary:
        """Return all that was counted."""
        return StudySummary(
            title=title,
            videos=self.videos,
            images=self.images,
            people=self.people,
            counts=self.counts,
            hours=self.seconds / _SECONDS_PER_HOUR,
            unsure_share=self.unsure / self.person_frames if self.person_frames else None,
            course=self.course / self.with_people if self.counts["events"] else None,
            groups=groups,
            synchrony=[row for _, _, row in sorted(self.synchrony, reverse=True, key=_above)],
            pairs=self.pairs,
            notes=notes,
            settings=[
                (column.name.replace("_", " "), _value(self.settings.get(column.name)))
                for column in SETTINGS
                if self.settings
            ],
        )


def _above(entry: tuple[float, int, dict[str, Any]]) -> tuple[float, int]:
    return entry[0], entry[1]


def _value(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _most_shown(record: Record) -> str:
    if not record.people:
        return ""
    shares = video_shares(record.people)
    return f"{SIX.labels[int(shares.argmax())]} {shares.max():.0%}"


def _course(record: Record, length_s: float) -> NDArray[np.float64]:
    """Return the share of people's time for each expression in each part of a video's time.

    A record does not say when within their time people were absent: that is spread evenly.
    """
    edges = np.linspace(0, length_s, _PARTS + 1)
    seconds = np.zeros((_PARTS, len(SIX)))
    for event in record.events:
        begins = np.clip(event["start_s"], edges[:-1], edges[1:])
        ends = np.clip(event["end_s"], edges[:-1], edges[1:])
        seconds[:, SIX.labels.index(event["emotion"])] += ends - begins
    visible_s = np.zeros(_PARTS)
    for row in record.people:
        span_s = max(row["last_s"] - row["first_s"], row["visible_s"])
        inside = np.diff(np.clip(edges, row["first_s"], row["first_s"] + span_s))
        visible_s += inside * (row["visible_s"] / span_s)
    total_s = np.maximum(seconds.sum(axis=1), visible_s)[:, None]
    shares = np.zeros_like(seconds)
    np.divide(seconds, total_s, out=shares, where=total_s > 0)
    return shares
