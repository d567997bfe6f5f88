"""Videos analysed in the background, by threads that go on where a server before them stopped."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import logging
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from mien.errors import MienError
from mien.inference import VideoOptions
from mien.runs import Checkpoint, Journal, ResultFolder
from mien.server.jobs_folder import JobsFolder
from mien.server.service import Service
from mien.server.store import Job, JobStore
from mien.structures import FrameResult
from mien.track import SmoothingOptions

__all__ = ["UPLOAD", "JobRunner"]

_LOG = logging.getLogger("mien.server")

UPLOAD = "upload.mkv"
"""What every upload is called; FFmpeg tells by its content what it is."""

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

    Raises:
        OutputError: The folder is not one of jobs, or another server has it.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._jobs = JobsFolder(service.options.jobs)
        self.store = JobStore(self._jobs.path / "jobs.sqlite")
        for job_id in self.store.strays():  # of a server that was killed while it received a video
            self.discard(job_id)
        self._ending = threading.Event()
        self._news = threading.Event()
        self._lock = threading.Lock()
        self._running: set[str] = set()
        self._removed: set[str] = set()
        self._threads = [
            threading.Thread(target=self._work, name=f"mien-job-{number}", daemon=True)
            for number in range(service.options.concurrent_jobs)
        ]
        for thread in self._threads:
            thread.start()

    def folder(self, job_id: str) -> Path:
        """Return where a job's upload and results are."""
        return self._jobs.job(job_id)

    def make_folder(self, job_id: str) -> Path:
        """Make a new job's folder; it is noted first, so that it is found again whatever happens.

        Raises:
            OSError: It cannot be written.
        """
        self.store.note_folder(job_id)
        return self._jobs.make(job_id)

    def discard(self, job_id: str) -> None:
        """Delete the folder of what is no job, or no longer one."""
        if self._jobs.delete(job_id):
            self.store.forget_folder(job_id)

    def submit(self, job: Job) -> None:
        """Queue a job whose video lies in its folder as `UPLOAD`."""
        self.store.add(job)
        self._news.set()

    def remove(self, job_id: str) -> None:
        """Stop a job and remove everything of it; of one that runs when it has stopped."""
        with self._lock:
            self.store.remove(job_id)
            if job_id in self._running:
                self._removed.add(job_id)
                return
        self.discard(job_id)

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
                _LOG.exception("the jobs in %s cannot be worked on", self._jobs.path)
                worked = False
            if not worked:
                self._news.wait(_IDLE_S)
                self._news.clear()

    def _work_once(self) -> bool:
        """Take the next job, if there is one, and say whether there was."""
        self._remove_old()
        with self._lock:
            job = self.store.claim()
            if job is None:
                return False
            self._running.add(job.id)
        try:
            self._run(job)
        except _Interrupted:
            self.store.end(job.id, "queued")  # which changes nothing if it was removed
        except MienError as error:
            self._end(job, _about(error, self._video(job), job.name))
        except Exception:
            _LOG.exception("job %s failed", job.id)
            self._end(job, "something went wrong here; the server's log has the details")
        finally:
            with self._lock:
                self._running.remove(job.id)
                removed = job.id in self._removed
                self._removed.discard(job.id)
            if removed:
                self.discard(job.id)
        return True

    def _video(self, job: Job) -> Path:
        return self.folder(job.id) / UPLOAD

    def _run(self, job: Job) -> None:
        if not self._jobs.owns(job.id):
            raise MienError(
                "its folder was removed or replaced on the server; send the video again"
            )
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
            self._jobs.delete_file(job.id, UPLOAD)

    def _too_long(self, time_s: float, worked_s: float) -> None:
        options = self._service.options
        if time_s > options.most_video_s:
            raise MienError(f"the video is longer than {options.most_video_s:g} s")
        if worked_s > options.most_job_s:
            raise MienError(f"the video took longer than {options.most_job_s:g} s of work")

    def _remove_old(self) -> None:
        if self._ending.is_set():
            return
        for job_id in self.store.ended_before(time.time() - self._service.options.retention_s):
            self.remove(job_id)


def _renamed(result: FrameResult, name: str) -> FrameResult:
    """Call the video as its owner calls it."""
    faces = tuple(dataclasses.replace(face, source=name) for face in result.faces)
    return dataclasses.replace(result, source=name, faces=faces)


def _about(error: MienError, video: Path, name: str) -> str:
    return str(error).replace(str(video), name)
