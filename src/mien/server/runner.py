"""Videos analysed in the background, by threads that go on where a server before them stopped."""

from __future__ import annotations

import itertools
import json
import logging
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from mien._output import partial_path
from mien.errors import MienError
from mien.options import SmoothingOptions, VideoOptions
from mien.runs import RunOptions, analyze_to, is_interrupted
from mien.server.jobs_folder import JobsFolder
from mien.server.options import ServerOptions
from mien.server.service import Service
from mien.server.store import Job, JobStore
from mien.structures import FrameResult

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
        results = self.folder(job_id) / "results.jsonl"
        for path in (results, partial_path(results)):
            try:
                with path.open(encoding="utf-8") as lines:
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
        progress = _Progress(self.store, job, self._service.options)
        video = str(self._video(job))

        def on_result(result: FrameResult) -> None:
            if self._ending.is_set() or job.id in self._removed:
                raise _Interrupted
            progress.note(result)

        analyze_to(
            self.folder(job.id),
            [video],
            options=self._run_options(job, names={video: job.name}),
            analyzer=self._service.analyzer,
            on_result=on_result,
        )
        if job.id in self._removed:
            raise _Interrupted
        progress.finish()
        self._end(job, progress.failure)

    def _run_options(self, job: Job, *, names: dict[str, str]) -> RunOptions:
        wanted = job.options
        # Results without a journal are of a server that ended before its first checkpoint.
        resume = is_interrupted(self.folder(job.id))
        return RunOptions(
            overwrite=not resume,
            resume=resume,
            video=VideoOptions(
                detect_every=wanted["detect_every"],
                max_fps=wanted["max_fps"],
                smoothing=SmoothingOptions(time_constant_s=wanted["smoothing_s"]),
            ),
            faces=self._service.options.face_options(
                min_face_px=wanted["min_face_px"], min_score=wanted["min_score"]
            ),
            names=names,
        )

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

    def _remove_old(self) -> None:
        if self._ending.is_set():
            return
        for job_id in self.store.ended_before(time.time() - self._service.options.retention_s):
            self.remove(job_id)


class _Progress:
    """Notes how far a job has come, and ends one that takes too long."""

    def __init__(self, store: JobStore, job: Job, options: ServerOptions) -> None:
        self._store, self._job, self._options = store, job, options
        self._started = time.monotonic() - job.worked_s
        self._frames, self._time_s, self._noted = 0, 0.0, 0.0
        self.failure: str | None = None

    def note(self, result: FrameResult) -> None:
        """Take the next result into account.

        Raises:
            MienError: The video is too long, or the job took too long.
        """
        self.failure = result.error or self.failure
        if result.error is None:
            self._frames, self._time_s = result.frame + 1, result.timestamp_s or 0.0
        if time.monotonic() - self._noted > _NOTED_EVERY_S:
            self._noted = time.monotonic()
            worked_s = self._keep(self._time_s)
            if self._time_s > self._options.max_video_s:
                raise MienError(f"the video is longer than {self._options.max_video_s:g} s")
            if worked_s > self._options.max_job_s:
                raise MienError(f"the video took longer than {self._options.max_job_s:g} s of work")

    def finish(self) -> None:
        """Note the end of the video."""
        if self._frames:
            # Times are those of frames' starts: in a whole video the last one is not its end.
            whole_s = self._job.duration_s or self._time_s
            self._keep(self._time_s if self.failure is not None else whole_s)

    def _keep(self, time_s: float) -> float:
        worked_s = time.monotonic() - self._started
        self._store.progress(self._job.id, frames=self._frames, time_s=time_s, worked_s=worked_s)
        return worked_s


def _about(error: MienError, video: Path, name: str) -> str:
    return str(error).replace(str(video), name)
