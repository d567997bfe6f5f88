"""`POST /v1/videos` and `/v1/jobs`: videos that take longer than a request."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from mien.columns import row_schema
from mien.errors import MissingExtraError
from mien.media import open_writer
from mien.options import VideoOptions
from mien.server.images import MinFacePx, MinScore
from mien.server.jobs_folder import MARKER, new_job_id
from mien.server.limits import Gate
from mien.server.problems import Problem, documented
from mien.server.runner import JobRunner
from mien.server.service import Service
from mien.server.store import Job
from mien.server.videos import FORM_FIELD, MAX_NAME, receive_video

__all__ = ["Jobs", "jobs_router"]

_MAX_ROWS = 1000
_MAX_JOBS = 1000
_VIDEO_DEFAULTS = VideoOptions()
_WRITING = threading.Lock()
"""Held while rows are written in another format: two callers would write into one file."""

_ROWS_AT_ONCE = 5000
_TYPES = {
    "jsonl": "application/jsonl",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
_VIDEO = {"type": "string", "format": "binary", "minLength": 1}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "The video as it is, MP4, MOV, MKV, WebM, AVI, OGG, MPEG-TS or FLV, "
        f"or as `{FORM_FIELD}` of a form.",
        "content": {
            "video/*": {"schema": _VIDEO},
            "application/octet-stream": {"schema": _VIDEO},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FORM_FIELD],
                    "properties": {FORM_FIELD: _VIDEO},
                }
            },
        },
    }
}
_JOB_EXAMPLE = {
    "id": "Qm0bq1VqfY0dE3pA2c4x1w",
    "name": "party.mp4",
    "state": "running",
    "created": 1790000000.0,
    "ended": None,
    "frames": 240,
    "time_s": 9.6,
    "duration_s": 61.2,
    "share": 0.16,
    "error": None,
    "rows": [],
}
_JOB_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["id", "name", "state", "frames", "share", "rows"],
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "state": {"enum": ["queued", "running", "done", "failed"]},
        "rows": {
            "type": "array",
            "items": {"anyOf": [row_schema("face"), row_schema("error")]},
        },
    },
}
_JOB: dict[str, Any] = {
    "description": "The job.",
    "content": {"application/json": {"schema": _JOB_SCHEMA, "example": _JOB_EXAMPLE}},
}
_JOBS: dict[str, Any] = {
    "description": "The jobs, without their rows.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["jobs"],
                "properties": {"jobs": {"type": "array", "items": _JOB_SCHEMA}},
            },
            "example": {"jobs": [_JOB_EXAMPLE]},
        }
    },
}


class Jobs:
    """Starts the runner with the first job, or at once if an earlier server left some.

    Args:
        service: The networks and limits.

    Raises:
        OutputError: The place for jobs is no folder of jobs, or another server has it.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._coming: collections.Counter[str] = collections.Counter()
        self._runner: JobRunner | None = None
        place = service.options.jobs
        if MARKER.check(place) and (place / "jobs.sqlite").exists():
            self._runner = JobRunner(service)

    @property
    def started(self) -> JobRunner | None:
        """The runner, if there ever was a job."""
        return self._runner

    def runner(self) -> JobRunner:
        """Return the runner."""
        with self._lock:
            if self._runner is None:
                self._runner = JobRunner(self._service)
            return self._runner

    @contextlib.contextmanager
    def place(self, owner: str) -> Iterator[JobRunner]:
        """Give a caller a place for one more job; a video counts from the begin of its upload.

        Raises:
            Problem: 503 if all places are taken, 429 if this caller has its share.
        """
        options, runner = self._service.options, self.runner()
        counts = runner.store.counts()
        waiting = counts.get("queued", 0) + counts.get("running", 0)
        if waiting + self._coming.total() >= options.max_jobs:
            raise Problem(503, "too many jobs wait", headers={"Retry-After": "60"})
        if runner.store.open_of(owner) + self._coming[owner] >= options.max_jobs_each:
            said = f"{options.max_jobs_each} jobs of yours wait or run; wait for one"
            raise Problem(429, said, headers={"Retry-After": "60"})
        self._coming[owner] += 1
        try:
            yield runner
        finally:
            self._coming[owner] -= 1
            self._coming += collections.Counter()  # forgets who has none

    def close(self) -> None:
        """Stop the runner."""
        if self._runner is not None:
            self._runner.close()


def jobs_router(service: Service, gate: Gate, jobs: Jobs) -> APIRouter:
    """Make the endpoints for videos."""
    router = APIRouter()

    @router.post(
        "/v1/videos",
        status_code=202,
        summary="Hand in a video; the answer is a job",
        responses={202: _JOB, **documented(400, 401, 403, 408, 413, 415, 422, 429, 500, 503)},
        openapi_extra=_BODY,
    )
    async def hand_in(
        request: Request,
        name: Annotated[
            str | None, Query(max_length=MAX_NAME, description="What to call it.")
        ] = None,
        max_fps: Annotated[float | None, Query(gt=0, le=240)] = _VIDEO_DEFAULTS.max_fps,
        detect_every: Annotated[int | None, Query(ge=1, le=1000)] = _VIDEO_DEFAULTS.detect_every,
        smoothing_s: Annotated[
            float, Query(ge=0, le=60, description="0 turns smoothing off.")
        ] = _VIDEO_DEFAULTS.smoothing.time_constant_s,
        min_face_px: MinFacePx = None,
        min_score: MinScore = None,
    ) -> dict[str, Any]:
        owner = gate.caller(request)
        options = {
            "max_fps": max_fps,
            "detect_every": detect_every,
            "smoothing_s": smoothing_s,
            "min_face_px": min_face_px,
            "min_score": min_score,
        }
        job_id = new_job_id()
        with jobs.place(owner) as runner:
            try:
                folder = await asyncio.to_thread(runner.make_folder, job_id)
                called, duration_s = await receive_video(request, folder, service.options, name)
                job = Job(
                    id=job_id,
                    owner=owner,
                    name=called,
                    options=options,
                    state="queued",
                    created=time.time(),
                    duration_s=duration_s,
                )
                runner.submit(job)
            except BaseException:
                runner.discard(job_id)
                raise
        return _shown(job, [])

    @router.get(
        "/v1/jobs",
        summary="The caller's own jobs, newest first",
        responses={200: _JOBS, **documented(400, 401, 403, 422, 429, 500)},
    )
    async def own(
        request: Request, most: Annotated[int, Query(ge=1, le=_MAX_JOBS)] = 100
    ) -> dict[str, Any]:
        owner, runner = gate.caller(request), jobs.started
        found = [] if runner is None else runner.store.newest_of(owner, most)
        return {"jobs": [_shown(job, []) for job in found]}

    @router.get(
        "/v1/jobs/{job_id}",
        summary="How far a job is, and rows that are there already",
        responses={200: _JOB, **documented(400, 401, 403, 404, 422, 429, 500)},
    )
    async def look(
        request: Request,
        job_id: str,
        after: Annotated[int, Query(ge=0, le=2**31, description="Rows to pass over.")] = 0,
        rows: Annotated[int, Query(ge=0, le=_MAX_ROWS)] = 0,
    ) -> dict[str, Any]:
        runner, job = _owned(gate.caller(request), jobs, job_id)
        found = await asyncio.to_thread(runner.rows, job_id, after=after, most=rows)
        return _shown(job, found)

    @router.get(
        "/v1/jobs/{job_id}/result",
        summary="The rows of a job that is done",
        responses={
            200: {
                "description": "The rows.",
                "content": {kind: {"schema": {"type": "string"}} for kind in _TYPES.values()},
            },
            **documented(400, 401, 403, 404, 409, 422, 429, 500, 501),
        },
        response_class=FileResponse,
    )
    async def result(
        request: Request,
        job_id: str,
        format: Literal["jsonl", "csv", "parquet"] = "jsonl",
    ) -> FileResponse:
        runner, job = _owned(gate.caller(request), jobs, job_id)
        if job.state != "done":
            raise Problem(409, f"the job is {job.state}; its rows are whole when it is done")
        path = await asyncio.to_thread(_written, runner.folder(job_id), format)
        return FileResponse(path, media_type=_TYPES[format], filename=f"{job_id}.{format}")

    @router.delete(
        "/v1/jobs/{job_id}",
        status_code=204,
        summary="Stop a job and remove everything of it",
        responses=documented(400, 401, 403, 404, 422, 429, 500),
    )
    async def remove(request: Request, job_id: str) -> Response:
        runner, _ = _owned(gate.caller(request), jobs, job_id)
        await asyncio.to_thread(runner.remove, job_id)
        return Response(status_code=204)

    return router


def _owned(caller: str, jobs: Jobs, job_id: str) -> tuple[JobRunner, Job]:
    """Return a caller's job; another one's does not exist for them."""
    runner = jobs.started
    job = runner.store.get(job_id) if runner is not None else None
    if runner is None or job is None or job.owner != caller:
        raise Problem(404, "no such job")
    return runner, job


def _shown(job: Job, rows: list[dict[str, Any]]) -> dict[str, Any]:
    share = 1.0 if job.state == "done" else 0.0
    if job.state != "done" and job.duration_s:
        share = min(1.0, job.time_s / job.duration_s)
    shown = {
        name: getattr(job, name)
        for name in ("id", "name", "state", "created", "ended", "frames", "time_s", "duration_s")
    }
    return shown | {"share": share, "error": job.error, "rows": rows}


def _written(folder: Path, kind: str) -> Path:
    """Return a job's rows in a format, written when they are first asked for."""
    path = folder / f"results.{kind}"
    with _WRITING:
        if path.exists():
            return path
        try:
            with (
                (folder / "results.jsonl").open(encoding="utf-8") as lines,
                open_writer(path) as out,
            ):
                block: list[dict[str, Any]] = []
                for line in lines:
                    block.append(json.loads(line))
                    if len(block) == _ROWS_AT_ONCE:
                        out.write_rows(block)
                        block = []
                out.write_rows(block)
        except MissingExtraError as error:
            raise Problem(501, str(error)) from error
    return path
