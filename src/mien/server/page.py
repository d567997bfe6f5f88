"""The web page: built files with packed copies, the networks, and the headers that guard it."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mien.server.problems import Problem

__all__ = ["HeadersMiddleware", "mount_page"]

_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".onnx": "application/octet-stream",
    ".woff2": "font/woff2",
}
_PACKED = (("br", ".br"), ("gzip", ".gz"))

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
<p>Build it with <code>make web</code> and start the server again. The API is there already:
<a href="openapi.json">openapi.json</a>.</p></html>"""


class HeadersMiddleware:
    """Gives every answer the headers that keep a browser from doing what it should not.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = [(n.lower().encode(), value.encode()) for n, value in _HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and add to its answer."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._headers]
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)


def mount_page(
    app: FastAPI, *, built: Path, files: Mapping[str, Path], contract: Mapping[str, Any]
) -> None:
    """Serve the page at the root.

    Args:
        app: The application; its other routes come first.
        built: The folder of the built page; missing is answered by how to build it.
        files: Further files by their address.
        contract: What the page has to know, served as `models/contract.json`.
    """
    known = dict(files)
    if built.is_dir():
        known |= {
            path.relative_to(built).as_posix(): path
            for path in built.rglob("*")
            if path.is_file() and path.suffix not in (".br", ".gz")
        }

    @app.get("/models/contract.json", include_in_schema=False)
    async def told() -> JSONResponse:
        return JSONResponse(contract, headers={"Cache-Control": "no-cache"})

    @app.api_route("/{address:path}", methods=["GET", "HEAD"], include_in_schema=False)
    async def file(request: Request, address: str) -> Response:
        path = known.get(address or "index.html")
        if path is None and not address:
            return HTMLResponse(_NOT_BUILT, 503)
        if path is None and (methods := _methods(app, request.url.path)):
            message = f"/{address} takes {', '.join(methods)}"
            raise Problem(405, message, headers={"Allow": ", ".join(methods)})
        if path is None:
            raise Problem(404, f"there is nothing at /{address}")
        return _file(path, request, hashed=address.startswith("assets/"))


def _methods(app: FastAPI, path: str) -> list[str]:
    """Return the methods that the API takes at an address."""
    for template, operations in app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path):
            return sorted(method.upper() for method in operations)
    return []


def _file(path: Path, request: Request, *, hashed: bool) -> FileResponse:
    """Answer with a file, packed if the browser takes that and there is such a copy."""
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"
    kept = "public, max-age=31536000, immutable" if hashed else "no-cache"
    headers = {"Cache-Control": kept, "Vary": "Accept-Encoding"}
    accepted = {
        each.partition(";")[0].strip()
        for each in request.headers.get("accept-encoding", "").split(",")
    }
    for coding, ending in _PACKED:
        packed = path.with_name(path.name + ending)
        if coding in accepted and packed.exists():
            return FileResponse(
                packed, headers={**headers, "Content-Encoding": coding}, media_type=kind
            )
    return FileResponse(path, headers=headers, media_type=kind)
