"""The settings of uvicorn, with a time limit for the head of a request, which uvicorn lacks."""

from __future__ import annotations

import logging
import os
import threading
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from mien.server.options import ServerOptions

__all__ = ["StoppingServer", "uvicorn_config"]

_LOG = logging.getLogger("mien.server")

_MAX_STOP_S = 18.0
"""Service managers kill a process that has not ended some time after their signal."""

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
        timeout_graceful_shutdown=options.stop_timeout_s,
        server_header=False,
        access_log=False,
        log_level="warning",
    )


class StoppingServer(uvicorn.Server):
    """A server whose process ends soon after a signal, whatever its threads are doing."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop the server; after `_MAX_STOP_S`, end the process."""
        if not self.should_exit:
            timer = threading.Timer(_MAX_STOP_S, _end_process)
            timer.daemon = True
            timer.start()
        super().handle_exit(sig, frame)


def _end_process() -> None:
    _LOG.warning("the server has not stopped within %g s; its process ends now", _MAX_STOP_S)
    os._exit(1)  # threads in native code cannot be ended in any other way


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
