"""Limits of the server: access, request rate, concurrency, and the size and time of bodies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping

from starlette.requests import HTTPConnection, Request
from starlette.types import Message, Receive

from mien.errors import ArtefactError
from mien.server.errors import ApiError
from mien.server.keys import KeyFile
from mien.server.options import ServerOptions
from mien.server.proxies import TrustedProxies

__all__ = ["AccessControl", "ConcurrencyLimit", "MemoryBudget", "limit_body"]

_LOG = logging.getLogger("mien.server")

_BYTES_PER_TIMEOUT = 10_000_000
_MAX_BUCKETS = 10_000

_PORT = re.compile(r":\d+$")

_CLOSE = {"Connection": "close"}
"""The connection ends, so that the rest of a refused body is not read."""


class AccessControl:
    """Checks who may call the API: the host name, the origin, the key and the request rate.

    Args:
        options: Keys, host names, origins, proxies and the rate.

    Raises:
        ArtefactError: The key file is damaged.
        InputError: A trusted proxy is not an address.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._keys = KeyFile(options.keys) if options.keys is not None else None
        self._proxies = TrustedProxies(options.trusted_proxies)
        self._rate_per_s = options.requests_per_minute / 60
        self._burst = float(max(1, options.requests_per_minute // 6))
        self._allowed_origins = options.allowed_origins
        names = options.host_names
        self._host_names = None if names is None else set(map(_bare, names))
        self._buckets: dict[str, tuple[float, float]] = {}
        self._logged = ""

    def authorize(self, request: HTTPConnection, key: str | None = None) -> str:
        """Check a request and return its caller.

        Args:
            request: The request or web socket.
            key: A key that was not sent in the `Authorization` header.

        Returns:
            The name of the key; without a key file, the address of the client.

        Raises:
            ApiError: 400 if the host name is wrong or a trusted proxy sends a broken header, 403
                for a page of another origin, 401 without a valid key, 429 after too many requests,
                503 if the key file is damaged.
        """
        self._check_host_and_origin(request)
        if self._keys is None:
            caller = self._proxies.client_address(request)
        else:
            try:
                name = self._keys.find_name(key or _bearer_key(request.headers))
            except ArtefactError as error:
                self._log_once(error)
                raise ApiError(
                    503,
                    "the server cannot check keys now; try again later",
                    headers={"Retry-After": "60"},
                ) from error
            if name is None:
                raise ApiError(
                    401,
                    "expected a valid key in the header 'Authorization: Bearer KEY'",
                    headers={"WWW-Authenticate": "Bearer"},
                )
            caller = name
        self._check_rate(caller)
        return caller

    def can_check_keys(self) -> bool:
        """Return whether keys can be checked; the log says why they cannot."""
        try:
            if self._keys is not None:
                self._keys.check()
        except ArtefactError as error:
            self._log_once(error)
            return False
        return True

    def _log_once(self, error: ArtefactError) -> None:
        """Log what is wrong with the keys, but not again at every request."""
        if str(error) != self._logged:
            self._logged = str(error)
            _LOG.error("keys cannot be checked: %s", error)

    def _check_host_and_origin(self, connection: HTTPConnection) -> None:
        """Refuse other host names, and pages of other origins.

        CORS alone is not enough: the browser hides the answer from the page, but still sends the
        request, and web sockets are not covered.
        """
        host = connection.headers.get("host", "")
        if self._host_names is not None and _bare(host) not in self._host_names:
            raise ApiError(400, f"{host!r} is not a name of this server; add it with --name")
        origin = connection.headers.get("origin")
        same_origin = origin is None or origin.partition("://")[2] == host
        if not same_origin and origin not in self._allowed_origins:
            raise ApiError(403, f"pages of {origin} may not call this server; see --cors")

    def _check_rate(self, caller: str) -> None:
        """Take one token from the caller's bucket, which fills at the allowed rate."""
        now = time.monotonic()
        tokens, since = self._buckets.get(caller, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate_per_s)
        if tokens < 1:
            wait_s = max(1, round((1 - tokens) / self._rate_per_s))
            raise ApiError(
                429, "too many requests; slow down", headers={"Retry-After": str(wait_s)}
            )
        self._buckets[caller] = (tokens - 1, now)
        if len(self._buckets) > _MAX_BUCKETS:
            full = now - self._burst / self._rate_per_s
            self._buckets = {
                name: bucket for name, bucket in self._buckets.items() if bucket[1] > full
            }


class MemoryBudget:
    """Limits the bytes of all request bodies that are in memory.

    Args:
        max_bytes: Limit of all requests together.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes, self.used_bytes = max_bytes, 0

    @contextlib.contextmanager
    def reserve(self) -> Iterator[Callable[[int], None]]:
        """Count the bytes of one request until the block ends.

        Yields:
            A function that adds bytes; it raises an `ApiError` 503 when the budget is exceeded.
        """
        reserved = 0

        def add(count: int) -> None:
            nonlocal reserved
            reserved += count
            self.used_bytes += count
            if self.used_bytes > self.max_bytes:
                raise ApiError(
                    503,
                    "the server holds too many uploads; try again in a moment",
                    headers={"Retry-After": "2"},
                )

        try:
            yield add
        finally:
            self.used_bytes -= reserved


class ConcurrencyLimit:
    """Limits how many requests or streams are served at the same time.

    Args:
        max_active: The limit.
        kind: The name of what is counted, in the plural, for the message.

    Attributes:
        active: How many are being served now.
    """

    def __init__(self, max_active: int, kind: str) -> None:
        self.max_active, self._kind = max_active, kind
        self.active = 0

    @contextlib.contextmanager
    def acquire(self) -> Iterator[None]:
        """Count one more until the block ends.

        Raises:
            ApiError: 503 if the limit is reached.
        """
        if self.active >= self.max_active:
            raise ApiError(
                503,
                f"the server handles {self.max_active} {self._kind} already; try again in a moment",
                headers={"Retry-After": "1"},
            )
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1


def limit_body(
    request: Request,
    *,
    max_bytes: int,
    timeout_s: float,
    on_bytes: Callable[[int], None] = lambda _: None,
) -> Request:
    """Return the request with limits on the size and the time of its body.

    Args:
        request: The request.
        max_bytes: Limit of the body.
        timeout_s: Time for each 10 MB of the body, the last ones included.
        on_bytes: Called with the size of each part that arrives.

    Raises:
        ApiError: 413 if the header declares a larger body. While the body is read: 413 if it is
            larger, 408 if it is too slow.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    return Request(request.scope, _limited(request.receive, max_bytes, timeout_s, on_bytes))


def _limited(
    receive: Receive, max_bytes: int, timeout_s: float, on_bytes: Callable[[int], None]
) -> Receive:
    received = 0
    started = time.monotonic()

    async def next_message() -> Message:
        nonlocal received
        allowed_s = timeout_s * (1 + received // _BYTES_PER_TIMEOUT)
        remaining_s = allowed_s - (time.monotonic() - started)
        try:
            message = await asyncio.wait_for(receive(), max(remaining_s, 0.001))
        except TimeoutError:
            reason = f"the body did not arrive within {allowed_s:g} s"
            raise ApiError(408, reason, headers=_CLOSE) from None
        size = len(message.get("body", b""))
        received += size
        on_bytes(size)
        if received > max_bytes:
            raise _too_large(max_bytes)
        return message

    return next_message


def _too_large(max_bytes: int) -> ApiError:
    limit = f"{max_bytes / 1e6:g} MB"
    return ApiError(413, f"the body is larger than {limit}; send less at once", headers=_CLOSE)


def _bare(host: str) -> str:
    """Return a host as names are compared: without port and final dot, in small letters."""
    return _PORT.sub("", host).rstrip(".").lower()


def _bearer_key(headers: Mapping[str, str]) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
