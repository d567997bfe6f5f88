"""Checks that hold for every endpoint: addresses and the names of query parameters."""

from __future__ import annotations

import collections
import difflib
from collections.abc import Iterable

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from mien.server.errors import ApiError

__all__ = ["SlashMiddleware", "check_query", "unknown_name"]


class SlashMiddleware:
    """Takes an address with a slash at its end for the one without it.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        path = scope.get("path", "")
        if len(path) > 1 and path.endswith("/"):
            raw_path = scope.get("raw_path") or b""
            scope = {**scope, "path": path[:-1], "raw_path": raw_path.removesuffix(b"/")}
        await self._app(scope, receive, send)


def check_query(request: Request) -> None:
    """Refuse query parameters that the endpoint does not have, or that are given twice.

    This is a dependency of the endpoint.

    Raises:
        ApiError: 400; the message names the parameter and those that there are.
    """
    if not request.query_params:
        return
    operations = request.app.openapi()["paths"][request.scope["route"].path]
    operation = operations[request.method.lower()]
    known = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
    counts = collections.Counter(name for name, _ in request.query_params.multi_items())
    for name, count in counts.items():
        if name not in known:
            raise unknown_name("query parameter", name, known)
        if count > 1:
            raise ApiError(400, f"query parameter {name!r} is given {count} times; give it once")


def unknown_name(kind: str, name: str, known: Iterable[str], *, advice: str = "") -> ApiError:
    """Return the error for a parameter or field that there is not.

    Args:
        kind: What it is, for the message.
        name: Its name.
        known: The names that there are.
        advice: What else to do.
    """
    known = list(known)
    near = difflib.get_close_matches(name[:100], known, n=1)
    listed = f"known are {', '.join(known)}" if known else "there are none here"
    hint = f"did you mean '{near[0]}'?" if near else listed
    return ApiError(400, f"{kind} {name[:100]!r} is unknown; {hint}{advice}")
