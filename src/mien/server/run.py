"""The settings of uvicorn, with a time limit for the head of a request, which uvicorn lacks."""

from __future__ import annotations

from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from mien.server.options import ServerOptions

__all__ = ["uvicorn_config"]

_MAX_QUEUED_MESSAGES = 2


def uvicorn_config(
    app: FastAPI, options: ServerOptions, *, host: str = "127.0.0.1", port: int = 8000
) -> uvicorn.Config:
    """Return the settings under which uvicorn serves the application.

    Args:
        app: The application.
        options: Its limits.
        host: The address to listen on.
        port: The port to listen on; 0 takes a free port.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        proxy_headers=False,  # `TrustedProxies` reads them; no environment variable adds a proxy
        forwarded_allow_ips="",
        root_path="",
        http=_protocol_with_timeout(options.head_timeout_s),
        ws="websockets-sansio",
        ws_max_size=options.max_image_bytes,
        ws_max_queue=_MAX_QUEUED_MESSAGES,
        # Frames are compressed already, and a compressed message could be a decompression bomb.
        ws_per_message_deflate=False,
        limit_concurrency=options.max_connections,
        timeout_graceful_shutdown=20,
        server_header=False,
        access_log=False,
        log_level="warning",
    )


def _protocol_with_timeout(head_timeout_s: float) -> type[H11Protocol]:
    class TimeoutProtocol(H11Protocol):
        """Closes a connection on which the head of the next request does not arrive in time."""

        _timer: Any = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._restart_timer()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._restart_timer()

        def connection_lost(self, exc: Exception | None) -> None:
            self._timer.cancel()
            super().connection_lost(exc)

        def _restart_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.loop.call_later(head_timeout_s, self._close)

        def _close(self) -> None:
            is_http = self.transport.get_protocol() is self  # a web socket has another protocol
            if is_http and (self.cycle is None or self.cycle.response_complete):
                self.transport.close()

    return TimeoutProtocol
