"""The threads that analyse submitted videos; they resume the jobs of a server that was stopped."""

from __future__ import annotations

import collections
import itertools
import json
import logging
import math
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from mien._output import partial_path
from mien.errors import OutputError
from mien.options import SmoothingOptions, VideoOptions
from mien.runs import Run, RunOptions, analyze_to, is_interrupted
from mien.server.errors import INTERNAL_ERROR
from mien.server.jobs_folder import JobsFolder
from mien.server.options import ServerOptions
from mien.server.service import Service
from mien.server.store import Job, JobStore
from mien.structures import FrameResult

__all__ = ["UPLOAD", "JobRunner", "has_units"]

_LOG = logging.getLogger("mien.server")

UPLOAD = "upload.mkv"
"""The name of every uploaded file; FFmpeg detects the format from the content."""

_POLL_INTERVAL_S = 0.5
_RETRY_INTERVAL_S = 5.0
_PROGRESS_INTERVAL_S = 0.5
_STOP_TIMEOUT_S = 5.0


_NOT_SAVED = "the server could not save the results; send the video again later"


def has_units(job: Job) -> bool:
    """Return whether a job asks for expression units; those of earlier versions do not."""
    return bool(job.options.get("units", False))


class _JobError(Exception):
    """A job has failed; the message is for its owner."""


class _Interrupted(Exception):  # noqa: N818 - not an error
    """The job has been removed, or the server is stopping."""


class JobRunner:
    """Runs the jobs of a folder.

    Args:
        service: The networks and limits.

    Attributes:
        store: The list of jobs.

    Raises:
        OutputError: The jobs folder holds other files, or another server uses it.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._jobs = JobsFolder(Path(service.options.jobs))
        self.store = JobStore(self._jobs.path / "jobs.sqlite")
        # A server that is killed during an upload leaves a folder without a job.
        for job_id in self.store.orphaned_folders():
            self.discard(job_id)
        # One that is killed after the end of a job has not deleted its video.
        for job_id in self.store.ended_before(math.inf):
            self._delete_video(job_id)
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._running: set[str] = set()
        self._removed: set[str] = set()
        self._readers: collections.Counter[str] = collections.Counter()
        self._threads = [
            threading.Thread(target=self._work, name=f"mien-job-{number}", daemon=True)
            for number in range(service.options.concurrent_jobs)
        ]
        for thread in self._threads:
            thread.start()

    def folder(self, job_id: str) -> Path:
        """Return the folder of a job's upload and results."""
        return self._jobs.job(job_id)

    def make_folder(self, job_id: str) -> Path:
        """Make the folder of a new job; its id is saved first, so that no folder is ever lost.

        Raises:
            OSError: The folder cannot be written.
        """
        self.store.add_folder(job_id)
        return self._jobs.make(job_id)

    def discard(self, job_id: str) -> None:
        """Delete the folder of an id that has no job."""
        if self._jobs.delete(job_id):
            self.store.remove_folder(job_id)

    def submit(self, job: Job) -> None:
        """Queue a job; its video must be in its folder as `UPLOAD`."""
        self.store.add(job)
        self._wake.set()

    def remove(self, job_id: str) -> None:
        """Stop and remove a job; its folder is deleted when it neither runs nor is read."""
        with self._lock:
            self.store.remove(job_id)
            if job_id in self._running or self._readers[job_id]:
                self._removed.add(job_id)
                return
        self.discard(job_id)

    def hold(self, job_id: str) -> None:
        """Keep a job's folder until `release`, even if the job is removed."""
        with self._lock:
            self._readers[job_id] += 1

    def release(self, job_id: str) -> None:
        """End a `hold`; the folder of a removed job is deleted."""
        with self._lock:
            self._readers[job_id] -= 1
            self._readers += collections.Counter()  # removes those without readers
        self._discard_if_removed(job_id)

    def _discard_if_removed(self, job_id: str) -> None:
        with self._lock:
            if job_id not in self._removed or job_id in self._running or self._readers[job_id]:
                return
            self._removed.discard(job_id)
        self.discard(job_id)

    def rows(self, job_id: str, *, after: int, max_rows: int) -> list[dict[str, Any]]:
        """Return rows of a job, in order, after the first `after` rows; it may be running."""
        results = self.folder(job_id) / "results.jsonl"
        for path in (results, partial_path(results)):
            try:
                # A file that grows may end within a character.
                with path.open("rb") as lines:
                    selected = list(itertools.islice(lines, after, after + max_rows))
            except FileNotFoundError:
                continue
            return [json.loads(line) for line in selected if line.endswith(b"\n")]
        return []

    def close(self) -> None:
        """Stop the threads; the next server continues the running jobs."""
        self._stopping.set()
        self._wake.set()
        until = time.monotonic() + _STOP_TIMEOUT_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            # Nothing was saved since the last result, and the file is closed with the process.
            _LOG.warning("a job does not stop: its decoder is busy; the next server continues it")
        else:
            self.store.close()

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                had_job = self._run_next()
            except Exception:
                # The disk may be full; whatever it is, the next jobs need this thread.
                _LOG.exception("the jobs in %s cannot be run", self._jobs.path)
                had_job = False
            if not had_job:
                self._wake.wait(_POLL_INTERVAL_S)
                self._wake.clear()

    def _run_next(self) -> bool:
        """Run the next job, if there is one; return whether there was."""
        self._remove_old()
        with self._lock:
            job = self.store.claim()
            if job is None:
                return False
            self._running.add(job.id)
        try:
            self._run(job)
        except _Interrupted:
            self.store.set_state(job.id, "queued")  # no effect on a removed job
        except _JobError as error:
            self._end(job, str(error))
        except OutputError:
            # The message names folders of the server.
            _LOG.exception("the results of job %s cannot be saved", job.id)
            self._end(job, _NOT_SAVED)
        except Exception:
            _LOG.exception("job %s failed", job.id)
            self._end(job, INTERNAL_ERROR)
        finally:
            with self._lock:
                self._running.remove(job.id)
            self._discard_if_removed(job.id)
        return True

    def _video(self, job: Job) -> Path:
        return self.folder(job.id) / UPLOAD

    def _run(self, job: Job) -> None:
        if not self._jobs.owns(job.id):
            raise _JobError(
                "the job's folder was removed or replaced on the server; send the video again"
            )
        progress = _Progress(self.store, job, self._service.options)
        video = str(self._video(job))

        def on_result(result: FrameResult) -> None:
            if self._stopping.is_set() or job.id in self._removed:
                raise _Interrupted
            progress.update(result)

        def analyze(*, resume: bool) -> None:
            analyze_to(
                self.folder(job.id),
                [video],
                options=self._run_options(job, names={video: job.name}, resume=resume),
                analyzer=self._service.analyzer_for(units=has_units(job)),
                on_start=progress.start,
                on_result=on_result,
            )

        resume = is_interrupted(self.folder(job.id))
        try:
            analyze(resume=resume)
        except OutputError as error:
            if not resume or progress.has_results:
                raise
            _LOG.warning("job %s starts again: %s", job.id, error)
        if resume and not progress.has_results:
            # What the last server wrote cannot be continued, or all of it is done, and how far that
            # was is not known.
            analyze(resume=False)
        if job.id in self._removed:
            raise _Interrupted
        progress.finish()
        self._end(job, progress.failure)

    def _run_options(self, job: Job, *, names: dict[str, str], resume: bool) -> RunOptions:
        request = job.options
        return RunOptions(
            overwrite=not resume,
            resume=resume,
            video=VideoOptions(
                detect_every=request["detect_every"],
                max_fps=request["max_fps"],
                smoothing=SmoothingOptions(time_constant_s=request["smoothing_s"]),
                min_duration_s=request["min_duration_s"],
            ),
            faces=self._service.options.face_options(
                min_face_px=request["min_face_px"], min_score=request["min_score"]
            ),
            names=names,
        )

    def _end(self, job: Job, error: str | None) -> None:
        while True:
            try:
                self.store.set_state(job.id, "done" if error is None else "failed", error)
                break
            except sqlite3.Error:
                _LOG.exception("the end of job %s cannot be saved; trying again", job.id)
                if self._stopping.wait(_RETRY_INTERVAL_S):
                    return
        self._delete_video(job.id)

    def _delete_video(self, job_id: str) -> None:
        if not self._service.options.keep_videos:
            self._jobs.delete_file(job_id, UPLOAD)

    def _remove_old(self) -> None:
        if self._stopping.is_set():
            return
        for job_id in self.store.expired(self._service.options.retention_s):
            self.remove(job_id)


class _Progress:
    """Saves how far a job has come, and fails a job that exceeds its limits."""

    def __init__(self, store: JobStore, job: Job, options: ServerOptions) -> None:
        self._store, self._job, self._options = store, job, options
        self._started = time.monotonic() - job.worked_s
        self._frames, self._time_s, self._saved_at = 0, 0.0, 0.0
        self.failure: str | None = None
        self.has_results = False

    def start(self, run: Run) -> None:
        """Take over how far the interrupted run has come that this one continues."""
        if run.resumed_after is not None and run.resumed_after.video is not None:
            video = run.resumed_after.video
            self._frames, self._time_s = video.frame + 1, video.timestamp_s

    def update(self, result: FrameResult) -> None:
        """Update the progress with the next result.

        Raises:
            _JobError: The video is too long, or the job took too long.
        """
        self.has_results = True
        self.failure = result.error or self.failure
        if result.error is None:
            self._frames, self._time_s = result.frame + 1, result.timestamp_s or 0.0
        if time.monotonic() - self._saved_at > _PROGRESS_INTERVAL_S:
            self._saved_at = time.monotonic()
            worked_s = self._save(self._time_s)
            if self._time_s > self._options.max_video_s:
                raise _JobError(f"the video is longer than {self._options.max_video_s:g} s")
            if worked_s > self._options.max_job_s:
                raise _JobError(f"the video took longer than {self._options.max_job_s:g} s of work")

    def finish(self) -> None:
        """Save the end of the video."""
        if self._frames:
            # A timestamp is the start of a frame, so the last one is before the end of the video.
            duration_s = self._job.duration_s or self._time_s
            self._save(self._time_s if self.failure is not None else duration_s)

    def _save(self, time_s: float) -> float:
        worked_s = time.monotonic() - self._started
        self._store.set_progress(
            self._job.id, frames=self._frames, time_s=time_s, worked_s=worked_s
        )
        return worked_s
