"""The queue of jobs: how many there may be, and the runner that starts with the first one."""

from __future__ import annotations

import collections
import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

from mien.errors import OutputError
from mien.server.errors import ApiError
from mien.server.jobs_folder import MARKER
from mien.server.runner import JobRunner
from mien.server.service import Service

__all__ = ["JobQueue"]

_LOG = logging.getLogger("mien.server")


class JobQueue:
    """Limits the jobs, and starts the runner with the first job.

    If an earlier server left jobs, the runner starts at once.

    Args:
        service: The networks and limits.

    Raises:
        OutputError: The jobs folder holds other files, or another server uses it.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._uploads: collections.Counter[str] = collections.Counter()
        self._runner: JobRunner | None = None
        folder = Path(service.options.jobs)
        if MARKER.check(folder) and (folder / "jobs.sqlite").exists():
            self._runner = JobRunner(service)

    @property
    def runner(self) -> JobRunner | None:
        """The runner; None before the first job."""
        return self._runner

    def _start(self) -> JobRunner:
        with self._lock:
            if self._runner is None:
                try:
                    self._runner = JobRunner(self._service)
                except OutputError as error:
                    _LOG.error("no video can be taken: %s", error)
                    raise ApiError(
                        503,
                        "the server cannot use its folder of jobs; its log says why",
                        headers={"Retry-After": "60"},
                    ) from error
            return self._runner

    @contextlib.contextmanager
    def upload(self, owner: str) -> Iterator[JobRunner]:
        """Count an upload of an owner as a job until the block ends.

        Yields:
            The runner that takes the job.

        Raises:
            ApiError: 503 if the server has too many jobs or cannot use their folder, 429 if the
                owner has too many.
        """
        options, runner = self._service.options, self._start()
        counts = runner.store.count_by_state()
        open_jobs = counts.get("queued", 0) + counts.get("running", 0)
        if open_jobs + self._uploads.total() >= options.max_jobs:
            message = "the server has too many jobs; try again later"
            raise ApiError(503, message, headers={"Retry-After": "60"})
        if runner.store.count_open(owner) + self._uploads[owner] >= options.max_jobs_per_caller:
            message = (
                f"{options.max_jobs_per_caller} of your jobs wait or run; wait until one has ended"
            )
            raise ApiError(429, message, headers={"Retry-After": "60"})
        self._uploads[owner] += 1
        try:
            yield runner
        finally:
            self._uploads[owner] -= 1
            self._uploads += collections.Counter()  # removes owners without uploads

    def close(self) -> None:
        """Stop the runner."""
        if self._runner is not None:
            self._runner.close()
