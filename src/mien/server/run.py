"""The application under uvicorn, which by itself waits for ever for the end of a request's head."""

from __future__ import annotations

from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from mien.server.options import ServerOptions

__all__ = ["settings_of"]

_WAITING_MESSAGES = 2


def settings_of(
    app: FastAPI, options: ServerOptions, *, host: str = "127.0.0.1", port: int = 8000
) -> uvicorn.Config:
    """Return uvicorn's settings for an application of ours.

    Args:
        app: The application.
        options: Its limits.
        host: Where to listen.
        port: Where to listen; 0 takes a free one.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        proxy_headers=False,  # whom to believe is for `TrustedProxies`, not for the environment
        forwarded_allow_ips="",
        root_path="",
        http=_timed(options.head_timeout_s),
        ws="websockets-sansio",
        ws_max_size=options.max_image_bytes,
        ws_max_queue=_WAITING_MESSAGES,
        ws_per_message_deflate=False,  # frames are packed already, and bombs would be, too
        limit_concurrency=options.max_connections,
        timeout_graceful_shutdown=20,
        server_header=False,
        access_log=False,
        log_level="warning",
    )


def _timed(head_s: float) -> type[H11Protocol]:
    class Timed(H11Protocol):
        """Gives up a connection whose next request's head does not come to its end in time."""

        _timer: Any = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._timer.cancel()
            super().connection_lost(exc)

        def _watch(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.loop.call_later(head_s, self._give_up)

        def _give_up(self) -> None:
            mine = self.transport.get_protocol() is self  # else it is a web socket by now
            if mine and (self.cycle is None or self.cycle.response_complete):
                self.transport.close()

    return Timed
