"""What one caller does on purpose must not hurt the others."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import httpx2 as httpx
import pytest
from starlette.websockets import WebSocketDisconnect

from mien.errors import OutputError
from mien.server import ServerOptions, create_app
from mien.server.runner import UPLOAD
from tests import coroutines
from tests.server.conftest import PORTRAIT, listening
from tests.server.test_jobs import ended, hand_in

JPEG = {"content-type": "image/jpeg"}


def test_bodies_that_drip_take_no_place_from_the_others(tmp_path):
    options = ServerOptions(jobs=tmp_path, max_image_requests=2, upload_timeout_s=5.0)

    async def drip():
        for _ in range(10):
            yield b"x"
            await asyncio.sleep(0.2)

    async def ask(host):
        async with httpx.AsyncClient(base_url=host, timeout=30) as client:
            drips = [
                asyncio.create_task(client.post("/v1/analyze", content=drip(), headers=JPEG))
                for _ in range(6)
            ]
            await asyncio.sleep(0.5)
            honest = await client.post("/v1/analyze", content=PORTRAIT.read_bytes(), headers=JPEG)
            await asyncio.gather(*drips)
            return honest.status_code

    with listening(options) as host:
        assert coroutines.run(ask(host)) == 200


def test_uploads_in_memory_are_bounded_together(client_of):
    client = client_of(max_total_image_bytes=10_000)
    answer = client.post("/v1/analyze", content=bytes(20_000), headers=JPEG)
    assert answer.status_code == 503
    assert client.post("/v1/analyze", content=bytes(5_000), headers=JPEG).status_code == 422


def _send_until_closed(host, head, piece, *, seconds):
    """Return how many bytes a server took before it closed the connection, or None."""
    address = host.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1]))) as connection:
        connection.settimeout(0.5)
        connection.sendall(head)
        sent, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                connection.sendall(piece)
                sent += len(piece)
            except OSError:
                return sent
            if len(piece) < 100:
                time.sleep(0.1)
                try:
                    if connection.recv(4096) == b"":
                        return sent
                except TimeoutError:
                    pass
    return None


def test_an_endless_body_of_a_refused_request_is_not_taken_in(tmp_path):
    head = (
        b"POST /v1/analyze HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    with listening(ServerOptions(jobs=tmp_path)) as host:
        taken = _send_until_closed(host, head, piece, seconds=8)
    assert taken is not None
    assert taken < 40e6


def test_a_head_that_never_ends_is_given_up(tmp_path):
    with listening(ServerOptions(jobs=tmp_path, head_timeout_s=0.7)) as host:
        taken = _send_until_closed(host, b"GET / HTTP/1.1\r\n", b"X-A: b\r\n", seconds=8)
    assert taken is not None


def test_pages_of_other_origins_may_not_even_ask(client):
    foreign = {"origin": "https://elsewhere.example"}
    answer = client.post("/v1/analyze", content=PORTRAIT.read_bytes(), headers=JPEG | foreign)
    assert answer.status_code == 403
    ours = {"origin": "http://testserver"}
    answer = client.post("/v1/analyze", content=PORTRAIT.read_bytes(), headers=JPEG | ours)
    assert answer.status_code == 200


@pytest.mark.parametrize(("host", "status"), [("example.org:8443", 200), ("example.org", 403)])
def test_the_page_behind_a_proxy_is_of_the_same_origin_if_its_host_has_the_port(
    client_of, host, status
):
    client = client_of(host_names=("example.org",))
    headers = {"host": host, "origin": "https://example.org:8443"}
    assert client.get("/v1/model", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:8000", 200), ("[::1]:80", 200), ("evil.example", 400), ("127.0.0.1.evil", 400)],
)
def test_a_server_without_keys_answers_only_to_its_own_names(client_of, host, status):
    client = client_of(host_names=("localhost", "127.0.0.1", "[::1]"))
    assert client.get("/v1/model", headers={"host": host}).status_code == status


def test_a_silent_stream_is_closed_and_its_place_is_free(client_of):
    client = client_of(max_streams=1, stream_timeout_s=0.3)
    for _ in range(2):
        with client.websocket_connect("/v1/stream") as silent:
            with pytest.raises(WebSocketDisconnect) as closed:
                silent.receive_json()
            assert closed.value.code == 1001


def test_a_caller_who_hangs_up_is_no_error_of_ours(tmp_path, caplog):
    head = b"POST /v1/analyze HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\nabc"
    with listening(ServerOptions(jobs=tmp_path)) as host:
        name, port = host.removeprefix("http://").split(":")
        with socket.create_connection((name, int(port))) as connection:
            connection.sendall(head)
        time.sleep(0.3)
        assert httpx.get(f"{host}/healthz").status_code == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    import numpy as np

    from tests.videos import write_video

    frames = [(number / 10, np.full((120, 160, 3), 90, np.uint8)) for number in range(20)]
    return write_video(tmp_path_factory.mktemp("videos") / "portrait.mp4", frames)


def test_a_second_server_may_not_use_the_same_jobs(client_of, video, tmp_path):
    hand_in(client_of(), video)
    with pytest.raises(OutputError, match="another server"):
        create_app(ServerOptions(jobs=tmp_path / "jobs"))


def test_rows_that_nobody_vouches_for_are_written_anew(client_of, video, tmp_path):
    from mien.server.jobs_folder import JobsFolder
    from mien.server.store import Job, JobStore

    folder = JobsFolder(tmp_path / "jobs").make("abc")
    (folder / UPLOAD).write_bytes(video.read_bytes())
    (folder / "results.jsonl").write_text('{"half": ')
    store = JobStore(tmp_path / "jobs" / "jobs.sqlite")
    options = {
        "max_fps": None,
        "detect_every": None,
        "smoothing_s": 0.4,
        "min_duration_s": None,
        "min_face_px": None,
        "min_score": None,
    }
    store.add(
        Job(id="abc", owner="testclient", name="a", options=options, state="running", created=0.0)
    )
    store.close()
    client = client_of()
    assert ended(client, "abc")["state"] == "done"
    rows = client.get("/v1/jobs/abc/result").text.splitlines()
    assert [json.loads(line) for line in rows] == []


def test_the_video_of_a_failed_job_is_deleted_too(client_of, video, tmp_path, monkeypatch):
    from mien.server import runner

    def broken(*_, **__):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(runner, "analyze_to", broken)
    client = client_of()
    job_id = hand_in(client, video)
    job = ended(client, job_id)
    assert job["state"] == "failed"
    assert "secret" not in job["error"]
    for _ in range(50):
        if not (tmp_path / "jobs" / job_id / UPLOAD).exists():
            break
        time.sleep(0.02)
    assert not (tmp_path / "jobs" / job_id / UPLOAD).exists()
