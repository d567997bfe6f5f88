"""Who asks is told by the connection, and by a header only where a trusted proxy wrote it."""

import logging
import socket
import types

import httpx2 as httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect
from typer.testing import CliRunner

from mien.cli import app
from mien.errors import InputError
from mien.server import ServerOptions, create_app, uvicorn_config
from mien.server.errors import ApiError
from mien.server.proxies import TrustedProxies
from tests.server.conftest import listening
from tests.videos import write_video

FORGED = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Real-IP": "203.0.113.7",
    "Forwarded": "for=203.0.113.7;proto=https;host=bank.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "bank.example",
}


def connection(peer, *headers):
    named = [(name.lower().encode(), value.encode("latin1")) for name, value in headers]
    client = None if peer is None else (peer, 5000)
    return HTTPConnection({"type": "http", "headers": named, "client": client})


def caller(peer, *said, trusted=("127.0.0.1", "10.0.0.0/8", "2001:db8::/32")):
    headers = [("X-Forwarded-For", value) for value in said]
    return TrustedProxies(trusted).client_address(connection(peer, *headers))


@pytest.mark.parametrize(
    ("peer", "said", "expected"),
    [
        ("203.0.113.7", ["192.0.2.1"], "203.0.113.7"),  # not trusted
        ("127.0.0.2", ["192.0.2.1"], "127.0.0.2"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("127.0.0.1", ["198.51.100.9, 192.0.2.1"], "192.0.2.1"),  # the left one may be forged
        ("127.0.0.1", ["198.51.100.9", "192.0.2.1"], "192.0.2.1"),  # in two headers
        ("127.0.0.1", ["rubbish, 192.0.2.1"], "192.0.2.1"),
        ("127.0.0.1", ["198.51.100.9, 192.0.2.1, 10.1.2.3"], "192.0.2.1"),
        ("127.0.0.1", ["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
        ("127.0.0.1", ["192.0.2.1:4711"], "192.0.2.1"),
        ("127.0.0.1", ["[2001:dead::1]:4711"], "2001:dead::1"),
        ("127.0.0.1", ["[2001:dead::1]"], "2001:dead::1"),
        ("127.0.0.1", ["2001:DEAD:0::1"], "2001:dead::1"),  # one writing for one caller
        ("::ffff:127.0.0.1", ["::ffff:192.0.2.1"], "192.0.2.1"),
        ("2001:db8::5", ["192.0.2.1"], "192.0.2.1"),
    ],
)
def test_the_right_most_address_that_is_not_trusted_asks(peer, said, expected):
    assert caller(peer, *said) == expected


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.0.0.1"])
def test_by_default_nobody_is_believed(peer):
    assert caller(peer, "192.0.2.1", trusted=()) == peer


@pytest.mark.parametrize(
    "said",
    [
        "unknown",
        "rubbish",
        "192.0.2.1, ",
        "192.0.2.1,,10.0.0.1",
        "1.2.3",
        "192.0.2.1:x",
        "[::1",
        "\xff",
    ],
)
def test_a_broken_header_of_a_trusted_proxy_is_said(said):
    with pytest.raises(ApiError, match=r"the proxy 127\.0\.0\.1 sent X-Forwarded-For") as caught:
        caller("127.0.0.1", said)
    assert caught.value.status == 400


def test_what_has_no_address_is_local():
    assert TrustedProxies(["127.0.0.1"]).client_address(connection(None)) == "local"
    assert caller("testclient", "192.0.2.1") == "testclient"


@pytest.mark.parametrize("given", ["*", "localhost", "10.0.0.1/8", "0.0.0.0/0", "::/0", ""])
def test_what_may_be_trusted_is_an_address_or_a_network(given):
    with pytest.raises(InputError, match=r"--trust-proxy"):
        TrustedProxies([given])
    with pytest.raises(InputError, match=r"--trust-proxy"):
        create_app(ServerOptions(trusted_proxies=(given,)))
    ran = CliRunner().invoke(app, ["serve", "--trust-proxy", given])
    refused = ran.exit_code == 2 and "an empty path or name" in ran.output if given == "" else False
    assert refused or isinstance(ran.exception, InputError)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    frames = [(number / 10, np.full((120, 160, 3), 90, np.uint8)) for number in range(5)]
    return write_video(tmp_path_factory.mktemp("videos") / "a.mp4", frames).read_bytes()


def jobs_of(address, **headers):
    answer = httpx.get(f"{address}/v1/jobs", headers=headers)
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


def hand_in(address, video, **headers):
    answer = httpx.post(f"{address}/v1/videos", content=video, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


@pytest.fixture
def still(monkeypatch):
    """Stop the clock by which callers' requests are counted, so that none comes back."""
    monkeypatch.setattr("mien.server.limits.time", types.SimpleNamespace(monotonic=lambda: 1000.0))


@pytest.mark.usefixtures("still")
def test_a_forged_header_changes_nothing(video, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    caplog.set_level(logging.DEBUG)
    options = ServerOptions(
        jobs=tmp_path / "jobs", host_names=("127.0.0.1",), requests_per_minute=120
    )
    with listening(options) as address:
        mine = hand_in(address, video)
        forged = hand_in(address, video, **FORGED)
        assert sorted(jobs_of(address)) == sorted([mine, forged])
        assert sorted(jobs_of(address, **FORGED)) == sorted([mine, forged])
        assert httpx.delete(f"{address}/v1/jobs/{mine}", headers=FORGED).status_code == 204
        assert jobs_of(address) == [forged]
        answers = [
            httpx.get(f"{address}/v1/jobs", headers={"X-Forwarded-For": f"203.0.113.{number}"})
            for number in range(15)
        ]
        # Twenty at once, six of which were above.
        assert [answer.status_code for answer in answers] == [200] * 14 + [429]
        assert httpx.get(f"{address}/v1/jobs", headers=FORGED).status_code == 429
        host = {"Host": "bank.example", **FORGED}
        assert httpx.get(f"{address}/v1/jobs", headers=host).status_code == 400
    assert "203.0.113" not in caplog.text


def test_behind_a_trusted_proxy_each_caller_has_the_own_jobs(video, tmp_path):
    options = ServerOptions(jobs=tmp_path / "jobs", trusted_proxies=("127.0.0.0/8",))
    one, other = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "192.0.2.2"}
    with listening(options) as address:
        job = hand_in(address, video, **one)
        assert jobs_of(address, **one) == [job]
        assert jobs_of(address, **other) == []
        # The other one writes the first one's address to the left of the own, which the proxy adds.
        forged = {"X-Forwarded-For": "192.0.2.1, 192.0.2.2"}
        assert jobs_of(address, **forged) == []
        for headers in (other, forged):
            answer = httpx.delete(f"{address}/v1/jobs/{job}", headers=headers)
            assert answer.status_code == 404
        broken = httpx.get(f"{address}/v1/jobs", headers={"X-Forwarded-For": "192.0.2.1, junk"})
        assert broken.status_code == 400
        assert "the proxy 127.0.0.1 sent X-Forwarded-For" in broken.json()["error"]["message"]
        assert httpx.delete(f"{address}/v1/jobs/{job}", headers=one).status_code == 204


@pytest.mark.usefixtures("still")
def test_behind_a_trusted_proxy_each_caller_has_the_own_rate(tmp_path):
    options = ServerOptions(
        jobs=tmp_path / "jobs", trusted_proxies=("127.0.0.1",), requests_per_minute=60
    )
    with listening(options) as address:

        def ask(who):
            headers = {"X-Forwarded-For": who}
            return httpx.get(f"{address}/v1/jobs", headers=headers).status_code

        assert [ask("192.0.2.1") for _ in range(11)] == [200] * 10 + [429]
        assert ask("192.0.2.2") == 200


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("trusted", [(), ("127.0.0.1",)])
def test_the_stream_counts_callers_likewise(tmp_path, trusted):
    options = ServerOptions(jobs=tmp_path / "jobs", trusted_proxies=trusted, requests_per_minute=6)
    with TestClient(create_app(options), client=("127.0.0.1", 50000)) as client:

        def open_stream(who):
            with client.websocket_connect("/v1/stream", headers={"X-Forwarded-For": who}):
                pass

        def refusal(who):
            headers = {"X-Forwarded-For": who}
            with (
                pytest.raises(WebSocketDisconnect) as caught,
                client.websocket_connect("/v1/stream", headers=headers) as socket,
            ):
                socket.receive_json()
            return caught.value.code, caught.value.reason

        open_stream("192.0.2.1")
        if trusted:
            open_stream("192.0.2.2")
            code, reason = refusal("junk")
            assert (code, "X-Forwarded-For" in reason) == (1008, True)
            assert refusal("203.0.113.1, 192.0.2.2") == (1013, "too many requests; slow down")
        else:
            assert refusal("192.0.2.2") == (1013, "too many requests; slow down")


def test_uvicorn_believes_no_header_by_itself(monkeypatch):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    settings = uvicorn_config(create_app(), ServerOptions())
    assert settings.proxy_headers is False
    assert settings.forwarded_allow_ips == ""
    assert settings.root_path == ""


def test_no_answer_leads_to_an_address_that_the_caller_wrote(tmp_path):
    with listening(ServerOptions(jobs=tmp_path / "jobs")) as address:
        for method, path in (("POST", "/v1/analyze/"), ("GET", "/v1/jobs/"), ("GET", "//x")):
            answer = httpx.request(method, address + path, headers=FORGED)
            assert "location" not in answer.headers
            assert "bank.example" not in answer.text


def test_whoever_serves_behind_a_name_without_keys_is_told_what_that_means(monkeypatch, tmp_path):
    import uvicorn

    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: _close(sockets))

    def said(*more):
        given = ["serve", "--port", "0", "--jobs", str(tmp_path / "jobs"), *more]
        ran = CliRunner().invoke(app, given)
        assert ran.exit_code == 0, ran.exception
        return "count as one caller" in ran.stderr

    assert said("--name", "example.org")
    assert not said("--name", "example.org", "--trust-proxy", "127.0.0.1")
    assert not said()


def _close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()
