"""Whose address counts as the caller's: the connection's, or what a trusted proxy says of it.

Uvicorn can do this too, but believes loopback by default, lets an environment variable add to that,
and takes for an address whatever stands in the header; here its part is switched off.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.requests import HTTPConnection

from mien.errors import InputError
from mien.server.problems import Problem

__all__ = ["TrustedProxies"]

_HEADER = "X-Forwarded-For"

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_SHOWN = 60


class TrustedProxies:
    """The proxies that may say for whom they ask, in `X-Forwarded-For` alone.

    Args:
        addresses: Addresses (`127.0.0.1`, `::1`) and networks (`10.0.0.0/8`); none by default.

    Raises:
        InputError: One of them is neither, or is everybody.
    """

    def __init__(self, addresses: Sequence[str] = ()) -> None:
        self._networks = tuple(map(_network, addresses))

    def caller(self, connection: HTTPConnection) -> str:
        """Return the address of who asks.

        Behind trusted proxies that is the right-most one in the header that is not theirs: whoever
        asks can write what they like to the left of it. If all are theirs, one of them asks.

        Raises:
            Problem: 400 if a trusted proxy sends a header that holds something else than addresses.
        """
        if connection.client is None:
            return "local"
        peer = _parsed(connection.client.host)
        if peer is None:
            return connection.client.host
        said = ",".join(connection.headers.getlist(_HEADER))
        if not self._trusts(peer) or not said.strip():
            return str(peer)
        found = peer
        for each in reversed(said.split(",")):
            address = _parsed(_without_port(each.strip()))
            if address is None:
                raise Problem(
                    400,
                    f"the proxy {peer} sent {_HEADER}: {said[:_SHOWN]!r}, expected addresses; set "
                    "the header in the proxy",
                )
            found = address
            if not self._trusts(found):
                break
        return str(found)

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


def _network(given: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        network = ipaddress.ip_network(given.strip())
    except ValueError as error:
        raise InputError(
            f"--trust-proxy {given}: expected an address such as 127.0.0.1, or a network such as "
            f"10.0.0.0/8 ({error})"
        ) from error
    if network.prefixlen == 0:
        raise InputError(
            f"--trust-proxy {given}: that is everybody, so that any caller could write any "
            "address. Name the proxy's own"
        )
    return network


def _parsed(text: str) -> _Address | None:
    """Return an address; one of IPv4 that is written as IPv6 is that of IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _without_port(text: str) -> str:
    """Strip a port and brackets: `192.0.2.1:80`, `[2001:db8::1]:80`, `[2001:db8::1]`."""
    if text.startswith("["):
        address, closed, port = text[1:].partition("]")
        return address if closed and (not port or _is_port(port)) else text
    address, colon, port = text.partition(":")
    return address if colon and "." in address and _is_port(f":{port}") else text


def _is_port(text: str) -> bool:
    return text.startswith(":") and text[1:].isdecimal()
