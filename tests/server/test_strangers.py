"""Whatever a stranger sends, the server goes on, says what is wrong, and can be stopped."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import functools
import io
import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from mien.errors import ArtefactError, OutputError
from mien.server import KeyFile, ServerOptions, create_app
from mien.server import runner as runner_module
from mien.server import store as store_module
from mien.server.runner import JobRunner
from mien.server.store import Job, JobStore
from tests import coroutines
from tests.media.test_bounds import pages, progressive
from tests.server.conftest import PORTRAIT, listening
from tests.server.test_jobs import MP4, ended, hand_in

JPEG = {"content-type": "image/jpeg"}


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    import numpy as np

    from tests.videos import write_video

    frames = [(number / 10, np.full((120, 160, 3), 90, np.uint8)) for number in range(5)]
    return write_video(tmp_path_factory.mktemp("videos") / "grey.mp4", frames)


def message(answer):
    assert set(answer.json()) == {"error"}
    return answer.json()["error"]["message"]


def analyzed(client, body, query=""):
    return client.post(f"/v1/analyze{query}", content=body, headers=JPEG)


# Images that keep a decoder busy


@functools.cache
def slow_jpeg():
    """A small JPEG with as many scans as allowed, which takes a second to decode."""
    return progressive(60, side=4000, quality=10)


def test_images_of_many_scans_and_pages_are_answered_at_once(client):
    assert "more than 100 scans" in message(analyzed(client, progressive(400)))
    answer = analyzed(client, pages(40_000), "?min_score=0.99")
    assert answer.json()["results"][0]["notes"] == [
        "has more than 100 frames, only the first was read"
    ]


def _hang(*_):
    time.sleep(60)


def test_a_decoder_that_takes_too_long_is_ended_and_the_next_image_is_served(
    client_of, monkeypatch
):
    from mien.server import decoding

    client = client_of(decode_timeout_s=2.0, workers=1)
    good = PORTRAIT.read_bytes()
    started = time.monotonic()
    with monkeypatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(decoding, "decode_image_limited", _hang)
        slow = [pool.submit(analyzed, client, b"x") for _ in range(2)]
        assert {answer.result().status_code for answer in slow} == {422}
    assert "decoding took longer than 2 s" in message(slow[0].result())
    assert analyzed(client, good).status_code == 200
    assert time.monotonic() - started < 20


def test_a_decoder_that_takes_too_much_memory_is_refused_it(client_of):
    client = client_of(max_decode_bytes=60_000_000)
    packed = io.BytesIO()
    Image.new("RGB", (5000, 5000)).save(packed, "PNG", compress_level=1)
    assert "not enough memory" in message(analyzed(client, packed.getvalue()))
    assert analyzed(client, PORTRAIT.read_bytes()).status_code == 200


def test_a_decoder_that_dies_takes_nothing_with_it(client, monkeypatch):
    from mien.server import decoding

    with monkeypatch.context() as patch:
        patch.setattr(decoding, "decode_image_limited", _die)
        assert "the decoder failed" in message(analyzed(client, b"x"))
    assert analyzed(client, PORTRAIT.read_bytes()).status_code == 200


def _die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_decoder_that_cannot_be_started_is_said(client, monkeypatch):
    from mien.server import decoding

    async def full(*_, **__):
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(decoding.to_process, "run_sync", full)
    answer = analyzed(client, PORTRAIT.read_bytes())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_a_server_whose_workers_are_all_busy_is_not_ready(tmp_path, monkeypatch):
    from mien.server import decoding

    monkeypatch.setattr(decoding, "decode_image_limited", _hang)
    options = ServerOptions(jobs=tmp_path, workers=1, decode_timeout_s=2.0, ready_wait_s=0.1)

    async def ask(host):
        async with httpx.AsyncClient(base_url=host, timeout=30) as client:
            slow = [
                asyncio.create_task(client.post("/v1/analyze", content=b"x", headers=JPEG))
                for _ in range(2)
            ]
            async with asyncio.timeout(5):
                while (await client.get("/readyz")).status_code == 200:
                    await asyncio.sleep(0.02)
            assert {answer.status_code for answer in await asyncio.gather(*slow)} == {422}
            return (await client.get("/readyz")).json()

    with listening(options) as host:
        assert coroutines.run(ask(host)) == {"ready": True, "waiting": 0}


def png(*chunks, size=(16, 16)):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes((1 + 3 * size[0]) * size[1]))
    body = [(b"IHDR", head), *chunks, (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in body)


_BOMB = zlib.compress(bytes(80_000_000), 9)


@pytest.mark.parametrize(
    "body",
    [
        png((b"zTXt", b"a\0\0" + _BOMB)),
        png((b"iTXt", b"a\0\1\0\0\0" + _BOMB)),
        png((b"iCCP", b"a\0\0" + _BOMB)),
        png((b"acTL", struct.pack(">II", 2**31 - 1, 0))),
        png(*[(b"tEXt", b"a\0" + bytes(60_000))] * 200),
    ],
    ids=["zTXt", "iTXt", "iCCP", "acTL", "tEXt"],
)
def test_metadata_that_grows_costs_neither_time_nor_memory(client_of, body):
    client = client_of(max_decode_bytes=150_000_000)
    started = time.monotonic()
    answer = analyzed(client, body)
    assert answer.status_code in (200, 422), answer.text
    assert time.monotonic() - started < 5
    assert analyzed(client, PORTRAIT.read_bytes()).status_code == 200


# Stopping


_SERVER = """
import sys
from pathlib import Path
from mien.cli.serve import _listen
from mien.server import ServerOptions, StoppingServer, create_app, uvicorn_config
options = ServerOptions(jobs=Path(sys.argv[1]), workers=1, stop_timeout_s=1)
listener = _listen("127.0.0.1", 0)
print(listener.getsockname()[1], flush=True)
StoppingServer(uvicorn_config(create_app(options), options)).run([listener])
"""


def test_a_signal_ends_the_server_whatever_it_is_doing(tmp_path):
    import numpy as np
    from websockets.sync.client import connect

    from tests.videos import write_video

    frames = [(number / 10, np.full((240, 320, 3), 90, np.uint8)) for number in range(400)]
    video = write_video(tmp_path / "long.mp4", frames)
    command = [sys.executable, "-c", _SERVER, str(tmp_path / "jobs")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline())
            host = f"http://127.0.0.1:{port}"
            with (
                socket.create_connection(("127.0.0.1", port)) as upload,
                socket.create_connection(("127.0.0.1", port)) as decoding,
                connect(f"ws://127.0.0.1:{port}/v1/stream"),
            ):
                head = "POST /v1/{} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n"
                upload.sendall(head.format("videos", 10**6).encode() + b"abc")
                job = httpx.post(
                    f"{host}/v1/videos", content=video.read_bytes(), headers=MP4
                ).json()
                body = slow_jpeg()
                decoding.sendall(head.format("analyze", len(body)).encode() + body)
                address = f"{host}/v1/jobs/{job['id']}"
                _wait_until(lambda: httpx.get(address).json()["state"] == "running")
                _wait_until(lambda: httpx.get(f"{host}/readyz").json()["waiting"] > 0)
                decoders = _children(process.pid)
                assert decoders
                started = time.monotonic()
                process.send_signal(signal.SIGTERM)
                process.wait(20)
                assert time.monotonic() - started < 12
        finally:
            process.kill()
    for decoder in decoders:
        _wait_until(lambda: not Path(f"/proc/{decoder}").exists(), timeout_s=5)  # noqa: B023
    store = JobStore(tmp_path / "jobs" / "jobs.sqlite")
    assert store.get(job["id"]).state == "queued"
    store.close()


def _wait_until(condition, *, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _children(parent):
    """Return the living processes that this one has started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, ppid = status.read_text().rpartition(")")[2].split()[:2]
            if int(ppid) == parent and state != "Z":
                found.append(int(status.parent.name))
    return found


def test_threads_that_never_end_do_not_keep_the_process(tmp_path):
    code = (
        "import threading, time, os, signal\n"
        "from mien.server import run\n"
        "run._MAX_STOP_S = 0.2\n"
        "server = run.StoppingServer(run.uvicorn.Config(None))\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "server.handle_exit(signal.SIGTERM, None)\n"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], timeout=30, check=False)
    assert done.returncode == 1
    assert time.monotonic() - started < 20


# Jobs


def test_results_that_are_read_are_deleted_after_the_last_byte(
    client, video, tmp_path, monkeypatch
):
    from mien.server import jobs

    job_id = hand_in(client, video)
    ended(client, job_id)
    expected = client.get(f"/v1/jobs/{job_id}/result").text
    send = jobs._HeldFileResponse.__call__

    async def delete_then_send(self, *given):
        answer = await asyncio.to_thread(client.delete, f"/v1/jobs/{job_id}")
        assert answer.status_code == 204
        await send(self, *given)

    monkeypatch.setattr(jobs._HeldFileResponse, "__call__", delete_then_send)
    answer = client.get(f"/v1/jobs/{job_id}/result")
    assert (answer.status_code, answer.text) == (200, expected)
    assert client.get(f"/v1/jobs/{job_id}/result").status_code == 404
    assert not (tmp_path / "jobs" / job_id).exists()


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_results_that_somebody_removed_or_damaged_are_said(client, video, tmp_path, format):
    job_id = hand_in(client, video)
    ended(client, job_id)
    results = tmp_path / "jobs" / job_id / "results.jsonl"
    if format == "csv":
        results.write_text('{"half": ')
        answer = client.get(f"/v1/jobs/{job_id}/result?format=csv")
        assert (answer.status_code, "damaged" in message(answer)) == (404, True)
        assert client.get(f"/v1/jobs/{job_id}?rows=5").json()["rows"] == []
    results.unlink()
    answer = client.get(f"/v1/jobs/{job_id}/result?format={format}")
    assert (answer.status_code, "removed" in message(answer)) == (404, True)


def test_ranges_of_results_are_answered_and_wrong_ones_refused(client, video):
    job_id = hand_in(client, video)
    ended(client, job_id)
    address = f"/v1/jobs/{job_id}/result?format=csv"
    whole = client.get(address)
    part = client.get(address, headers={"range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, whole.content[2:6])
    for wrong in ("bytes=999999-", "bytes=a-b", "bytes=" + ",".join(["0-0"] * 5000)):
        assert client.get(address, headers={"range": wrong}).status_code in (200, 206, 400, 416)


def test_a_second_server_on_one_fresh_folder_says_that_it_cannot_take_videos(client_of, video):
    first, second = client_of(), client_of()
    job_id = hand_in(first, video)
    answer = second.post("/v1/videos", content=video.read_bytes(), headers=MP4)
    assert answer.status_code == 503
    assert "cannot use its folder of jobs" in message(answer)
    assert analyzed(second, PORTRAIT.read_bytes()).status_code == 200
    assert second.get("/v1/jobs").json() == {"jobs": []}
    assert ended(first, job_id)["state"] == "done"


def test_an_upload_on_a_full_disk_is_refused_and_leaves_nothing(
    client, video, tmp_path, monkeypatch
):
    write = Path.open

    def full(path, mode="r", *given, **options):
        if path.name == "upload.mkv" and mode == "wb":
            return open("/dev/full", mode)  # noqa: PTH123
        return write(path, mode, *given, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        answer = client.post("/v1/videos", content=video.read_bytes(), headers=MP4)
    assert answer.status_code == 503
    assert "No space left on device" in message(answer)
    assert [path for path in (tmp_path / "jobs").iterdir() if path.is_dir()] == []
    assert ended(client, hand_in(client, video))["state"] == "done"


def test_a_list_of_jobs_that_cannot_be_written_is_no_internal_error(client, video, monkeypatch):
    def full(*_, **__):
        raise sqlite3.OperationalError("database or disk is full")

    hand_in(client, video)
    monkeypatch.setattr(JobStore, "newest", full)
    assert client.get("/v1/jobs").status_code == 503
    monkeypatch.setattr(JobStore, "add_folder", full)
    answer = client.post("/v1/videos", content=video.read_bytes(), headers=MP4)
    assert answer.status_code == 503


def _options(**changes):
    names = ("max_fps", "detect_every", "min_duration_s", "min_face_px", "min_score")
    return json.dumps(dict.fromkeys(names) | {"smoothing_s": 0.4} | changes)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("options", "damaged"),
        ("options", "[]"),
        ("options", "{}"),
        ("options", b"\xff"),
        ("options", "[" * 100_000),
        ("options", '{"max_fps": "a", "detect_every": null, "smoothing_s": 0}'),
        ("options", '{"max_fps": "x"}'),
        ("state", "nonsense"),
        ("created", "yesterday"),
        ("owner", b"\xff"),
        ("name", b"\xff"),
        ("worked_s", "long"),
    ],
)
def test_a_damaged_row_ends_its_own_job_alone(video, tmp_path, column, value):
    options = ServerOptions(jobs=tmp_path / "jobs", concurrent_jobs=0)
    with TestClient(create_app(options)) as client:
        damaged, good = hand_in(client, video), hand_in(client, video)
    with sqlite3.connect(tmp_path / "jobs" / "jobs.sqlite") as database:
        database.execute(f"UPDATE jobs SET {column} = ? WHERE id = ?", (value, damaged))  # noqa: S608
    database.close()
    with TestClient(create_app(ServerOptions(jobs=tmp_path / "jobs"))) as client:
        assert ended(client, good)["state"] == "done"
        if column != "owner":
            job = ended(client, damaged)
            assert (job["state"], "entry on the server is damaged" in job["error"]) == (
                "failed",
                True,
            )
            assert job["ended"] is not None
        assert client.get("/v1/jobs").status_code == 200


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("options", _options(max_fps="x")),
        ("options", _options(max_fps=0)),
        ("options", _options(detect_every=1.5)),
        ("options", _options(smoothing_s=None)),
        ("options", _options(smoothing_s=1e999)),
        ("options", _options(min_face_px=0)),
        ("options", _options(min_score=2)),
        ("options", _options(other=1)),
        ("state", "nonsense"),
        ("state", b"queued"),
        ("created", 1e999),
    ],
)
def test_a_row_with_values_that_no_request_can_have_is_damaged(tmp_path, column, value):
    path = tmp_path / "jobs.sqlite"
    store = JobStore(path)
    sound = {"owner": "a", "name": "a.mp4", "state": "queued", "created": 1.0}
    for job_id in ("bad", "good"):
        store.add(Job(id=job_id, options=json.loads(_options()), **sound))
    store.close()
    with sqlite3.connect(path) as database:
        database.execute(f"UPDATE jobs SET {column} = ? WHERE id = 'bad'", (value,))  # noqa: S608
    database.close()
    store = JobStore(path)
    job = store.get("bad")
    assert (job.state, "entry on the server is damaged" in job.error) == ("failed", True)
    assert json.dumps(dataclasses.asdict(job), allow_nan=False)
    assert store.claim().id == "good"
    assert store.claim() is None
    assert store.expired(-1.0) == ["bad"]
    store.close()


def test_whatever_a_job_does_its_thread_goes_on(client, video, monkeypatch):
    remove, calls = JobRunner._remove_old, []

    def broken(self):
        calls.append(1)
        if len(calls) < 3:
            raise TypeError("a fault")
        remove(self)

    monkeypatch.setattr(JobRunner, "_remove_old", broken)
    assert ended(client, hand_in(client, video))["state"] == "done"


class Clock:
    """A clock that is set while the program runs."""

    def __init__(self, monkeypatch):
        self.ahead_s, now = 0.0, time.time
        monkeypatch.setattr(store_module.time, "time", lambda: now() + self.ahead_s)


@pytest.mark.parametrize("restart", [False, True])
def test_a_clock_that_is_a_day_ahead_deletes_no_results(client_of, video, monkeypatch, restart):
    clock = Clock(monkeypatch)
    client = client_of(retention_s=86_400.0)
    job_id = hand_in(client, video)
    ended(client, job_id)
    clock.ahead_s = 2 * 86_400.0
    if restart:
        client.__exit__()
        client = client_of(retention_s=86_400.0)
    # Old jobs are looked for before each job, so that this one's end shows that they were.
    ended(client, hand_in(client, video))
    assert client.get(f"/v1/jobs/{job_id}").json()["state"] == "done"


def test_jobs_of_an_earlier_server_go_after_the_hour_of_grace(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    uptime_s = [0.0]
    monkeypatch.setattr(store_module, "_uptime_s", lambda: uptime_s[0])
    store = JobStore(tmp_path / "jobs.sqlite")
    job = store_module.Job(
        id="a", owner="me", name="a", options={}, state="running", created=time.time()
    )
    store.add(job)
    store.set_state("a", "done")
    assert store.expired(86_400) == []
    store.close()
    clock.ahead_s = 2 * 86_400.0
    store = JobStore(tmp_path / "jobs.sqlite")
    assert store.expired(86_400) == []
    uptime_s[0] = 3599.0
    assert store.expired(86_400) == []
    uptime_s[0] = 3601.0
    assert store.expired(86_400) == ["a"]
    store.close()


# Keys


@pytest.mark.parametrize("digest", ["é" * 64, "abc", "", "G" * 64])
def test_a_digest_that_is_none_is_refused_at_start_and_answered_with_503(
    client_of, tmp_path, digest
):
    path = tmp_path / "keys.json"
    key = {"authorization": f"Bearer {KeyFile(path).add('phone')}"}
    client = client_of(keys=path)
    assert client.get("/v1/model", headers=key).status_code == 200
    document = json.loads(path.read_text())
    document["keys"]["robot"] = digest
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    answer = client.get("/v1/model", headers=key)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    with pytest.raises(ArtefactError, match=r"field 'keys\.robot': expected 64 hexadecimal digits"):
        KeyFile(path)


@pytest.mark.parametrize("kind", [OutputError, ArtefactError])
def test_a_job_that_fails_on_the_server_does_not_name_its_folders(
    client, video, tmp_path, monkeypatch, caplog, kind
):
    def fail(folder, *_, **options):
        raise kind(f"{folder}/results.jsonl: cannot write")

    monkeypatch.setattr(runner_module, "analyze_to", fail)
    job = ended(client, hand_in(client, video))
    assert job["state"] == "failed"
    assert str(tmp_path) not in job["error"]
    assert str(tmp_path) in caplog.text


_SECRET = "mien_" + "s3cret" * 7


@pytest.mark.parametrize(
    "document",
    [
        {"keys": {"robot": _SECRET}},
        {"keys": {_SECRET: "robot"}},
        {"keys": {"robot": [_SECRET]}},
        {"keys": [_SECRET]},
        {"keys": {}, "robot": _SECRET},
        {_SECRET: "robot"},
        _SECRET,
    ],
)
def test_a_key_in_the_key_file_is_told_neither_to_callers_nor_to_the_log(
    client_of, tmp_path, caplog, document
):
    path = tmp_path / "keys.json"
    KeyFile(path).add("phone")
    client = client_of(keys=path)
    path.write_text(json.dumps(document))
    answers = [client.get("/v1/model"), client.get("/v1/jobs"), client.get("/readyz")]
    assert [answer.status_code for answer in answers] == [503, 503, 503]
    assert client.get("/healthz").status_code == 200
    for answer in answers:
        for told in ("s3cret", "robot", "keys.json", str(tmp_path)):
            assert told not in answer.text
    assert "keys.json" in caplog.text
    assert caplog.text.count("keys cannot be checked") == 1
    assert "s3cret" not in caplog.text
    path.unlink()
    KeyFile(path).add("phone")
    assert client.get("/readyz").status_code == 200


def test_a_key_file_in_a_missing_folder_is_refused_and_the_folder_not_made(tmp_path):
    path = tmp_path / "none" / "keys.json"
    with pytest.raises(ArtefactError, match=r"keys\.json: there is no folder .*none\. Make it"):
        KeyFile(path)
    assert not path.parent.exists()


# Addresses, names and headers


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("PUT", "/v1/jobs/abc", "DELETE, GET"),
        ("POST", "/v1/jobs/abc", "DELETE, GET"),
        ("DELETE", "/v1/jobs", "GET"),
        ("GET", "/v1/analyze", "POST"),
        ("PATCH", "/v1/videos/", "POST"),
        ("POST", "/index.html", "GET, HEAD"),
    ],
)
def test_a_method_that_an_address_does_not_take_is_answered_with_those_it_takes(
    client, method, address, allowed
):
    answer = client.request(method, address)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert f"takes {allowed}" in message(answer)


def test_a_slash_at_the_end_changes_nothing(client, video):
    assert client.get("/v1/model/").json() == client.get("/v1/model").json()
    assert analyzed(client, PORTRAIT.read_bytes(), "/?min_face_px=400").status_code == 200
    answer = client.post("/v1/videos/", content=video.read_bytes(), headers=MP4)
    assert answer.status_code == 202
    assert client.get(f"/v1/jobs/{answer.json()['id']}/").status_code == 200
    with client.websocket_connect("/v1/stream/") as socket:
        socket.send_bytes(PORTRAIT.read_bytes())
        assert socket.receive_json()["faces"]


@pytest.mark.parametrize("field", ["files", "file"])
def test_both_names_of_the_field_are_taken_for_images_and_videos(client, video, field):
    image = {field: ("a.jpg", PORTRAIT.read_bytes())}
    assert client.post("/v1/analyze", files=image).json()["results"][0]["source"] == "a.jpg"
    file = {field: ("party.mp4", video.read_bytes())}
    assert client.post("/v1/videos", files=file).json()["name"] == "party.mp4"


@pytest.mark.parametrize("address", ["/v1/analyze", "/v1/videos"])
def test_fields_of_a_form_that_nobody_reads_are_refused_by_name(client, video, address):
    file = {"file": ("a.jpg", PORTRAIT.read_bytes())}
    answer = client.post(address, files=file, data={"fps": "2"})
    assert answer.status_code == 400
    assert "form field 'fps' is unknown" in message(answer)
    advised = message(answer).partition("query parameters: ")[2]
    if address == "/v1/videos":
        file = {"file": ("a.mp4", video.read_bytes())}
    assert client.post(address + advised, files=file).status_code in (200, 202)
    answer = client.post(address, files=file, data={"file": "text"})
    assert (answer.status_code, "holds text" in message(answer)) == (400, True)


@pytest.mark.parametrize(
    ("method", "address", "said"),
    [
        ("POST", "/v1/analyze?minface=40", "'minface' is unknown; did you mean 'min_face_px'?"),
        ("POST", "/v1/analyze?min_face_px=40&fps=2", "known are min_face_px, min_score, draw"),
        ("POST", "/v1/videos?fps=2", "did you mean 'max_fps'?"),
        ("GET", "/v1/jobs?limit=3", "known are most"),
        ("GET", "/v1/jobs/a?row=3", "did you mean 'rows'?"),
        ("GET", "/v1/jobs/a/result?fromat=csv", "did you mean 'format'?"),
        ("DELETE", "/v1/jobs/a?force=1", "there are none here"),
        ("GET", "/v1/model?x=1", "there are none here"),
        ("GET", "/readyz?x=1", "there are none here"),
        ("POST", "/v1/analyze?min_face_px=40&min_face_px=500", "'min_face_px' is given 2 times"),
        ("GET", "/v1/jobs?most=1&most=2&most=1", "'most' is given 3 times; give it once"),
    ],
)
def test_query_parameters_that_nobody_reads_are_refused_by_name(client, method, address, said):
    answer = client.request(method, address)
    assert answer.status_code == 400
    assert said in message(answer)


def test_private_answers_are_kept_out_of_caches_and_the_page_is_not(client, video):
    job_id = hand_in(client, video)
    ended(client, job_id)
    for address in ("/v1/jobs", f"/v1/jobs/{job_id}", f"/v1/jobs/{job_id}/result", "/metrics"):
        assert client.get(address).headers["cache-control"] == "no-store"
    assert analyzed(client, PORTRAIT.read_bytes()).headers["cache-control"] == "no-store"
    assert analyzed(client, b"x").headers["cache-control"] == "no-store"
    assert client.get("/models/emotion.onnx").headers["cache-control"] == "no-cache"


def test_a_form_of_many_parts_is_given_up_at_the_first_that_is_unknown(client):
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    body = part * 200_000 + b"--x--\r\n"
    kind = {"content-type": "multipart/form-data; boundary=x"}
    started = time.monotonic()
    for address in ("/v1/analyze", "/v1/videos"):
        assert client.post(address, content=body, headers=kind).status_code == 400
    assert time.monotonic() - started < 5
