"""Who may ask, how often, how much and how slowly."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping

from starlette.requests import HTTPConnection, Request
from starlette.types import Message, Receive

from mien.errors import ArtefactError
from mien.server.keys import KeyFile
from mien.server.options import ServerOptions
from mien.server.problems import Problem
from mien.server.proxies import TrustedProxies

__all__ = ["Admission", "Gate", "Memory", "limited"]

_BYTES_PER_TIMEOUT = 10_000_000

_PORT = re.compile(r":\d+$")

_CLOSING = {"Connection": "close"}
"""What is left of a body that was refused is not waited for."""


class Gate:
    """Lets callers in by key and by how often they came.

    Args:
        options: Keys, origins, proxies and the rate.

    Raises:
        ArtefactError: The file of keys is damaged.
        InputError: A trusted proxy is no address.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._keys = KeyFile(options.keys) if options.keys is not None else None
        self._proxies = TrustedProxies(options.trusted_proxies)
        self._rate_per_s = options.requests_per_minute / 60
        self._most = float(max(1, options.requests_per_minute // 6))
        self._cors, self._names = options.cors, options.names
        self._left: dict[str, tuple[float, float]] = {}

    def caller(self, request: HTTPConnection, given: str | None = None) -> str:
        """Return who asks: the name of the key, or the address where no keys are asked for.

        Args:
            request: What was asked.
            given: A key that came another way than in the header.

        Raises:
            Problem: 400 by a foreign name or for a trusted proxy's broken header, 403 from a page
                of a foreign origin, 401 without a valid key, 429 after too many requests.
        """
        self._check_place(request)
        if self._keys is None:
            name = self._proxies.caller(request)
        else:
            try:
                found = self._keys.name_of(given or _bearer(request.headers))
            except ArtefactError as error:
                raise Problem(503, f"the keys cannot be read: {error}") from error
            if found is None:
                raise Problem(
                    401,
                    "expected a valid key in the header 'Authorization: Bearer KEY'",
                    headers={"WWW-Authenticate": "Bearer"},
                )
            name = found
        self._count(name)
        return name

    def _check_place(self, connection: HTTPConnection) -> None:
        """Refuse names and origins that are not ours.

        CORS hides answers from foreign pages, but lets them ask, and does not guard web sockets.
        """
        host = connection.headers.get("host", "")
        if self._names is not None and _PORT.sub("", host).lower() not in self._names:
            raise Problem(400, f"this server is not called {host!r}; see --name")
        origin = connection.headers.get("origin")
        ours = origin is None or origin in self._cors or origin.partition("://")[2] == host
        if not ours:
            raise Problem(403, f"pages of {origin} are not let in; see --cors")

    def _count(self, name: str) -> None:
        """Take one from a bucket that fills at the allowed rate."""
        now = time.monotonic()
        left, since = self._left.get(name, (self._most, now))
        left = min(self._most, left + (now - since) * self._rate_per_s)
        if left < 1:
            wait = max(1, round((1 - left) / self._rate_per_s))
            raise Problem(429, "too many requests; slow down", headers={"Retry-After": str(wait)})
        self._left[name] = (left - 1, now)
        if len(self._left) > 10_000:
            full = now - self._most / self._rate_per_s
            self._left = {who: each for who, each in self._left.items() if each[1] > full}


class Memory:
    """Counts the bytes of bodies that are being read or worked on.

    Args:
        most: All requests together.
    """

    def __init__(self, most: int) -> None:
        self.most, self.held = most, 0

    @contextlib.contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """Give a function that counts more bytes; they count until the end.

        Raises:
            Problem: 503 if there are too many.
        """
        mine = 0

        def take(count: int) -> None:
            nonlocal mine
            mine += count
            self.held += count
            if self.held > self.most:
                raise Problem(
                    503, "too much is being uploaded already", headers={"Retry-After": "2"}
                )

        try:
            yield take
        finally:
            self.held -= mine


class Admission:
    """Counts what is in work and refuses what would be too much.

    Args:
        most: At the same time.
        what: Of what, for the message.
    """

    def __init__(self, most: int, what: str) -> None:
        self.most, self._what = most, what
        self.inside = 0

    @contextlib.contextmanager
    def enter(self) -> Iterator[None]:
        """Be counted while inside.

        Raises:
            Problem: 503 if there are too many.
        """
        if self.inside >= self.most:
            raise Problem(
                503,
                f"{self.most} {self._what} are in work already; try again in a moment",
                headers={"Retry-After": "1"},
            )
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


def limited(
    request: Request,
    *,
    max_bytes: int,
    timeout_s: float,
    take: Callable[[int], None] = lambda _: None,
) -> Request:
    """Return the request with a body that may be neither too long nor too slow.

    Args:
        request: As it came.
        max_bytes: Of the body.
        timeout_s: For the body, per 10 MB begun.
        take: Hears of the bytes as they come.

    Raises:
        Problem: 413 if the request itself says that it is too long.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    return Request(request.scope, _limited(request.receive, max_bytes, timeout_s, take))


def _limited(
    receive: Receive, max_bytes: int, timeout_s: float, take: Callable[[int], None]
) -> Receive:
    came = 0
    started = time.monotonic()

    async def next_message() -> Message:
        nonlocal came
        allowed_s = timeout_s * (1 + came // _BYTES_PER_TIMEOUT)
        left_s = allowed_s - (time.monotonic() - started)
        try:
            message = await asyncio.wait_for(receive(), max(left_s, 0.001))
        except TimeoutError:
            said = f"the body did not come within {allowed_s:g} s"
            raise Problem(408, said, headers=_CLOSING) from None
        size = len(message.get("body", b""))
        came += size
        take(size)
        if came > max_bytes:
            raise _too_large(max_bytes)
        return message

    return next_message


def _too_large(max_bytes: int) -> Problem:
    limit = f"{max_bytes / 1e6:g} MB"
    return Problem(413, f"the body is larger than {limit}; send less at once", headers=_CLOSING)


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
