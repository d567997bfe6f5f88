"""`WS /v1/stream`: frames in, results out; whoever sends faster than we look loses old frames."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from mien.errors import MediaError
from mien.inference import LiveAnalysis
from mien.media import VideoFrame, decode_image
from mien.server.limits import Gate
from mien.server.options import ServerOptions
from mien.server.problems import Problem
from mien.server.service import Service

__all__ = ["stream_router"]

_KEY = "mien.key."


def stream_router(service: Service, gate: Gate) -> APIRouter:
    """Make the endpoint for live images."""
    router = APIRouter()

    @router.websocket("/v1/stream")
    async def stream(socket: WebSocket) -> None:
        offered = socket.scope.get("subprotocols", [])
        named = next((each for each in offered if each.startswith(_KEY)), None)
        try:
            gate.caller(socket, named.removeprefix(_KEY) if named else None)
            with service.streams.enter():
                await socket.accept(subprotocol=named)
                service.metrics.streams.inc()
                try:
                    await _serve(socket, service)
                finally:
                    service.metrics.streams.dec()
        except Problem as problem:
            # Closed before it is accepted, it answers with 403, which says too little of a server
            # that is only full.
            full = problem.status == 503
            if full and socket.application_state is WebSocketState.CONNECTING:
                await socket.accept(subprotocol=named)
            await socket.close(1013 if full else 1008, problem.message)

    return router


class _Newest:
    """Holds the newest frame that came; older ones are dropped."""

    def __init__(self) -> None:
        self._frame: tuple[int, float, bytes] | None = None
        self._news = asyncio.Event()
        self.dropped = 0
        self.ended = False

    def put(self, number: int, timestamp_s: float, data: bytes) -> None:
        """Take a frame."""
        self.dropped += self._frame is not None
        self._frame = (number, timestamp_s, data)
        self._news.set()

    def end(self) -> None:
        """No frame comes any more."""
        self.ended = True
        self._news.set()

    async def take(self) -> tuple[int, float, bytes] | None:
        """Wait for a frame; None at the end."""
        await self._news.wait()
        self._news.clear()
        frame, self._frame = self._frame, None
        return frame


async def _serve(socket: WebSocket, service: Service) -> None:
    newest = _Newest()
    reading = asyncio.create_task(_read(socket, newest, service.options))
    live = LiveAnalysis(service.pipeline)
    loop = asyncio.get_running_loop()
    try:
        while (given := await newest.take()) is not None:
            number, timestamp_s, _ = given
            answer: dict[str, Any] = {"frame": number, "dropped": newest.dropped}
            try:
                answer |= await loop.run_in_executor(
                    service.pool, _look, live, given, service.options.max_pixels
                )
            except MediaError as error:
                answer |= {"timestamp_s": timestamp_s, "faces": [], "error": error.reason}
            await socket.send_json(answer)
            if newest.ended:
                break
    except (WebSocketDisconnect, RuntimeError):
        # The other side went away while an answer was on its way.
        pass
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _read(socket: WebSocket, newest: _Newest, options: ServerOptions) -> None:
    began = time.monotonic()
    number = 0
    try:
        while True:
            message = await asyncio.wait_for(socket.receive(), options.stream_timeout_s)
            if message["type"] != "websocket.receive":
                break
            data = message.get("bytes")
            if data is None or len(data) > options.max_image_bytes:
                await socket.close(1003, "expected JPEG or PNG frames as binary messages")
                break
            newest.put(number, time.monotonic() - began, data)
            number += 1
    except TimeoutError:
        await socket.close(1001, "nothing came for too long")
    finally:
        newest.end()


def _look(live: LiveAnalysis, given: tuple[int, float, bytes], max_pixels: int) -> dict[str, Any]:
    number, timestamp_s, data = given
    image = decode_image(data, "stream", max_pixels=max_pixels)
    result = live.analyze(VideoFrame.from_rgb(image.frame_rgb, "stream", number, timestamp_s))
    return {
        "timestamp_s": timestamp_s,
        "width": result.width,
        "height": result.height,
        "faces": result.to_rows(),
    }
