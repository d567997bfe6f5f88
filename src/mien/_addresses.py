"""Addresses of streams as they may be shown and written: without what gives access to them."""

from __future__ import annotations

import re

__all__ = ["without_credentials"]

_HIDDEN = "***"

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+:/+)(.*)", re.DOTALL)
"""A letter alone before the colon is a drive of Windows."""

_HOST_AND_PORT = re.compile(r"[^:@]*:[0-9]*|\[[^]@]*\](:[0-9]*)?")

_SECRET = re.compile(
    r"([?&;/_][^?&;/=#]*"
    r"(?:pass|pwd|psw|token|key|auth|secret|sig|user|usr|login|account|cred|session|jwt)"
    r"[^?&;/=#]*=)[^?&;/#]+",
    re.IGNORECASE,
)
"""A value in an address by whose name it may be a name of a user, a password or a key."""


def without_credentials(source: str) -> str:
    """Return a source with the user, password and keys in its address hidden.

    Args:
        source: An address such as `rtsp://user:password@host/stream?token=1`, of which
            `rtsp://***@host/stream?token=***` is returned; all else, such as a path, stays as it
            is.
    """
    found = _ADDRESS.fullmatch(source)
    if found is None:
        return source
    scheme, rest = found.groups()
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    # A password that is not encoded may hold all that ends it otherwise.
    is_host = ":" not in authority or _HOST_AND_PORT.fullmatch(authority)
    users = authority if is_host else rest
    if "@" in users:
        rest = f"{_HIDDEN}{rest[users.rindex('@') :]}"
    return scheme + _SECRET.sub(rf"\1{_HIDDEN}", rest)
