"""The list of jobs, in an SQLite file that outlasts the server."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mien.errors import OutputError

__all__ = ["Job", "JobStore"]

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
    """One video that is, was or will be analysed.

    Attributes:
        id: A random name.
        owner: The caller whose job it is.
        name: What the caller called the video.
        options: The request's `max_fps`, `detect_every`, `smoothing_s`, `min_face_px` and
            `min_score`.
        state: `queued`, `running`, `done` or `failed`.
        created: When it was handed in, seconds since 1970.
        ended: When it ended, or None.
        duration_s: The video's length as its file says, or None.
        frames: Frames analysed so far.
        time_s: How far into the video that is.
        worked_s: For how long it has been worked on, by all servers together.
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


class JobStore:
    """Keeps jobs across restarts; may be used from several threads.

    Args:
        path: The file; made if it is missing, in a folder that is there.

    Raises:
        OutputError: Another server uses it, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(
                path, check_same_thread=False, isolation_level=None, timeout=1.0
            )
        except sqlite3.Error as error:
            raise OutputError(
                f"{path}: cannot be opened ({error}). Choose another folder with --jobs"
            ) from error
        self._database.row_factory = sqlite3.Row
        # One server per folder: the first write locks the file for as long as it is open.
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.executescript(_SCHEMA)
            self._database.execute("BEGIN EXCLUSIVE")
            self._database.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise OutputError(
                f"{path}: cannot be used ({error}); another server may have it. Choose another "
                "folder with --jobs"
            ) from error
        # What was running when the last server ended goes on.
        self._database.execute("UPDATE jobs SET state = 'queued' WHERE state = 'running'")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def add(self, job: Job) -> None:
        """Add a job."""
        fields = dataclasses.asdict(job) | {"options": json.dumps(job.options)}
        names = ", ".join(fields)
        marks = ", ".join(f":{name}" for name in fields)
        with self._locked() as database:
            database.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", fields)  # noqa: S608

    def get(self, job_id: str) -> Job | None:
        """Return a job, or None if there is none of that id."""
        with self._locked() as database:
            row = database.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return None if row is None else _job(row)

    def claim(self) -> Job | None:
        """Take the oldest queued job and mark it as running."""
        with self._locked() as database:
            row = database.execute(
                "UPDATE jobs SET state = 'running' WHERE id = (SELECT id FROM jobs "
                "WHERE state = 'queued' ORDER BY created LIMIT 1) RETURNING *"
            ).fetchone()
        return None if row is None else _job(row)

    def progress(self, job_id: str, *, frames: int, time_s: float, worked_s: float) -> None:
        """Note how far a job is, and how long that took."""
        with self._locked() as database:
            database.execute(
                "UPDATE jobs SET frames = ?, time_s = ?, worked_s = ? WHERE id = ?",
                (frames, time_s, worked_s, job_id),
            )

    def end(self, job_id: str, state: str, error: str | None = None) -> None:
        """Note that a job ended, or with `queued` that it waits again."""
        ended = None if state == "queued" else time.time()
        with self._locked() as database:
            database.execute(
                "UPDATE jobs SET state = ?, error = ?, ended = ? WHERE id = ?",
                (state, error, ended, job_id),
            )

    def remove(self, job_id: str) -> None:
        """Forget a job."""
        with self._locked() as database:
            database.execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def note_folder(self, job_id: str) -> None:
        """Note that a folder for a job is about to be made; it stays noted until it is gone."""
        with self._locked() as database:
            database.execute("INSERT INTO folders (id) VALUES (?)", (job_id,))

    def forget_folder(self, job_id: str) -> None:
        """Note that a job's folder is gone."""
        with self._locked() as database:
            database.execute("DELETE FROM folders WHERE id = ?", (job_id,))

    def strays(self) -> list[str]:
        """Return the ids whose folders were noted and that are no jobs."""
        with self._locked() as database:
            rows = database.execute(
                "SELECT id FROM folders WHERE id NOT IN (SELECT id FROM jobs)"
            ).fetchall()
        return [row["id"] for row in rows]

    def counts(self) -> dict[str, int]:
        """Return how many jobs there are in each state."""
        with self._locked() as database:
            rows = database.execute("SELECT state, COUNT(*) FROM jobs GROUP BY state").fetchall()
        return dict(map(tuple, rows))

    def open_of(self, owner: str) -> int:
        """Return how many jobs of an owner wait or run."""
        with self._locked() as database:
            row = database.execute(
                "SELECT COUNT(*) FROM jobs WHERE owner = ? AND state IN ('queued', 'running')",
                (owner,),
            ).fetchone()
        return int(row[0])

    def newest_of(self, owner: str, most: int) -> list[Job]:
        """Return a caller's jobs, the newest first."""
        with self._locked() as database:
            rows = database.execute(
                "SELECT * FROM jobs WHERE owner = ? ORDER BY created DESC LIMIT ?", (owner, most)
            ).fetchall()
        return [_job(row) for row in rows]

    def ended_before(self, moment: float) -> list[str]:
        """Return the ids of the jobs that ended before a moment, seconds since 1970."""
        with self._locked() as database:
            rows = database.execute("SELECT id FROM jobs WHERE ended < ?", (moment,)).fetchall()
        return [row["id"] for row in rows]

    @contextlib.contextmanager
    def _locked(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._database


def _job(row: sqlite3.Row) -> Job:
    return Job(**dict(row) | {"options": json.loads(row["options"])})
