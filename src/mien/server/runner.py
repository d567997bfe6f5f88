"""Videos analysed in the background, by threads that go on where a server before them stopped."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import logging
import re
import secrets
import shutil
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from mien.errors import MienError
from mien.inference import Checkpoint
from mien.options import SmoothingOptions, VideoOptions
from mien.runs import Journal, ResultFolder
from mien.server.service import Service
from mien.server.store import Job, JobStore
from mien.structures import FrameResult

__all__ = ["UPLOAD", "JobRunner", "new_job_id"]

_LOG = logging.getLogger("mien.server")

UPLOAD = "upload.mkv"
"""What every upload is called; FFmpeg tells by its content what it is."""

_JOB_ID = re.compile(r"[\w-]{22}", re.ASCII)
"""What a job's folder is called."""

_IDLE_S = 0.5
_AGAIN_S = 5.0
_NOTED_EVERY_S = 0.5


class _Interrupted(Exception):  # noqa: N818 - no error
    """The job was removed, or the server ends."""


class JobRunner:
    """Runs the jobs of a folder.

    Args:
        service: The networks and limits.

    Attributes:
        store: The list of jobs.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._folder = service.options.jobs
        self.store = JobStore(self._folder / "jobs.sqlite")
        self._remove_strays()
        self._ending = threading.Event()
        self._news = threading.Event()
        self._removed: set[str] = set()
        self._threads = [
            threading.Thread(target=self._work, name=f"mien-job-{number}", daemon=True)
            for number in range(service.options.concurrent_jobs)
        ]
        for thread in self._threads:
            thread.start()

    def folder(self, job_id: str) -> Path:
        """Return where a job's upload and results are."""
        return self._folder / job_id

    def submit(self, job: Job) -> None:
        """Queue a job whose video lies in its folder as `UPLOAD`."""
        self.store.add(job)
        self._news.set()

    def remove(self, job_id: str) -> None:
        """Stop a job and remove everything of it."""
        self._removed.add(job_id)
        self.store.remove(job_id)
        shutil.rmtree(self.folder(job_id), ignore_errors=True)

    def rows(self, job_id: str, *, after: int, most: int) -> list[dict[str, Any]]:
        """Return rows that are there so far, in their order."""
        for name in ("results.jsonl", "results.jsonl.partial"):
            try:
                with (self.folder(job_id) / name).open(encoding="utf-8") as lines:
                    chosen = list(itertools.islice(lines, after, after + most))
            except FileNotFoundError:
                continue
            return [json.loads(line) for line in chosen if line.endswith("\n")]
        return []

    def close(self) -> None:
        """Stop running; what was running goes on with the next server."""
        self._ending.set()
        self._news.set()
        for thread in self._threads:
            thread.join()
        self.store.close()

    def _work(self) -> None:
        while not self._ending.is_set():
            try:
                worked = self._work_once()
            except (sqlite3.Error, OSError):
                # A full disk, most likely; it may have room again later.
                _LOG.exception("the jobs in %s cannot be worked on", self._folder)
                worked = False
            if not worked:
                self._news.wait(_IDLE_S)
                self._news.clear()

    def _work_once(self) -> bool:
        """Take the next job, if there is one, and say whether there was."""
        self._remove_old()
        job = self.store.claim()
        if job is None:
            return False
        try:
            self._run(job)
        except _Interrupted:
            if job.id in self._removed:
                shutil.rmtree(self.folder(job.id), ignore_errors=True)
            else:
                self.store.end(job.id, "queued")
        except MienError as error:
            self._end(job, _about(error, self._video(job), job.name))
        except Exception:
            _LOG.exception("job %s failed", job.id)
            self._end(job, "something went wrong here; the server's log has the details")
        return True

    def _video(self, job: Job) -> Path:
        return self.folder(job.id) / UPLOAD

    def _run(self, job: Job) -> None:
        video, wanted = self._video(job), job.options
        smoothing = SmoothingOptions(time_constant_s=wanted["smooth"])
        options = VideoOptions(every=wanted["every"], per_second=wanted["fps"], smoothing=smoothing)
        analyzer = self._service.sized(wanted["min_face"])
        networks = (analyzer.model.path, self._service.faces.path)
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in networks]
        journal = Journal(self.folder(job.id), {"options": wanted, "networks": digests})
        failed = None
        frames, time_s, noted = 0, 0.0, 0.0
        began = time.monotonic() - job.worked_s
        # A server that ended before the first note left rows that nobody vouches for.
        anew = not journal.path.exists()
        with ResultFolder(
            self.folder(job.id), journal=journal, overwrite=anew, resume=not anew
        ) as results:
            position = Checkpoint()
            if results.position is not None:
                position = Checkpoint.from_document(results.position, options)
            for result in analyzer.analyze_each([str(video)], options=options, position=position):
                if self._ending.is_set() or job.id in self._removed:
                    raise _Interrupted
                failed = result.error or failed
                results.write(_renamed(result, job.name))
                if position.complete:
                    results.keep(position.to_document)
                if result.error is None:
                    frames, time_s = result.frame + 1, result.timestamp_s or 0.0
                if time.monotonic() - noted > _NOTED_EVERY_S:
                    noted = time.monotonic()
                    worked_s = noted - began
                    self.store.progress(job.id, frames=frames, time_s=time_s, worked_s=worked_s)
                    self._too_long(time_s, worked_s)
        if job.id in self._removed:
            raise _Interrupted
        if frames:
            # Times are those of frames' beginnings: of a whole video the last one is not its end.
            last_s = time_s if failed is not None else job.duration_s or time_s
            worked_s = time.monotonic() - began
            self.store.progress(job.id, frames=frames, time_s=last_s, worked_s=worked_s)
        self._end(job, failed)

    def _end(self, job: Job, error: str | None) -> None:
        while True:
            try:
                self.store.end(job.id, "done" if error is None else "failed", error)
                break
            except sqlite3.Error:
                _LOG.exception("job %s ended, which cannot be noted; trying again", job.id)
                if self._ending.wait(_AGAIN_S):
                    return
        if not self._service.options.keep:
            self._video(job).unlink(missing_ok=True)

    def _too_long(self, time_s: float, worked_s: float) -> None:
        options = self._service.options
        if time_s > options.most_video_s:
            raise MienError(f"the video is longer than {options.most_video_s:g} s")
        if worked_s > options.most_job_s:
            raise MienError(f"the video took longer than {options.most_job_s:g} s of work")

    def _remove_strays(self) -> None:
        """Remove what a server left that was killed while it received a video."""
        for folder in self._folder.iterdir():
            ours = folder.is_dir() and _JOB_ID.fullmatch(folder.name)
            if ours and self.store.get(folder.name) is None:
                shutil.rmtree(folder, ignore_errors=True)

    def _remove_old(self) -> None:
        if self._ending.is_set():
            return
        for job_id in self.store.ended_before(time.time() - self._service.options.retention_s):
            self.remove(job_id)


def new_job_id() -> str:
    """Return a random name that nobody can guess; `_JOB_ID` matches it."""
    return secrets.token_urlsafe(16)


def _renamed(result: FrameResult, name: str) -> FrameResult:
    """Call the video as its owner calls it."""
    faces = tuple(dataclasses.replace(face, source=name) for face in result.faces)
    return dataclasses.replace(result, source=name, faces=faces)


def _about(error: MienError, video: Path, name: str) -> str:
    return str(error).replace(str(video), name)
