"""The application: the API, the web page, and the middleware of both."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.middleware.cors import CORSMiddleware

from mien.detect import FileDetector, OnnxDetector
from mien.errors import OptionsError
from mien.inference import Analyzer, EmotionModel
from mien.server.bodies import BodiesMiddleware
from mien.server.errors import error_responses, install_handlers
from mien.server.images import images_router
from mien.server.job_queue import JobQueue
from mien.server.jobs import jobs_router
from mien.server.limits import AccessControl
from mien.server.metrics import MetricsMiddleware
from mien.server.options import ServerOptions
from mien.server.page import HeadersMiddleware, mount_page
from mien.server.reference import mount_reference
from mien.server.requests import SlashMiddleware, check_query
from mien.server.service import Service
from mien.server.stream import stream_router
from mien.webpage import BUILT_PAGE, page_contract, page_files

__all__ = ["create_app"]

_DESCRIPTION = """Finds faces and says which of six expressions each one shows: happy, neutral, sad,
angry, fear, surprise. An expression is not a feeling, and the answer is often wrong: read
`confidence` and `unsure`. If the server needs keys, send `Authorization: Bearer KEY`."""


def create_app(
    options: ServerOptions | None = None,
    *,
    model: str | Path | EmotionModel | None = None,
    detector: str | Path | FileDetector | None = None,
) -> FastAPI:
    """Make the application with the API and the web page.

    Images are decoded in other processes, which import the script that was started: its code needs
    `if __name__ == "__main__":` around it.

    Args:
        options: Keys, folders and limits.
        model: The ONNX file of an emotion network, or a loaded network; None takes the shipped
            network.
        detector: The ONNX file of a face detector, or a loaded detector; None takes the shipped
            detector.

    Raises:
        ArtefactError: A model file or the key file is damaged.
        InputError: A trusted proxy is not an address, or an argument has another type.
        OutputError: The jobs folder holds other files, or another server uses it.
    """
    if not isinstance(options, ServerOptions | None):
        raise OptionsError(f"options: expected ServerOptions, found {type(options).__name__}")
    options = options or ServerOptions()
    if detector is None or isinstance(detector, str | Path):
        detector = OnnxDetector(detector)
    analyzer = Analyzer(model, detector=detector, face_options=options.faces)
    service = Service(analyzer, detector, options)
    access = AccessControl(options)
    queue = JobQueue(service)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        queue.close()
        service.close()

    app = FastAPI(
        title="mien",
        version=importlib.metadata.version("mien"),
        description=_DESCRIPTION,
        docs_url=None,  # takes its scripts from another host; mount_reference has its own
        redoc_url=None,
        lifespan=lifespan,
        # Otherwise environment variables could send requests to an OpenTelemetry server.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    install_handlers(app)
    checked = [Depends(check_query)]
    app.include_router(images_router(service, access), dependencies=checked)
    app.include_router(jobs_router(service, access, queue), dependencies=checked)
    app.include_router(_health_router(service, access, queue), dependencies=checked)
    app.include_router(stream_router(service, access))
    mount_reference(app)
    mount_page(
        app,
        folder=BUILT_PAGE,
        files=page_files(analyzer.model, detector),
        contract=page_contract(analyzer.model, detector, options.faces),
    )
    app.add_middleware(MetricsMiddleware, metrics=service.metrics)
    app.add_middleware(BodiesMiddleware)
    app.add_middleware(SlashMiddleware)
    app.add_middleware(HeadersMiddleware)
    if options.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(options.allowed_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
        )
    return app


def _health_router(service: Service, access: AccessControl, queue: JobQueue) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/healthz", summary="Check that the process answers", responses=error_responses(400, 500)
    )
    async def healthy() -> dict[str, str]:
        return {"status": "ok"}

    @router.get(
        "/readyz",
        summary="Check that the server accepts requests",
        responses={
            503: {"description": "busy or stopping, or keys cannot be checked"},
            **error_responses(400, 500),
        },
    )
    async def ready() -> JSONResponse:
        full = service.image_limit.active >= service.image_limit.max_active
        slow = service.slots.longest_wait_s > service.options.ready_wait_s
        status: dict[str, Any] = {
            "ready": not (full or slow or service.closing) and access.can_check_keys()
        }
        status["waiting"] = service.image_limit.active
        return JSONResponse(status, 200 if status["ready"] else 503)

    @router.get(
        "/metrics",
        summary="Metrics for Prometheus",
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
            **error_responses(400, 401, 403, 429, 500, 503),
        },
        response_class=Response,
    )
    async def metrics(request: Request) -> Response:
        access.authorize(request)
        if queue.runner is not None:
            counts = queue.runner.store.count_by_state()
            for state in ("queued", "running", "done", "failed"):
                service.metrics.jobs.labels(state).set(counts.get(state, 0))
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

    return router
