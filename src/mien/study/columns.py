"""The tables of a study and their columns: types, units, ranges and meanings, each written once.

The files, the codebook (`datapackage.json`) and the columns in `docs/study.md` come from `TABLES`;
after a change, `python docs/columns.py` updates the last.
A table has one value per column, and the same names in CSV and Parquet.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from mien.columns import COLUMNS, UNIT_COLUMNS, Column
from mien.emotions import SIX
from mien.study.series import QUALITY

__all__ = [
    "EVENTS",
    "FRAMES",
    "FRAME_UNITS",
    "GROUPS",
    "PEOPLE",
    "SETTINGS",
    "SYNCHRONY",
    "TABLES",
    "VIDEOS",
    "Table",
    "frame_columns",
    "tables_of",
]

_LANDMARKS = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
_OF_RESULTS = {column.name: column for column in COLUMNS}


def _plain(name: str, kind: Any, meaning: str, **more: Any) -> Column:
    return Column(name=name, path=(name,), kind=kind, meaning=meaning, **more)


def _share(name: str, meaning: str, **more: Any) -> Column:
    return _plain(name, "number", meaning, minimum=0, maximum=1, **more)


def _seconds(name: str, meaning: str, **more: Any) -> Column:
    return _plain(name, "number", meaning, unit="s", minimum=0, **more)


def _count(name: str, meaning: str, **more: Any) -> Column:
    return _plain(name, "integer", meaning, minimum=0, **more)


_SOURCE = _plain("source", "text", "the video's path as it was given")
_PERSON = _count("person", "the person's number in the video, from 1")


def _of_face(name: str, as_name: str | None = None, **more: Any) -> Column:
    """Return a column of result rows for frames: a frame without a face has no value in it."""
    column = _OF_RESULTS[name]
    changed = {"name": as_name or name, "path": ("prediction", *column.path), "nullable": True}
    return dataclasses.replace(column, **{**changed, **more})


def _frames() -> Iterator[Column]:
    yield _plain("source", "text", "the path of the video or image as it was given")
    yield dataclasses.replace(_OF_RESULTS["frame"], rows="face")
    yield dataclasses.replace(_OF_RESULTS["timestamp_s"], rows="face")
    yield _count(
        "faces_found", "faces in the frame; 0 in the one row of a frame without a face", example=1
    )
    yield _of_face("face")
    yield _count(
        "person", "the person's number in the video, from 1; none for an image", nullable=True
    )
    for side in ("left", "top", "right", "bottom"):
        yield _of_face(f"box_{side}")
    for number, name in enumerate(_LANDMARKS):
        for axis, letter in enumerate("xy"):
            yield Column(
                name=f"{name}_{letter}",
                path=("prediction", "landmarks_xy", number, axis),
                kind="number",
                unit="px",
                nullable=True,
                meaning=f"{letter} of the person's {name.replace('_', ' ')}",
            )
    for name in ("detection_score", "found", "emotion", "confidence", "unsure"):
        yield _of_face(name)
    yield _plain(
        "held",
        "boolean",
        "whether another expression is more probable, but by too little to be shown",
        nullable=True,
    )
    for label in SIX.labels:
        yield _of_face(
            f"p_{label}", meaning=f"probability of {label}, smoothed over time; the six sum to 1"
        )
    for label in SIX.labels:
        yield Column(
            name=f"p_{label}_raw",
            path=("raw", label),
            kind="number",
            minimum=0,
            maximum=1,
            nullable=True,
            meaning=f"probability of {label} in this frame alone, before smoothing and baseline",
        )
    for label in SIX.labels:
        yield _of_face(f"p_{label}_uncorrected")
    for name in QUALITY:
        yield _of_face(name)
    yield _plain("error", "text", "why the image could not be read", nullable=True)


FRAMES: tuple[Column, ...] = tuple(_frames())
"""One row per face of each analysed frame, and one for each frame without a face."""

FRAME_UNITS: tuple[Column, ...] = tuple(
    dataclasses.replace(column, path=("prediction", *column.path)) for column in UNIT_COLUMNS
)
"""The columns of `frames` behind the others in a study with expression units."""


def frame_columns(*, units: bool) -> tuple[Column, ...]:
    """Return the columns of the table `frames`.

    Args:
        units: Whether the study was made with expression units.
    """
    return (*FRAMES, *FRAME_UNITS) if units else FRAMES


PEOPLE: tuple[Column, ...] = (
    _SOURCE,
    _PERSON,
    _seconds("first_s", "time of the person's first frame"),
    _seconds("last_s", "time of the person's last frame"),
    _count("frames", "frames with the person"),
    _share("detected_share", "share of these frames in which the face was detected, not followed"),
    _seconds("visible_s", "time that these frames last together"),
    *(_share(f"p_{label}_mean", f"mean probability of {label}") for label in SIX.labels),
    *(
        _share(f"share_{label}", f"share of the visible time in which {label} is shown")
        for label in SIX.labels
    ),
    *(_seconds(f"{label}_s", f"time in which {label} is shown") for label in SIX.labels),
    _count("episodes", "number of episodes, of all expressions"),
    _seconds("episode_mean_s", "mean duration of the episodes; none without one", nullable=True),
    _plain(
        "transitions_per_min",
        "number",
        "changes from one episode to the next, in a minute of visible time",
        unit="1/min",
        minimum=0,
    ),
    _plain(
        "most_frequent_transition",
        "text",
        "the most frequent one, the first of several, for example neutral>happy; none without one",
        nullable=True,
    ),
    _share("unsure_share", "share of the frames with an unsure answer"),
    *(
        dataclasses.replace(
            _OF_RESULTS[name],
            name=f"{name}_mean",
            path=(f"{name}_mean",),
            meaning=f"mean of {name} over the frames",
        )
        for name in QUALITY
    ),
)
"""One row per person and video."""

EVENTS: tuple[Column, ...] = (
    _SOURCE,
    _PERSON,
    _plain("emotion", "text", "the expression that is shown", values=SIX.labels),
    _seconds("start_s", "time of the first frame"),
    _seconds("end_s", "time at which the last frame ends"),
    _seconds("peak_s", "time of the frame in which the expression is most probable"),
    _share("peak_probability", "its probability there"),
    _share("mean_confidence", "its mean probability over the frames that show it"),
    _share("unsure_share", "share of these frames with an unsure answer"),
)
"""One row per episode: a time in which a person shows one expression."""

SETTINGS: tuple[Column, ...] = (
    _count("min_face_px", "smallest face that counts", unit="px"),
    _share(
        "min_score", "smallest detection score that counts; none: the detector's", nullable=True
    ),
    _share("unsure_below", "smallest confidence that is not unsure"),
    _count("detect_every", "frames from one detection to the next; none: by time", nullable=True),
    _plain("max_fps", "number", "most frames a second; none: all", unit="1/s", nullable=True),
    _seconds("smoothing_s", "time constant of the smoothing"),
    _plain("smoothing_margin", "number", "lead by which another expression is shown", minimum=0),
    _seconds("max_gap_s", "longest absence after which a person keeps the number"),
    _seconds("min_duration_s", "shortest person; none: by detections and scores", nullable=True),
    _plain("baseline", "text", "whose baseline was taken off; none", nullable=True),
    _seconds("min_event_s", "shortest episode"),
    _seconds("max_event_gap_s", "longest gap within an episode"),
    _plain("emotion_model", "text", "name of the emotion network"),
    _plain("emotion_model_sha256", "text", "hash of its file"),
    _plain("face_model", "text", "name of the face detector"),
    _plain("face_model_sha256", "text", "hash of its file; none without one", nullable=True),
    _plain(
        "unit_model",
        "text",
        "name of the network of expression units; none without units",
        nullable=True,
    ),
    _plain("unit_model_sha256", "text", "hash of its file; none without units", nullable=True),
    _plain("mien_version", "text", "version of mien"),
    _plain("onnxruntime_version", "text", "version of onnxruntime"),
    _plain("av_version", "text", "version of PyAV, which decodes"),
)
"""How a video was analysed: columns of `videos`."""

VIDEOS: tuple[Column, ...] = (
    _SOURCE,
    _plain("name", "text", "the name of the video's files in the study"),
    _count("size_bytes", "size of the file; none if it is missing", unit="byte", nullable=True),
    _plain(
        "sha256_ends", "text", "hash of the file's first and last megabyte; none", nullable=True
    ),
    _count("width", "width of the upright frames; none if unreadable", unit="px", nullable=True),
    _count("height", "their height; none if unreadable", unit="px", nullable=True),
    _plain(
        "frames_per_second",
        "number",
        "as the file declares it, on average; none",
        unit="1/s",
        minimum=0,
        nullable=True,
    ),
    _seconds("duration_s", "as the file declares it; none if it does not", nullable=True),
    _count("frames_read", "frames that were analysed"),
    _seconds("last_frame_s", "time of the last of them; none without one", nullable=True),
    _count("frames_with_faces", "analysed frames with a face"),
    _count("people", "people in the video"),
    _count("events", "episodes in the video"),
    _plain("error", "text", "why it could not be read, or what is damaged, with its times; none",
           nullable=True),
    *SETTINGS,
    _seconds("analysis_s", "time that the analysis took; not the same when it is repeated"),
)  # fmt: skip
"""One row per video."""

SYNCHRONY: tuple[Column, ...] = (
    _SOURCE,
    _count("person_a", "the number of one person"),
    _count("person_b", "the number of another, larger than that of the first"),
    _plain("emotion", "text", "the expression whose probabilities are compared", values=SIX.labels),
    _seconds("overlap_s", "time in which both are visible"),
    _plain("r", "number", "correlation of the two at the same time", minimum=-1, maximum=1),
    _plain("peak_r", "number", "highest correlation of all lags", minimum=-1, maximum=1),
    _plain("peak_lag_s", "number", "its lag; positive if person_b comes later", unit="s"),
    _plain(
        "chance_peak_r",
        "number",
        "mean highest correlation after shifts in a circle, which no synchrony explains",
        minimum=-1,
        maximum=1,
    ),
)
"""One row per pair of people who share a video, and expression."""

GROUPS: tuple[Column, ...] = (
    _plain("covariate", "text", "the column of the covariates; none for all videos", nullable=True),
    _plain("group", "text", "its value; none for all videos", nullable=True),
    _plain("emotion", "text", "the expression", values=SIX.labels),
    _count("videos", "videos of the group with at least one person"),
    _share("mean_share", "mean over these videos of the share of time that shows it"),
    _share("low", "lower end of the 95 % bootstrap interval over videos; none for fewer than two",
           nullable=True),
    _share("high", "its upper end", nullable=True),
)  # fmt: skip
"""One row per group of videos and expression."""


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """A table of a study.

    Attributes:
        name: The name of its file or folder.
        title: What one row is.
        columns: Its columns.
        key: The columns whose values together no other row has.
    """

    name: str
    title: str
    columns: Sequence[Column]
    key: tuple[str, ...]


TABLES: tuple[Table, ...] = (
    Table("frames", "one row per face of each analysed frame, one for a frame without a face",
          FRAMES, ()),
    Table("people", "one row per person and video", PEOPLE, ("source", "person")),
    Table("events", "one row per episode, a time in which a person shows one expression", EVENTS,
          ("source", "person", "start_s")),
    Table("videos", "one row per video", VIDEOS, ("source",)),
    Table("synchrony", "one row per pair of people in a video, and expression", SYNCHRONY,
          ("source", "person_a", "person_b", "emotion")),
    Table("groups", "one row per group of videos, and expression", GROUPS, ()),
)  # fmt: skip
"""All tables; `frames` is a folder with a file per video, the others are one file each."""


def tables_of(*, units: bool) -> tuple[Table, ...]:
    """Return the tables of a study.

    Args:
        units: Whether it was made with expression units.
    """
    frames, *others = TABLES
    return (dataclasses.replace(frames, columns=frame_columns(units=units)), *others)
