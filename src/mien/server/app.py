"""The application: the API, the page, and what surrounds both."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.middleware.cors import CORSMiddleware

from mien.detect import FileDetector, OnnxDetector
from mien.inference import Analyzer, EmotionModel
from mien.server.bodies import BodiesMiddleware
from mien.server.images import images_router
from mien.server.jobs import Jobs, jobs_router
from mien.server.limits import Gate
from mien.server.metrics import MetricsMiddleware
from mien.server.options import ServerOptions
from mien.server.page import HeadersMiddleware, mount_page
from mien.server.problems import documented, install_handlers
from mien.server.service import Service
from mien.server.stream import stream_router
from mien.webpage import BUILT_PAGE, page_contract, page_files

__all__ = ["create_app"]

_DESCRIPTION = """Finds faces and says which of six expressions each one shows: happy, neutral, sad,
angry, fear, surprise. It says what a face shows, not what a person feels, and is often wrong: read
`confidence` and `unsure`. Where keys are asked for, send `Authorization: Bearer KEY`."""


def create_app(
    options: ServerOptions | None = None,
    *,
    model: EmotionModel | None = None,
    detector: FileDetector | None = None,
) -> FastAPI:
    """Make the application with API and page.

    Args:
        options: Keys, folders and limits.
        model: The emotion network; None takes the shipped one.
        detector: The face detector; None takes the shipped one.

    Raises:
        ArtefactError: A model file or the file of keys is damaged.
    """
    options = options or ServerOptions()
    detector = detector or OnnxDetector()
    analyzer = Analyzer(model, detector=detector, face_options=options.faces)
    service = Service(analyzer, detector, options)
    gate = Gate(options)
    jobs = Jobs(service)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        jobs.close()
        service.close()

    app = FastAPI(
        title="mien",
        version=importlib.metadata.version("mien"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        # Else the environment's variables can have it report requests to an OpenTelemetry server.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    install_handlers(app)
    app.include_router(images_router(service, gate))
    app.include_router(jobs_router(service, gate, jobs))
    app.include_router(stream_router(service, gate))
    _install_health(app, service, gate, jobs)
    mount_page(
        app,
        built=BUILT_PAGE,
        files=page_files(analyzer.model, detector),
        contract=page_contract(analyzer.model, detector, options.faces),
    )
    app.add_middleware(MetricsMiddleware, metrics=service.metrics)
    app.add_middleware(BodiesMiddleware)
    app.add_middleware(HeadersMiddleware)
    if options.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(options.cors),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
        )
    return app


def _install_health(app: FastAPI, service: Service, gate: Gate, jobs: Jobs) -> None:
    @app.get("/healthz", summary="Whether the process answers", responses=documented(500))
    async def healthy() -> dict[str, str]:
        return {"status": "ok"}

    @app.get(
        "/readyz",
        summary="Whether it takes work",
        responses={503: {"description": "full, or ending"}, **documented(500)},
    )
    async def ready() -> JSONResponse:
        full = service.images.inside >= service.images.most
        status: dict[str, Any] = {"ready": not full and not service.closing}
        status["waiting"] = service.images.inside
        return JSONResponse(status, 200 if status["ready"] else 503)

    @app.get(
        "/metrics",
        summary="Counters for Prometheus",
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
            **documented(400, 401, 403, 429, 500),
        },
        response_class=Response,
    )
    async def metrics(request: Request) -> Response:
        gate.caller(request)
        if jobs.started is not None:
            for state in ("queued", "running", "done", "failed"):
                count = jobs.started.store.counts().get(state, 0)
                service.metrics.jobs.labels(state).set(count)
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")
