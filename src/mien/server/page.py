"""The web page: its files with compressed copies, the networks, and the security headers."""

from __future__ import annotations

import functools
import gzip
import json
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mien.server.errors import ApiError, allowed_methods

__all__ = ["HeadersMiddleware", "mount_page"]

_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".onnx": "application/octet-stream",
    ".woff2": "font/woff2",
}
_COMPRESSED_SUFFIXES = (("br", ".br"), ("gzip", ".gz"))

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
    "worker-src 'self' blob:; img-src 'self' blob: data:; media-src 'self' blob:; "
    "style-src 'self'; connect-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>mien</title>
<h1>The web page is not built</h1>
<p>Build it with <code>python web/build.py</code> in a checkout and start the server again. The API
is there already:
<a href="docs">its reference</a>, <a href="openapi.json">openapi.json</a>.</p></html>"""


class HeadersMiddleware:
    """Adds the security headers to every answer, and keeps answers of the API out of caches.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = [
            (name.lower().encode(), value.encode()) for name, value in _HEADERS.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request and add the headers to its answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", []), *self._headers]
                if all(name.lower() != b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def mount_page(
    app: FastAPI, *, folder: Path, files: Mapping[str, Path], contract: Mapping[str, Any]
) -> None:
    """Serve the page at the root.

    Args:
        app: The application; its other routes have precedence.
        folder: The folder of the built page; if it is missing, the answer says how to build it.
        files: More files by their address.
        contract: The data of `models/contract.json`.
    """
    paths = dict(files)
    if folder.is_dir():
        paths |= {
            path.relative_to(folder).as_posix(): path
            for path in folder.rglob("*")
            if path.is_file() and path.suffix not in (".br", ".gz")
        }

    document = json.dumps(contract, separators=(",", ":")).encode()
    packed_document = gzip.compress(document, mtime=0)

    @app.get("/models/contract.json", include_in_schema=False)
    async def contract_file(request: Request) -> Response:
        headers = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if "gzip" not in _accepted(request):
            return Response(document, headers=headers, media_type="application/json")
        headers["Content-Encoding"] = "gzip"
        return Response(packed_document, headers=headers, media_type="application/json")

    @app.api_route("/{address:path}", methods=["GET", "HEAD"], include_in_schema=False)
    async def file(request: Request, address: str) -> Response:
        path = paths.get(address or "index.html")
        if path is None and not address:
            return HTMLResponse(_NOT_BUILT, 503)
        if path is None and allowed_methods(app, request.url.path):
            raise HTTPException(405)
        if path is None:
            raise ApiError(404, f"there is nothing at /{address}")
        has_hash = address.startswith("assets/")
        return await run_in_threadpool(_file_response, path, request, has_hash=has_hash)


def _accepted(request: Request) -> set[str]:
    """Return the encodings that a browser accepts."""
    listed = request.headers.get("accept-encoding", "").split(",")
    return {each.partition(";")[0].strip() for each in listed}


@functools.cache
def _packed(path: Path, modified_ns: int) -> bytes:
    """Return a network's file compressed: a tenth less for a visitor to wait for."""
    return gzip.compress(path.read_bytes(), 6, mtime=0)


def _file_response(path: Path, request: Request, *, has_hash: bool) -> Response:
    """Answer with a file, or compressed if the browser accepts that."""
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"
    caching = "public, max-age=31536000, immutable" if has_hash else "no-cache"
    headers = {"Cache-Control": caching, "Vary": "Accept-Encoding"}
    accepted = _accepted(request)
    if path.suffix == ".onnx" and "gzip" in accepted:
        headers["Content-Encoding"] = "gzip"
        packed = _packed(path, path.stat().st_mtime_ns)
        return Response(packed, headers=headers, media_type=kind)
    for encoding, suffix in _COMPRESSED_SUFFIXES:
        compressed = path.with_name(path.name + suffix)
        if encoding in accepted and compressed.exists():
            headers["Content-Encoding"] = encoding
            return FileResponse(compressed, headers=headers, media_type=kind)
    return FileResponse(path, headers=headers, media_type=kind)
