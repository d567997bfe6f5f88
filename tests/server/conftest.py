"""A server in this process, and one on loopback."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi.testclient import TestClient

from mien.server import ServerOptions, create_app, uvicorn_config
from mien.webpage.export import BUILT_PAGE

SAMPLES = BUILT_PAGE.parent / "samples"
PORTRAIT = SAMPLES / "eileen_collins.jpg"


@pytest.fixture
def client_of(tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Make a client of a server with some options."""
    with contextlib.ExitStack() as stack:

        def client_of(**options: object) -> TestClient:
            options = {"jobs": tmp_path / "jobs", "workers": 2} | options
            app = create_app(ServerOptions(**options))
            client = TestClient(app, raise_server_exceptions=False)
            return stack.enter_context(client)

        yield client_of


@pytest.fixture
def client(client_of: Callable[..., TestClient]) -> TestClient:
    return client_of()


@contextlib.contextmanager
def listening(options: ServerOptions) -> Iterator[str]:
    """Run a server on a free loopback port."""
    settings = uvicorn_config(create_app(options), options, port=0)
    server = uvicorn.Server(settings)
    socket = settings.bind_socket()
    thread = threading.Thread(target=server.run, args=([socket],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        socket.close()
