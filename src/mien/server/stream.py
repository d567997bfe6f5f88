"""`WS /v1/stream`: live frames in, results out; old frames are dropped if they come too fast."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from mien.errors import MediaError
from mien.inference import LiveAnalysis
from mien.media import VideoFrame
from mien.server.errors import ApiError
from mien.server.limits import AccessControl
from mien.server.options import ServerOptions
from mien.server.requests import unknown_name
from mien.server.service import Service
from mien.structures import Frame

__all__ = ["stream_router"]

_KEY_PREFIX = "mien.key."
"""Web pages cannot set headers of a web socket, so they send the key as a subprotocol."""


_LATER = (429, 503)
"""The statuses of requests that may be sent again later."""

_MAX_REASON_BYTES = 123
"""A control frame has at most 125 bytes (RFC 6455, 5.5), two of them for the code."""


def stream_router(service: Service, access: AccessControl) -> APIRouter:
    """Make the endpoint for live frames."""
    router = APIRouter()

    @router.websocket("/v1/stream")
    async def stream(socket: WebSocket) -> None:
        offered = socket.scope.get("subprotocols", [])
        protocol = next((each for each in offered if each.startswith(_KEY_PREFIX)), None)
        key = None if protocol is None else protocol.removeprefix(_KEY_PREFIX)
        is_allowed = False
        try:
            caller = access.authorize(socket, key)
            is_allowed = True
            units = _units(socket)
            with service.stream_limit.acquire():
                await socket.accept(subprotocol=protocol)
                service.metrics.streams.inc()
                try:
                    await _serve(socket, service, caller, units=units)
                finally:
                    service.metrics.streams.dec()
        except ApiError as error:
            # A socket that is closed before it is accepted is answered with 403 and no reason. That
            # is right only for those who may not call.
            later = error.status in _LATER
            is_connecting = socket.application_state is WebSocketState.CONNECTING
            if (is_allowed or later) and is_connecting:
                await socket.accept(subprotocol=protocol)
            await socket.close(1013 if later else 1008, _reason(error.message))

    return router


def _units(socket: WebSocket) -> bool:
    """Return whether the address asks for expression units, its only parameter.

    Raises:
        ApiError: 400 if there is another one, or its value is none.
    """
    for name, value in socket.query_params.multi_items():
        if name != "units":
            raise unknown_name("query parameter", name, ("units",))
        if value not in ("true", "false"):
            raise ApiError(400, f"units: expected true or false, found {value!r}")
    return socket.query_params.get("units") == "true"


def _reason(message: str) -> str:
    """Shorten a message to what a close frame holds."""
    return message.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")


class _LatestFrame:
    """Holds the newest frame that was received; older ones are dropped."""

    def __init__(self) -> None:
        self._frame: tuple[int, float, bytes] | None = None
        self._changed = asyncio.Event()
        self.dropped = 0
        self.ended = False

    def put(self, number: int, timestamp_s: float, data: bytes) -> None:
        """Replace the frame."""
        self.dropped += self._frame is not None
        self._frame = (number, timestamp_s, data)
        self._changed.set()

    def end(self) -> None:
        """Note that there will be no more frames."""
        self.ended = True
        self._changed.set()

    async def take(self) -> tuple[int, float, bytes] | None:
        """Wait for a frame and remove it; None at the end."""
        await self._changed.wait()
        self._changed.clear()
        frame, self._frame = self._frame, None
        return frame


async def _serve(socket: WebSocket, service: Service, caller: str, *, units: bool) -> None:
    live = LiveAnalysis(await service.pipeline_for(units=units))
    latest = _LatestFrame()
    receiving = asyncio.create_task(_receive_frames(socket, latest, service.options))
    loop = asyncio.get_running_loop()
    try:
        while (frame := await latest.take()) is not None:
            number, timestamp_s, data = frame
            answer: dict[str, Any] = {"frame": number, "dropped": latest.dropped}
            try:
                async with service.slots.take(caller):
                    image = await service.decoder.decode_frame(data, "stream")
                    answer |= await loop.run_in_executor(
                        service.pool, _analyze, live, image, number, timestamp_s
                    )
            except MediaError as error:
                answer |= {"timestamp_s": timestamp_s, "faces": [], "error": error.reason}
            await socket.send_json(answer)
            if latest.ended:
                break
    except (WebSocketDisconnect, RuntimeError):
        # The client disconnected while an answer was being sent.
        pass
    finally:
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)


async def _receive_frames(socket: WebSocket, latest: _LatestFrame, options: ServerOptions) -> None:
    start_s = time.monotonic()
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
            latest.put(number, time.monotonic() - start_s, data)
            number += 1
    except TimeoutError:
        await socket.close(1001, f"no frame was received for {options.stream_timeout_s:g} s")
    finally:
        latest.end()


def _analyze(live: LiveAnalysis, image: Frame, number: int, timestamp_s: float) -> dict[str, Any]:
    result = live.analyze(VideoFrame.from_rgb(image.frame_rgb, "stream", number, timestamp_s))
    return {
        "timestamp_s": timestamp_s,
        "width": result.width,
        "height": result.height,
        "faces": result.to_rows(),
    }
