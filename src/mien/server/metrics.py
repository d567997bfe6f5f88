"""The server's metrics, for Prometheus."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Metrics", "MetricsMiddleware"]


class Metrics:
    """The metrics of one server, in their own registry."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.requests = Counter(
            "mien_requests", "Requests by route and status", ["route", "status"], registry=registry
        )
        self.latency = Histogram(
            "mien_request_seconds", "Time to the end of the answer", ["route"], registry=registry
        )
        self.faces = Counter("mien_faces", "Faces that were classified", registry=registry)
        self.batch = Histogram(
            "mien_batch_faces",
            "Faces per run of the emotion network",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128),
            registry=registry,
        )
        self.waiting = Gauge(
            "mien_waiting", "Requests with images that are being served", registry=registry
        )
        self.jobs = Gauge("mien_jobs", "Jobs by state", ["state"], registry=registry)
        self.streams = Gauge("mien_streams", "Open web sockets", registry=registry)

    def text(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self._registry)


class MetricsMiddleware:
    """Counts every request by its route and status, and measures its time.

    Args:
        app: The application.
        metrics: The metrics to update.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle and count a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note_status)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.latency.labels(route).observe(time.perf_counter() - started)
