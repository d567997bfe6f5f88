"""Decoding of uploads in other processes: one that takes too long or too much memory is ended."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import itertools
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import anyio
from anyio import BrokenWorkerProcess, CapacityLimiter, to_process

from mien._cores import usable_cores
from mien.errors import MediaError
from mien.media.decoding_process import (
    MAX_SIDE_PX,
    DecodedImage,
    decode_image_limited,
    video_duration_s,
)
from mien.server.errors import ApiError
from mien.server.options import ServerOptions
from mien.structures import Frame

__all__ = ["Decoder", "WorkSlots"]

_LOG = logging.getLogger("mien.server")

T = TypeVar("T")


class Decoder:
    """Decodes uploads in processes of their own.

    A process is started when all others are in use, serves many files, and is ended with the event
    loop. One that exceeds a limit is ended at once, and the next file gets a new one.

    Args:
        options: The limits on time, memory and pixels.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._options = options

    async def decode_image(self, data: bytes, source: str) -> DecodedImage:
        """Decode an image; a large one is scaled down to `max_search_pixels`.

        Raises:
            MediaError: It cannot be read, or exceeds a limit; the reason says what to do.
            ApiError: 503 if no process can be started.
        """
        return await self._decode(data, source, self._options.max_pixels)

    async def decode_frame(self, data: bytes, source: str) -> Frame:
        """Decode a frame of a stream, which may have `max_search_pixels`.

        Raises:
            MediaError: It cannot be read, or exceeds a limit; the reason says what to do.
            ApiError: 503 if no process can be started.
        """
        options = self._options
        max_pixels = min(options.max_pixels, options.max_search_pixels)
        decoded = await self._decode(data, source, max_pixels)
        if decoded.size_hw != (decoded.frame.height, decoded.frame.width):
            raise MediaError(source, f"a side of more than {MAX_SIDE_PX} pixels. Scale it down")
        return decoded.frame

    async def _decode(self, data: bytes, source: str, max_pixels: int) -> DecodedImage:
        decoded: DecodedImage | MediaError = await self._run(
            source,
            decode_image_limited,
            data,
            source,
            max_pixels,
            self._options.max_search_pixels,
            self._options.max_decode_bytes,
        )
        if isinstance(decoded, MediaError):
            raise decoded
        return decoded

    async def video_duration_s(self, path: str) -> float | None:
        """Open a video; return its duration in seconds, or None if it declares none.

        Raises:
            MediaError: It cannot be read, or exceeds a limit.
            ApiError: 503 if no process can be started.
        """
        duration_s: float | MediaError | None = await self._run(
            path, video_duration_s, path, self._options.max_decode_bytes
        )
        if isinstance(duration_s, MediaError):
            raise duration_s
        return duration_s

    async def _run(self, source: str, function: Callable[..., T], *arguments: Any) -> T:
        limit_s = self._options.decode_timeout_s
        try:
            with anyio.fail_after(limit_s):
                # The callers limit how many run; a limiter of anyio would hide who waits.
                return await to_process.run_sync(
                    function, *arguments, cancellable=True, limiter=CapacityLimiter(1)
                )
        except TimeoutError as error:
            raise MediaError(
                source, f"decoding took longer than {limit_s:g} s. Scale it down or save it again"
            ) from error
        except BrokenWorkerProcess as error:
            if error.args:  # it never started; one that ends during its work has no message
                _LOG.error(
                    "no process for decoding can be started; a script that serves the application "
                    "needs `if __name__ == '__main__':` around its code",
                    exc_info=error,
                )
                raise _no_process() from error
            raise MediaError(
                source, "the decoder failed: damaged, or too much memory is needed. Save it again"
            ) from error
        except OSError as error:
            _LOG.error("no process for decoding can be started: %s", error)
            raise _no_process() from error


def _no_process() -> ApiError:
    message = "the server cannot start a decoder now; try again later"
    return ApiError(503, message, headers={"Retry-After": "5"})


class WorkSlots:
    """Limits how many images are decoded and searched for faces at the same time.

    Callers who wait get a slot in turn: many images of one do not keep another waiting.

    Args:
        count: The limit; None takes one per core.
    """

    def __init__(self, count: int | None) -> None:
        self.count = self._free = count or usable_cores()
        self._queues: dict[str, collections.deque[asyncio.Future[None]]] = {}
        self._waiting: dict[int, float] = {}
        self._numbers = itertools.count()

    @contextlib.asynccontextmanager
    async def take(self, caller: str) -> AsyncIterator[None]:
        """Wait for a slot and keep it until the block ends.

        Args:
            caller: Whose work it is.
        """
        number = next(self._numbers)
        self._waiting[number] = time.monotonic()
        try:
            await self._acquire(caller)
        finally:
            del self._waiting[number]
        try:
            yield
        finally:
            self._release()

    async def _acquire(self, caller: str) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._queues.setdefault(caller, collections.deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came at the moment in which the slot did
                self._release()
            raise

    def _release(self) -> None:
        """Give the slot to the caller whose turn it is."""
        while self._queues:
            caller = next(iter(self._queues))
            queue = self._queues.pop(caller)
            turn = queue.popleft()
            if queue:
                self._queues[caller] = queue  # behind the others
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    @property
    def longest_wait_s(self) -> float:
        """How long the request that waits longest has waited; 0 if none waits."""
        return time.monotonic() - min(self._waiting.values()) if self._waiting else 0.0
