"""The list of jobs, in an SQLite file that later servers continue."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import math
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mien.errors import InputError, OutputError
from mien.options import FaceOptions, SmoothingOptions, VideoOptions

__all__ = ["Job", "JobStore"]

_LOG = logging.getLogger("mien.server")

_GRACE_S = 3600.0

_DAMAGED = "the job's entry on the server is damaged; send the video again"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    options TEXT NOT NULL,
    state TEXT NOT NULL,
    created REAL NOT NULL,
    ended REAL,
    duration_s REAL,
    frames INTEGER NOT NULL DEFAULT 0,
    time_s REAL NOT NULL DEFAULT 0,
    worked_s REAL NOT NULL DEFAULT 0,
    error TEXT
);
CREATE TABLE IF NOT EXISTS folders (
    id TEXT PRIMARY KEY
);
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A video to analyse, and the state of its analysis.

    Attributes:
        id: A random id.
        owner: The caller who submitted it.
        name: The name of the video.
        options: The request's `max_fps`, `detect_every`, `smoothing_s`, `min_duration_s`,
            `min_face_px`, `min_score` and `units`.
        state: `queued`, `running`, `done` or `failed`.
        created: When it was submitted, in seconds since 1970.
        ended: When it ended, in seconds since 1970, or None.
        duration_s: The video's length by its file, or None.
        frames: How many frames have been analysed.
        time_s: The time in the video of the last of these frames.
        worked_s: How long the analysis has run, on all servers together.
        error: Why it failed, or None.
    """

    id: str
    owner: str
    name: str
    options: dict[str, Any]
    state: str
    created: float
    ended: float | None = None
    duration_s: float | None = None
    frames: int = 0
    time_s: float = 0.0
    worked_s: float = 0.0
    error: str | None = None


_STATES = ("queued", "running", "done", "failed")

_KINDS: dict[str, tuple[type, ...]] = {
    "id": (str,),
    "owner": (str,),
    "name": (str,),
    "options": (dict,),
    "state": (str,),
    "created": (float, int),
    "ended": (float, int, type(None)),
    "duration_s": (float, int, type(None)),
    "frames": (int,),
    "time_s": (float, int),
    "worked_s": (float, int),
    "error": (str, type(None)),
}
"""The types that SQLite may return for a job; the file may have been damaged."""


class JobStore:
    """Stores jobs across restarts; threads may share it.

    Args:
        path: The file; it is made if it is missing. Its folder must exist.

    Raises:
        OutputError: Another server uses the file, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._opened_s, self._opened_uptime_s = time.time(), _uptime_s()
        try:
            self._database = sqlite3.connect(
                path, check_same_thread=False, isolation_level=None, timeout=1.0
            )
        except sqlite3.Error as error:
            raise OutputError(
                f"{path}: cannot be opened ({error}). Choose another folder with --jobs"
            ) from error
        self._database.row_factory = sqlite3.Row
        self._database.text_factory = lambda text: text.decode(errors="replace")
        # One server per folder: the first write locks the file for as long as it is open.
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            self._database.execute("PRAGMA journal_mode = WAL")
            found = self._database.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(f"it is damaged: {' '.join(found.split())}")
            self._database.executescript(_SCHEMA)
            self._database.execute("BEGIN EXCLUSIVE")
            # Jobs that ran when the last server ended are continued.
            self._database.execute("UPDATE jobs SET state = 'queued' WHERE state = 'running'")
            # One of no state would neither run nor expire.
            self._database.execute(
                "UPDATE jobs SET state = 'failed', error = ?, ended = ? "
                "WHERE state NOT IN (?, ?, ?, ?)",
                (_DAMAGED, self._opened_s, *_STATES),
            )
            self._database.execute("COMMIT")
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            self._database.close()
            raise OutputError(
                f"{path}: cannot be used ({error}); another server may have it. Choose another "
                "folder with --jobs"
            ) from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def add(self, job: Job) -> None:
        """Add a job."""
        fields = dataclasses.asdict(job) | {"options": json.dumps(job.options)}
        names = ", ".join(fields)
        values = ", ".join(f":{name}" for name in fields)
        with self._locked() as database:
            database.execute(f"INSERT INTO jobs ({names}) VALUES ({values})", fields)  # noqa: S608

    def get(self, job_id: str) -> Job | None:
        """Return the job with an id, or None."""
        with self._locked() as database:
            row = database.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return None if row is None else _job(row)

    def claim(self) -> Job | None:
        """Take the oldest queued job and mark it as running; those with a damaged row fail."""
        while True:
            with self._locked() as database:
                row = database.execute(
                    "UPDATE jobs SET state = 'running' WHERE rowid = (SELECT rowid FROM jobs "
                    "WHERE state = 'queued' ORDER BY created LIMIT 1) RETURNING *, rowid"
                ).fetchone()
                if row is None:
                    return None
                job = _job(row)
                if job.state == "running":
                    return job
                _LOG.error("job %s: its row in the list of jobs is damaged", job.id)
                database.execute(
                    "UPDATE jobs SET state = 'failed', error = ?, ended = ? WHERE rowid = ?",
                    (_DAMAGED, self._now_s(), row["rowid"]),
                )

    def set_progress(self, job_id: str, *, frames: int, time_s: float, worked_s: float) -> None:
        """Save how far a job has come, and how long it has run."""
        with self._locked() as database:
            database.execute(
                "UPDATE jobs SET frames = ?, time_s = ?, worked_s = ? WHERE id = ?",
                (frames, time_s, worked_s, job_id),
            )

    def set_state(self, job_id: str, state: str, error: str | None = None) -> None:
        """Save that a job has ended, `done` or `failed`, or that it waits again, `queued`."""
        ended = None if state == "queued" else self._now_s()
        with self._locked() as database:
            database.execute(
                "UPDATE jobs SET state = ?, error = ?, ended = ? WHERE id = ?",
                (state, error, ended, job_id),
            )

    def remove(self, job_id: str) -> None:
        """Remove a job from the list."""
        with self._locked() as database:
            database.execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def add_folder(self, job_id: str) -> None:
        """Save the id of a job before its folder is made, so that the folder can be found."""
        with self._locked() as database:
            database.execute("INSERT INTO folders (id) VALUES (?)", (job_id,))

    def remove_folder(self, job_id: str) -> None:
        """Remove the id of a job whose folder has been deleted."""
        with self._locked() as database:
            database.execute("DELETE FROM folders WHERE id = ?", (job_id,))

    def orphaned_folders(self) -> list[str]:
        """Return the ids that have a folder but no job."""
        with self._locked() as database:
            rows = database.execute(
                "SELECT id FROM folders WHERE id NOT IN (SELECT id FROM jobs)"
            ).fetchall()
        return [row["id"] for row in rows]

    def count_by_state(self) -> dict[str, int]:
        """Return how many jobs there are in each state."""
        with self._locked() as database:
            rows = database.execute("SELECT state, COUNT(*) FROM jobs GROUP BY state").fetchall()
        return dict(map(tuple, rows))

    def count_open(self, owner: str) -> int:
        """Return how many jobs of an owner wait or run."""
        with self._locked() as database:
            row = database.execute(
                "SELECT COUNT(*) FROM jobs WHERE owner = ? AND state IN ('queued', 'running')",
                (owner,),
            ).fetchone()
        return int(row[0])

    def newest(self, owner: str, *, max_jobs: int) -> list[Job]:
        """Return the newest jobs of an owner, the newest first."""
        with self._locked() as database:
            rows = database.execute(
                "SELECT * FROM jobs WHERE owner = ? ORDER BY created DESC LIMIT ?",
                (owner, max_jobs),
            ).fetchall()
        return [_job(row) for row in rows]

    def expired(self, retention_s: float) -> list[str]:
        """Return the ids of the jobs that ended more than this time ago.

        A clock that is set while the server runs does not matter. When the server starts, the clock
        may be wrong, so jobs of earlier servers stay for another hour, or for `retention_s`.
        """
        now_s = self._now_s()
        in_grace = now_s - self._opened_s < min(retention_s, _GRACE_S)
        since_s = self._opened_s if in_grace else -math.inf
        return self.ended_before(now_s - retention_s, since_s=since_s)

    def ended_before(self, time_s: float, *, since_s: float = -math.inf) -> list[str]:
        """Return the ids of the jobs that ended before a time, in seconds since 1970.

        Args:
            time_s: The time.
            since_s: Jobs that ended before this are left out.
        """
        with self._locked() as database:
            rows = database.execute(
                "SELECT id FROM jobs WHERE ended < ? AND ended >= ?", (time_s, since_s)
            ).fetchall()
        return [row["id"] for row in rows]

    def _now_s(self) -> float:
        """Return the time since 1970 by the clock when the file was opened."""
        return self._opened_s + _uptime_s() - self._opened_uptime_s

    @contextlib.contextmanager
    def _locked(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._database


def _job(row: sqlite3.Row) -> Job:
    """Return a row as a job; a damaged one has failed."""
    values = {name: row[name] for name in Job.__annotations__}
    try:
        values["options"] = json.loads(row["options"])
    except (TypeError, ValueError, RecursionError):
        values["options"] = None
    damaged = [name for name in _KINDS if not _is_sound(name, values[name])]
    if not damaged:
        return Job(**values)
    defaults = {each.name: each.default for each in dataclasses.fields(Job)}
    for name in damaged:
        default = defaults[name]
        values[name] = _KINDS[name][0]() if default is dataclasses.MISSING else default
    return Job(**values | {"state": "failed", "error": _DAMAGED})


def _is_sound(name: str, value: Any) -> bool:
    """Return whether a job can have a value in a field."""
    if not isinstance(value, _KINDS[name]):
        return False
    if name == "state":
        return value in _STATES
    if name == "options":
        return _are_options(value)
    return not isinstance(value, float) or math.isfinite(value)


def _are_options(found: Any) -> bool:
    """Return whether these are the options of a request, all of them and in their ranges."""
    names = ("max_fps", "detect_every", "smoothing_s", "min_duration_s", "min_face_px", "min_score")
    # Jobs of earlier versions say nothing of units.
    if found.keys() - {"units"} != set(names) or not isinstance(found.get("units", False), bool):
        return False
    smallest_px = found["min_face_px"]
    try:
        VideoOptions(
            detect_every=found["detect_every"],
            max_fps=found["max_fps"],
            smoothing=SmoothingOptions(time_constant_s=found["smoothing_s"]),
            min_duration_s=found["min_duration_s"],
        )
        FaceOptions(
            min_face_px=1 if smallest_px is None else smallest_px, min_score=found["min_score"]
        )
    except InputError:
        return False
    return True


def _uptime_s() -> float:
    # Unlike the monotonic clock, this one goes on while the machine sleeps; Linux alone has it.
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
