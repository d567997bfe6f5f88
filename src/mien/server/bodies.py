"""Unread request bodies: a short rest is read, else the connection is closed."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["BodiesMiddleware"]

_DRAIN_BYTES, _DRAIN_S = 1_000_000, 1.0


class BodiesMiddleware:
    """Reads or cuts off the rest of a request's body before the answer is sent.

    If a connection is closed with unread bytes, the client may lose the answer. So a short rest is
    read first.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(scope, receive)

        async def send_after_body(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "connection" not in headers and not await body.drain():
                    headers["Connection"] = "close"
            await send(message)

        await self._app(scope, body.receive, send_after_body)


class _Body:
    """Follows a request's body until its end."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "0")
        self._complete = declared == "0" and "transfer-encoding" not in headers
        self._receive = receive

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._complete = True
        return message

    async def drain(self) -> bool:
        """Read the rest of the body if it is short; return whether the end was reached."""
        size = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                while not self._complete and size < _DRAIN_BYTES:
                    size += len((await self.receive()).get("body", b""))
        return self._complete
