"""Errors as JSON answers: a status, a code for programs and a message for people."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Mapping
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

__all__ = [
    "ERROR_SCHEMA",
    "INTERNAL_ERROR",
    "ApiError",
    "allowed_methods",
    "error_responses",
    "install_handlers",
]

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

_EXPECTED = {
    "bool_parsing": "expected true or false",
    "int_parsing": "expected a whole number",
    "float_parsing": "expected a number",
    "greater_than_equal": "expected {ge} or more",
    "less_than_equal": "expected {le} or less",
}
"""What is expected where a parameter's value is wrong, by the kind of fault."""

_MAX_FOUND = 80

INTERNAL_ERROR = "internal error; see the server's log"

ERROR_SCHEMA: dict[str, Any] = {
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


class ApiError(Exception):
    """A request that cannot be served; it is answered with `{"error": ...}`.

    Args:
        status: The HTTP status.
        message: What was expected, what came, and what to do.
        headers: More headers of the answer.
    """

    def __init__(
        self, status: int, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI descriptions of the errors that an endpoint may answer with."""
    return {
        status: {
            "description": _CODES[status].replace("_", " "),
            "content": {"application/json": {"schema": ERROR_SCHEMA}},
        }
        for status in statuses
    }


def allowed_methods(app: FastAPI, path: str) -> list[str]:
    """Return all methods that the API accepts at an address; empty if it is not one of the API."""
    for template, operations in app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path):
            return sorted(method.upper() for method in operations)
    return []


def install_handlers(app: FastAPI) -> None:
    """Answer every error of an application in the same form, never with a traceback."""

    async def api_error(request: Request, error: Exception) -> JSONResponse:
        error = cast(ApiError, error)
        return _answer(error.status, error.message, error.headers)

    async def http_error(request: Request, error: Exception) -> JSONResponse:
        error = cast(HTTPException, error)
        if error.status_code == 405:
            path = request.url.path
            methods = allowed_methods(request.app, path) or ["GET", "HEAD"]
            message = f"{path} takes {', '.join(methods)}"
            return _answer(405, message, {"Allow": ", ".join(methods)})
        return _answer(error.status_code, str(error.detail), dict(error.headers or {}))

    async def validation_error(request: Request, error: Exception) -> JSONResponse:
        error = cast(RequestValidationError, error)
        return _answer(400, "; ".join(map(_wrong_value, error.errors())), {})

    async def internal_error(request: Request, error: Exception) -> JSONResponse:
        _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return _answer(500, INTERNAL_ERROR, {})

    async def no_database(request: Request, error: Exception) -> JSONResponse:
        _LOG.error("%s %s: the list of jobs: %s", request.method, request.url.path, error)
        message = "the server cannot use its list of jobs now; try again later"
        return _answer(503, message, {"Retry-After": "60"})

    async def disconnected(request: Request, error: Exception) -> JSONResponse:
        return _answer(400, "the connection ended before the end of the body", {})

    app.add_exception_handler(ApiError, api_error)
    app.add_exception_handler(ClientDisconnect, disconnected)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(sqlite3.Error, no_database)
    app.add_exception_handler(RequestValidationError, validation_error)
    app.add_exception_handler(Exception, internal_error)


def _wrong_value(fault: Mapping[str, Any]) -> str:
    """Say what was expected of a parameter, and what came."""
    expected = _EXPECTED.get(fault["type"])
    said = fault["msg"] if expected is None else expected.format(**fault.get("ctx", {}))
    found = repr(fault.get("input"))
    if len(found) > _MAX_FOUND:
        found = f"{found[:_MAX_FOUND]}..."
    return f"{fault['loc'][-1]}: {said}, found {found}"


def _answer(status: int, message: str, headers: Mapping[str, str]) -> JSONResponse:
    error = {"code": _CODES.get(status, "error"), "message": message}
    return JSONResponse({"error": error}, status, dict(headers))
