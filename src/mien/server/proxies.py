"""The client's address: that of the connection, or the one that a trusted proxy forwards.

Uvicorn can do this too, but it trusts loopback by default, reads an environment variable and does
not check the addresses in the header. So its option is switched off.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.requests import HTTPConnection

from mien.errors import InputError
from mien.server.errors import ApiError

__all__ = ["TrustedProxies"]

_HEADER = "X-Forwarded-For"

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MAX_QUOTED = 60


class TrustedProxies:
    """The proxies whose `X-Forwarded-For` is read; no other header is.

    Args:
        addresses: Addresses (`127.0.0.1`, `::1`) and networks (`10.0.0.0/8`); none by default.

    Raises:
        InputError: One of them is not an address or network, or it contains all addresses.
    """

    def __init__(self, addresses: Sequence[str] = ()) -> None:
        self._networks = tuple(map(_network, addresses))

    def client_address(self, connection: HTTPConnection) -> str:
        """Return the address of the client.

        Behind trusted proxies it is the right-most address in the header that is not trusted: the
        client itself can write anything to the left of it. If all addresses are trusted, it is the
        left-most one.

        Raises:
            ApiError: 400 if the header of a trusted proxy holds anything but addresses.
        """
        if connection.client is None:
            return "local"
        peer = _parsed(connection.client.host)
        if peer is None:
            return connection.client.host
        forwarded = ",".join(connection.headers.getlist(_HEADER))
        if not self._trusts(peer) or not forwarded.strip():
            return str(peer)
        client = peer
        for text in reversed(forwarded.split(",")):
            address = _parsed(_without_port(text.strip()))
            if address is None:
                raise ApiError(
                    400,
                    f"the proxy {peer} sent {_HEADER}: {forwarded[:_MAX_QUOTED]!r}, expected "
                    "addresses; set the header in the proxy",
                )
            client = address
            if not self._trusts(client):
                break
        return str(client)

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        network = ipaddress.ip_network(text.strip())
    except ValueError as error:
        raise InputError(
            f"--trust-proxy {text}: expected an address such as 127.0.0.1, or a network such as "
            f"10.0.0.0/8 ({error})"
        ) from error
    if network.prefixlen == 0:
        raise InputError(
            f"--trust-proxy {text}: this is every address, so that any client could claim any "
            "address. Give the address of the proxy"
        )
    return network


def _parsed(text: str) -> _Address | None:
    """Return an address, or None; an IPv4 address in IPv6 form is returned as IPv4."""
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
