"""Errors as answers: a status, a code for programs, a sentence for people, never a traceback."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

__all__ = ["PROBLEM_SCHEMA", "Problem", "documented", "install_handlers"]

_LOG = logging.getLogger("mien.server")

_CODES = {
    400: "bad_request",
    401: "key_missing",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "upload_too_slow",
    409: "conflict",
    413: "too_large",
    415: "unsupported_type",
    422: "unreadable",
    429: "too_many_requests",
    500: "internal_error",
    501: "not_installed",
    503: "overloaded",
}

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        }
    },
}


class Problem(Exception):  # noqa: N818 - it becomes an answer
    """A request that cannot be served.

    Args:
        status: The HTTP status.
        message: What was expected, what came, what to do.
        headers: Further headers of the answer.
    """

    def __init__(
        self, status: int, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the problems that an endpoint may answer with, for OpenAPI."""
    return {
        status: {
            "description": _CODES[status].replace("_", " "),
            "content": {"application/json": {"schema": PROBLEM_SCHEMA}},
        }
        for status in statuses
    }


def install_handlers(app: FastAPI) -> None:
    """Let every error of an application answer in the one form."""

    async def problem(request: Request, error: Exception) -> JSONResponse:
        known = cast(Problem, error)
        return _answer(known.status, known.message, known.headers)

    async def refused(request: Request, error: Exception) -> JSONResponse:
        known = cast(HTTPException, error)
        return _answer(known.status_code, str(known.detail), dict(known.headers or {}))

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        known = cast(RequestValidationError, error)
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in known.errors()
        )
        return _answer(422, faults, {})

    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return _answer(500, "something went wrong here; the server's log has the details", {})

    async def gone(request: Request, error: Exception) -> JSONResponse:
        return _answer(400, "the connection ended before the body did", {})

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, unexpected)


def _answer(status: int, message: str, headers: Mapping[str, str]) -> JSONResponse:
    error = {"code": _CODES.get(status, "error"), "message": message}
    return JSONResponse({"error": error}, status, dict(headers))
