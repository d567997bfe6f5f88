"""Joining a Ray cluster, or beginning one on this machine that asks nobody and leaves nothing."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping

from mien.errors import InputError, MissingExtraError

__all__ = ["LOCAL", "check_address", "cluster", "require_ray"]

LOCAL = "local"
"""The address of a cluster that is started on this machine, and stopped afterwards."""

_CONNECT_TIMEOUT_S = 10

_LOCAL_SETTINGS = {
    # Without this Ray listens on the machine's network address and not only on the loopback one.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
}

_APART = {
    "RAY_USAGE_STATS_ENABLED": "0",
    **dict.fromkeys(("http_proxy", "HTTP_PROXY"), "http://127.0.0.1:9"),
    **dict.fromkeys(("no_proxy", "NO_PROXY"), ""),
}


def require_ray(*modules: str) -> None:
    """Import parts of Ray, with its settings made before.

    Args:
        modules: Their names, such as `ray.tune`.

    Raises:
        MissingExtraError: Ray, or what a part of it needs, is not installed.
    """
    for name, value in _LOCAL_SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        for module in ("ray", *modules):
            importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError("a Ray cluster", "cluster") from error


@contextlib.contextmanager
def cluster(address: str, *, cpus: float) -> Iterator[None]:
    """Join a cluster, or begin one on this machine of which nothing is left afterwards.

    Args:
        address: The cluster's address, as for `ray.init`, or `local`.
        cpus: How many CPUs a cluster on this machine has, whatever the machine has.

    Raises:
        InputError: No cluster can be reached at the address.
    """
    import ray

    with contextlib.ExitStack() as stack:
        with _told(address):
            if address == LOCAL:
                _begin_here(cpus, stack.enter_context(_folder()))
            else:
                _connect(address)
                ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
        stack.callback(ray.shutdown)
        yield


def check_address(address: str) -> None:
    """Check before the work that something listens at an address `host:port`.

    Raises:
        InputError: Nothing does.
    """
    with _told(address):
        _connect(address)


@contextlib.contextmanager
def _told(address: str) -> Iterator[None]:
    """Say of an error that it is about the address."""
    try:
        yield
    except Exception as error:  # a head that starts slowly raises nothing more specific
        raise InputError(
            f"{address}: no Ray cluster can be reached there: {error}. Give the address of its "
            f"head, or '{LOCAL}'"
        ) from error


def _folder() -> tempfile.TemporaryDirectory[str]:
    """Make a folder for a cluster's logs and sockets, whose paths macOS wants to be short."""
    place = "/tmp" if sys.platform == "darwin" else None  # noqa: S108
    return tempfile.TemporaryDirectory(prefix="ray-", dir=place, ignore_cleanup_errors=True)


def _begin_here(cpus: float, folder: str) -> None:
    """Begin a cluster on this machine that keeps its files in `folder` and asks nobody.

    With its usage reports off, Ray still asks by HTTP in which company's cloud it runs. It gets a
    proxy for that at which nobody listens; what Ray says to itself does not take proxies.
    """
    import ray

    with _environment(_APART):
        ray.init(
            num_cpus=cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.WARNING,
            _temp_dir=folder,
        )


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment, and leave it as it was."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _connect(address: str) -> None:
    """Connect to an address `host:port`, which Ray itself would try for minutes.

    Raises:
        OSError: There is no connection.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_S).close()
