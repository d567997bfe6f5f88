"""The analysis of one unit: its frames as a table, and what is counted of its people."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mien._hashing import file_sha256
from mien._output import cannot_write
from mien.errors import MediaError
from mien.inference import Analyzer
from mien.media import Video, open_table
from mien.options import BaselineOptions, EventOptions, FaceOptions, VideoOptions
from mien.runs import RunOptions, analyze_to
from mien.runs.fingerprint import fingerprint
from mien.structures import FacePrediction, FrameResult
from mien.study.columns import frame_columns
from mien.study.events import find_episodes
from mien.study.options import StudyOptions, TableFormat
from mien.study.people import person_row
from mien.study.record import Record, write_record
from mien.study.series import PersonSeries, SeriesBuilder
from mien.study.synchrony import synchrony_rows
from mien.study.units import Unit

__all__ = ["UnitPlan", "analyze_unit", "settings_row", "source_fingerprint"]

_END_BYTES = 1_000_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UnitPlan:
    """How the units of a study are analysed, and where their files go.

    Attributes:
        folder: The study's folder.
        format: The format of its tables.
        video: How videos are analysed.
        faces: Which faces count.
        events: What counts as an episode.
        units: Whether the frames have expression units.
    """

    folder: Path
    format: TableFormat
    video: VideoOptions
    faces: FaceOptions
    events: EventOptions
    units: bool = False

    @classmethod
    def of(cls, folder: Path, analyzer: Analyzer, options: StudyOptions) -> UnitPlan:
        """Return the plan of a study."""
        return cls(
            folder=folder,
            format=options.format,
            video=options.video,
            faces=options.faces or analyzer.pipeline.options,
            events=options.events,
            units=analyzer.unit_model is not None,
        )

    def frames_path(self, name: str) -> Path:
        """Return the file with the frames of a unit."""
        return self.folder / "frames" / f"{name}.{self.format}"

    def record_path(self, name: str) -> Path:
        """Return the file that says that a unit is done."""
        return self.folder / "records" / f"{name}.json"


def analyze_unit(
    analyzer: Analyzer,
    unit: Unit,
    plan: UnitPlan,
    on_result: Callable[[FrameResult], None] = lambda result: None,
) -> Record:
    """Analyse a unit; its frames and then its record are written when it is done.

    Args:
        analyzer: Networks and settings.
        unit: The unit.
        plan: How it is analysed.
        on_result: Called with each result; an exception of it leaves nothing of the unit behind.

    Raises:
        OutputError: The disk is full, or the folder cannot be written.
    """
    began_s = time.monotonic()
    fingerprints = tuple(source_fingerprint(source) for source in unit.sources)
    counts = _Counts()
    series = SeriesBuilder()
    path = plan.frames_path(unit.name)
    writer = open_table(path, frame_columns(units=plan.units))
    try:

        def add(result: FrameResult) -> None:
            rows = list(_frame_rows(result, is_video=unit.is_video))
            writer.write_rows(rows)
            counts.add(result, len(rows))
            if unit.is_video:
                series.add(result)
            on_result(result)

        options = RunOptions(video=plan.video, faces=plan.faces)
        run = analyze_to(None, unit.sources, options=options, analyzer=analyzer, on_result=add)
    except BaseException:
        writer.discard()
        raise
    with writer:
        pass
    _sync(path)
    record = Record(
        name=unit.name,
        sources=unit.sources,
        fingerprints=fingerprints,
        frames_bytes=path.stat().st_size,
        frames_rows=counts.rows,
        failures=run.failures,
        video_path=str(Path(unit.sources[0]).absolute()) if unit.is_video else "",
        **_tables(unit, plan, analyzer, series.people(), counts, fingerprints[0], run.failures)
        if unit.is_video
        else {"video": None},
    )
    if record.video is not None:
        record = dataclasses.replace(
            record, video={**record.video, "analysis_s": time.monotonic() - began_s}
        )
    write_record(record, plan.record_path(unit.name))
    return record


@dataclasses.dataclass(slots=True)
class _Counts:
    rows: int = 0
    frames: int = 0
    with_faces: int = 0
    last_frame_s: float | None = None

    def add(self, result: FrameResult, rows: int) -> None:
        self.rows += rows
        if result.error is None:
            self.frames += 1
            self.with_faces += bool(result.faces)
            self.last_frame_s = result.timestamp_s


def _frame_rows(result: FrameResult, *, is_video: bool) -> Iterator[dict[str, Any]]:
    """Yield the nested rows of a frame; what is wrong with a video stands in its own table."""
    if result.error is not None and is_video:
        return
    common = {
        "source": result.source,
        "frame": result.frame,
        "timestamp_s": result.timestamp_s,
        "faces_found": len(result.faces),
        "error": result.error,
    }
    for face in result.faces:
        yield {
            **common,
            # As in the other tables and as people read it: from 1, where tracks begin with 0.
            "person": None if face.track is None else face.track + 1,
            "prediction": face,
            "raw": face.raw or face.probabilities,
            "held": _is_held(face),
        }
    if not result.faces:
        yield common


def _is_held(face: FacePrediction) -> bool:
    return face.probabilities[face.emotion] < max(face.probabilities.values())


def _tables(
    unit: Unit,
    plan: UnitPlan,
    analyzer: Analyzer,
    people: Mapping[int, PersonSeries],
    counts: _Counts,
    found: tuple[int, str] | None,
    failures: Mapping[str, str],
) -> dict[str, Any]:
    """Return the rows of a video's tables."""
    source = unit.sources[0]
    person_rows, event_rows = [], []
    # As in the frames, from 1.
    people = {number + 1: series for number, series in people.items()}
    for number, series in people.items():
        episodes = find_episodes(series, plan.events)
        person_rows.append(person_row(source, number, series, episodes))
        for episode in episodes:
            event_rows.append({"source": source, "person": number, **dataclasses.asdict(episode)})
    size_bytes, sha256 = (None, None) if found is None else found
    video = {
        "source": source,
        "name": unit.name,
        "size_bytes": size_bytes,
        "sha256_ends": sha256,
        **_declared(source),
        "frames_read": counts.frames,
        "last_frame_s": counts.last_frame_s,
        "frames_with_faces": counts.with_faces,
        "people": len(person_rows),
        "events": len(event_rows),
        "error": failures.get(source),
        **settings_row(analyzer, plan),
    }
    return {
        "video": video,
        "people": tuple(person_rows),
        "events": tuple(event_rows),
        "synchrony": tuple(synchrony_rows(source, people)),
    }


def _declared(source: str) -> dict[str, Any]:
    """Return what a video says of itself; nothing if it cannot be opened."""
    with contextlib.suppress(MediaError), Video(source) as video:
        return {
            "width": video.width,
            "height": video.height,
            "frames_per_second": video.frames_per_second or None,
            "duration_s": video.duration_s,
        }
    return {}


def settings_row(analyzer: Analyzer, plan: UnitPlan) -> dict[str, Any]:
    """Return the columns of `videos` that say how they were analysed."""
    model, detector = analyzer.model, analyzer.detector
    detector_path = getattr(detector, "path", None)
    detector_spec = getattr(detector, "spec", None)
    unsure_below = analyzer.pipeline.with_options(plan.faces).unsure_below
    return {
        "min_face_px": plan.faces.min_face_px,
        "min_score": plan.faces.min_score,
        "unsure_below": unsure_below,
        "detect_every": plan.video.detect_every,
        "max_fps": plan.video.max_fps,
        "smoothing_s": plan.video.smoothing.time_constant_s,
        "smoothing_margin": plan.video.smoothing.margin,
        "max_gap_s": plan.video.max_gap_s,
        "min_duration_s": plan.video.min_duration_s,
        "baseline": _baseline(plan.video.baseline),
        "min_event_s": plan.events.min_duration_s,
        "max_event_gap_s": plan.events.max_gap_s,
        "emotion_model": model.spec.name,
        "emotion_model_sha256": file_sha256(model.path),
        "face_model": detector_spec.name if detector_spec else type(detector).__name__,
        "face_model_sha256": None if detector_path is None else file_sha256(detector_path),
        "unit_model": None if analyzer.unit_model is None else analyzer.unit_model.spec.name,
        "unit_model_sha256": None
        if analyzer.unit_model is None
        else file_sha256(analyzer.unit_model.path),
        "mien_version": importlib.metadata.version("mien"),
        "onnxruntime_version": _version("onnxruntime"),
        "av_version": importlib.metadata.version("av"),
    }


def _baseline(options: BaselineOptions | None) -> str | None:
    if options is None:
        return None
    if options.neutral is None:
        return options.people
    return "neutral " + " ".join(map(repr, options.neutral))


def _version(package: str) -> str:
    """Return the version of a package that has builds of other names, for other devices."""
    for build in (package, f"{package}-gpu", f"{package}-directml"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(build)
    return "unknown"


def source_fingerprint(source: str) -> tuple[int, str] | None:
    """Return the size of a file and the hash of its first and last megabyte; None without a file.

    The modification time is left out: copies of a video on several machines are the same.
    """
    found = fingerprint(source, end_bytes=_END_BYTES)
    return None if found is None else (found[0], found[2])


def _sync(path: Path) -> None:
    """Have the disk store a file, so that no record stands without it after a power cut."""
    try:
        with path.open("rb") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write(path, error) from error
