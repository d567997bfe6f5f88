"""`POST /v1/videos` and `/v1/jobs`: videos are analysed as jobs, in the background."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

from mien.columns import row_schema
from mien.options import MAX_MIN_DURATION_S, VideoOptions
from mien.server.errors import ApiError, error_responses
from mien.server.images import MinFacePx, MinScore, Units
from mien.server.job_queue import JobQueue
from mien.server.jobs_folder import new_job_id
from mien.server.limits import AccessControl
from mien.server.results import ResultFiles
from mien.server.runner import JobRunner, has_units
from mien.server.service import Service
from mien.server.store import Job
from mien.server.videos import FORM_FIELDS, MAX_NAME, receive_video

__all__ = ["jobs_router"]

_LOG = logging.getLogger("mien.server")

_MAX_ROWS = 1000
_MAX_JOBS = 1000
_VIDEO_DEFAULTS = VideoOptions()

JobId = Annotated[
    str, PathParameter(description="The job's `id`, from the answer to `POST /v1/videos`.")
]

_MEDIA_TYPES = {
    "jsonl": "application/jsonl",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
_VIDEO = {"type": "string", "format": "binary", "minLength": 1}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "The video file (MP4, MOV, MKV, WebM, AVI, OGG, MPEG-TS or FLV), "
        f"or the same as `{FORM_FIELDS[0]}` of a form.",
        "content": {
            "video/*": {"schema": _VIDEO},
            "application/octet-stream": {"schema": _VIDEO},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FORM_FIELDS[0]],
                    "properties": {FORM_FIELDS[0]: _VIDEO},
                    "additionalProperties": False,
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


def jobs_router(service: Service, access: AccessControl, queue: JobQueue) -> APIRouter:
    """Make the endpoints for videos and jobs."""
    router, results = APIRouter(), ResultFiles()

    @router.post(
        "/v1/videos",
        status_code=202,
        summary="Submit a video; the answer is a job",
        responses={202: _JOB, **error_responses(400, 401, 403, 408, 413, 415, 422, 429, 500, 503)},
        openapi_extra=_BODY,
    )
    async def submit_video(
        request: Request,
        name: Annotated[
            str | None, Query(max_length=MAX_NAME, description="The name of the video.")
        ] = None,
        max_fps: Annotated[
            float | None,
            Query(gt=0, le=240, description="Analyse at most so many frames of a second."),
        ] = _VIDEO_DEFAULTS.max_fps,
        detect_every: Annotated[
            int | None,
            Query(
                ge=1,
                le=1000,
                description="Frames from one detection to the next; by default about eight a "
                "second.",
            ),
        ] = _VIDEO_DEFAULTS.detect_every,
        smoothing_s: Annotated[
            float,
            Query(
                ge=0,
                le=60,
                description="The seconds in which a sudden change has come through to 63 %; 0 "
                "turns smoothing off.",
            ),
        ] = _VIDEO_DEFAULTS.smoothing.time_constant_s,
        min_duration_s: Annotated[
            float | None,
            Query(
                ge=0,
                le=MAX_MIN_DURATION_S,
                description="Leave out people who are seen for less; 0 keeps every track.",
            ),
        ] = _VIDEO_DEFAULTS.min_duration_s,
        min_face_px: MinFacePx = None,
        min_score: MinScore = None,
        units: Units = False,
    ) -> dict[str, Any]:
        owner = access.authorize(request)
        options = {
            "max_fps": max_fps,
            "detect_every": detect_every,
            "smoothing_s": smoothing_s,
            "min_duration_s": min_duration_s,
            "min_face_px": min_face_px,
            "min_score": min_score,
            "units": units,
        }
        job_id = new_job_id()
        with queue.upload(owner) as runner:
            try:
                folder = await asyncio.to_thread(runner.make_folder, job_id)
                video_name, duration_s = await receive_video(
                    request, folder, service.options, decoder=service.decoder, name=name
                )
                job = Job(
                    id=job_id,
                    owner=owner,
                    name=video_name,
                    options=options,
                    state="queued",
                    created=time.time(),
                    duration_s=duration_s,
                )
                runner.submit(job)
            except OSError as error:
                runner.discard(job_id)
                _LOG.error("a video cannot be saved: %s", error)
                raise ApiError(
                    503,
                    f"the server cannot save the video: {error.strerror}; try again later",
                    headers={"Retry-After": "60"},
                ) from error
            except BaseException:
                runner.discard(job_id)
                raise
        return _document(job, [])

    @router.get(
        "/v1/jobs",
        summary="The caller's jobs, newest first",
        responses={200: _JOBS, **error_responses(400, 401, 403, 422, 429, 500, 503)},
    )
    async def list_jobs(
        request: Request,
        max_jobs: Annotated[
            int, Query(alias="most", ge=1, le=_MAX_JOBS, description="Limit of the jobs.")
        ] = 100,
    ) -> dict[str, Any]:
        owner, runner = access.authorize(request), queue.runner
        jobs = [] if runner is None else runner.store.newest(owner, max_jobs=max_jobs)
        return {"jobs": [_document(job, []) for job in jobs]}

    @router.get(
        "/v1/jobs/{job_id}",
        summary="The state of a job, and the rows so far",
        responses={200: _JOB, **error_responses(400, 401, 403, 404, 422, 429, 500, 503)},
    )
    async def get_job(
        request: Request,
        job_id: JobId,
        after: Annotated[int, Query(ge=0, le=2**31, description="Rows to skip.")] = 0,
        max_rows: Annotated[
            int, Query(alias="rows", ge=0, le=_MAX_ROWS, description="Limit of the rows.")
        ] = 0,
    ) -> dict[str, Any]:
        runner, job = _owned_job(access.authorize(request), queue, job_id)
        try:
            rows = await asyncio.to_thread(runner.rows, job_id, after=after, max_rows=max_rows)
        except ValueError as error:
            message = "the results were damaged on the server; send the video again"
            raise ApiError(404, message) from error
        return _document(job, rows)

    @router.get(
        "/v1/jobs/{job_id}/result",
        summary="The results of a job that is done",
        responses={
            200: {
                "description": "The rows.",
                "content": {kind: {"schema": {"type": "string"}} for kind in _MEDIA_TYPES.values()},
            },
            **error_responses(400, 401, 403, 404, 409, 422, 429, 500, 501, 503),
        },
        response_class=FileResponse,
    )
    async def get_result(
        request: Request,
        job_id: JobId,
        format: Annotated[
            Literal["jsonl", "csv", "parquet"], Query(description="The format of the rows.")
        ] = "jsonl",
    ) -> FileResponse:
        runner, job = _owned_job(access.authorize(request), queue, job_id)
        if job.state != "done":
            raise ApiError(409, f"the job is {job.state}; its results are complete when it is done")
        runner.hold(job_id)
        try:
            folder = runner.folder(job_id)
            path, status = await results.get(folder, format, units=has_units(job))
        except BaseException:
            runner.release(job_id)
            raise
        return _HeldFileResponse(
            path,
            stat_result=status,
            media_type=_MEDIA_TYPES[format],
            filename=f"{job_id}.{format}",
            release=lambda: runner.release(job_id),
        )

    @router.delete(
        "/v1/jobs/{job_id}",
        status_code=204,
        summary="Stop a job and delete its video and results",
        responses=error_responses(400, 401, 403, 404, 422, 429, 500, 503),
    )
    async def delete_job(request: Request, job_id: JobId) -> Response:
        runner, _ = _owned_job(access.authorize(request), queue, job_id)
        await asyncio.to_thread(runner.remove, job_id)
        return Response(status_code=204)

    return router


def _owned_job(caller: str, queue: JobQueue, job_id: str) -> tuple[JobRunner, Job]:
    """Return a job of the caller; the jobs of others are answered like missing ones."""
    runner = queue.runner
    job = runner.store.get(job_id) if runner is not None else None
    if runner is None or job is None or job.owner != caller:
        raise ApiError(404, "you have no job with this id")
    return runner, job


def _document(job: Job, rows: list[dict[str, Any]]) -> dict[str, Any]:
    share = 1.0 if job.state == "done" else 0.0
    if job.state != "done" and job.duration_s:
        share = min(1.0, job.time_s / job.duration_s)
    document = {
        name: getattr(job, name)
        for name in ("id", "name", "state", "created", "ended", "frames", "time_s", "duration_s")
    }
    return document | {"share": share, "error": job.error, "rows": rows}


class _HeldFileResponse(FileResponse):
    """Answers with a file that must not be deleted before the answer has been sent."""

    def __init__(self, path: Path, *, release: Callable[[], None], **options: Any) -> None:
        super().__init__(path, **options)
        self._release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.to_thread(self._release)
