"""Bodies that nobody reads to their end: read a little more, or close the connection."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["BodiesMiddleware"]

_DRAIN_BYTES, _DRAIN_S = 1_000_000, 1.0


class BodiesMiddleware:
    """Sees to it that a refused body is not taken in for ever.

    A connection that is closed over unread bytes may lose the answer, so a little is read first.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(scope, receive)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "connection" not in headers and not await body.drained():
                    headers["Connection"] = "close"
            await send(message)

        await self._app(scope, body.receive, sending)


class _Body:
    """Watches a body on its way in."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "0")
        self._whole = declared == "0" and "transfer-encoding" not in headers
        self._receive = receive

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._whole = True
        return message

    async def drained(self) -> bool:
        """Read the rest of the body if it is little; say whether it is all there."""
        size = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                while not self._whole and size < _DRAIN_BYTES:
                    size += len((await self.receive()).get("body", b""))
        return self._whole
