import io
import time

import pytest
from PIL import Image
from starlette.websockets import WebSocketDisconnect

from mien.server import KeyFile
from tests.server.conftest import PORTRAIT


@pytest.fixture(scope="module")
def frame():
    packed = io.BytesIO()
    with Image.open(PORTRAIT) as portrait:
        portrait.convert("RGB").crop((60, 0, 360, 300)).save(packed, "JPEG", quality=90)
    return packed.getvalue()


def test_frames_give_faces_with_a_number_that_stays(client, frame):
    with client.websocket_connect("/v1/stream") as socket:
        for number in range(3):
            socket.send_bytes(frame)
            answer = socket.receive_json()
            assert answer["frame"] == number
            assert answer["dropped"] == 0
            (face,) = answer["faces"]
            assert (face["track"], face["emotion"]) == (0, "happy")


def test_what_is_no_frame_gets_an_error_and_the_stream_goes_on(client, frame):
    with client.websocket_connect("/v1/stream") as socket:
        socket.send_bytes(b"no image")
        assert "error" in socket.receive_json()
        socket.send_bytes(frame)
        assert len(socket.receive_json()["faces"]) == 1


def test_a_frame_of_too_many_pixels_is_an_error(client_of, frame):
    with client_of(max_search_pixels=80_000).websocket_connect("/v1/stream") as socket:
        socket.send_bytes(frame)
        assert "more than the limit" in socket.receive_json()["error"]
    strip = io.BytesIO()
    Image.new("L", (30_001, 8)).save(strip, "PNG")
    with client_of().websocket_connect("/v1/stream") as socket:
        socket.send_bytes(strip.getvalue())
        assert "more than 30000 pixels" in socket.receive_json()["error"]


def test_a_text_message_ends_the_stream_with_a_reason(client):
    with client.websocket_connect("/v1/stream") as socket:
        socket.send_text("hello")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1003


def test_the_newest_frame_wins(client, frame, monkeypatch):
    from mien.server import stream

    look = stream._analyze

    def slowly(*given):
        time.sleep(0.2)
        return look(*given)

    monkeypatch.setattr(stream, "_analyze", slowly)
    with client.websocket_connect("/v1/stream") as socket:
        for _ in range(10):
            socket.send_bytes(frame)
        answers = [socket.receive_json()]
        while answers[-1]["frame"] < 9:
            answers.append(socket.receive_json())
    assert len(answers) < 10
    assert len(answers) + answers[-1]["dropped"] == 10


@pytest.mark.parametrize("name", ["minface", "max_fps", "min_face_px", "x" * 300])
def test_options_of_a_stream_are_refused_by_name(client, name):
    with (
        client.websocket_connect(f"/v1/stream?{name}=3") as socket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        socket.receive_json()
    assert closed.value.code == 1008
    assert f"query parameter '{name[:90]}" in closed.value.reason
    assert len(closed.value.reason.encode()) <= 123


def test_a_stream_says_units_when_asked(client):
    with client.websocket_connect("/v1/stream?units=true") as socket:
        socket.send_bytes(PORTRAIT.read_bytes())
        (face,) = socket.receive_json()["faces"]
    assert face["units"]["mouthSmileLeft"] > 0.6
    with (
        client.websocket_connect("/v1/stream?units=yes") as socket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        socket.receive_json()
    assert closed.value.reason == "units: expected true or false, found 'yes'"


def test_a_stream_that_is_asked_for_too_often_is_told_to_wait(client_of):
    client = client_of(requests_per_minute=6)
    assert client.get("/v1/model").status_code == 200
    with (
        client.websocket_connect("/v1/stream") as socket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        socket.receive_json()
    assert (closed.value.code, closed.value.reason) == (1013, "too many requests; slow down")


def test_other_origins_wrong_keys_and_too_many_are_not_let_in(client_of, tmp_path, frame):
    with (
        pytest.raises(WebSocketDisconnect),
        client_of().websocket_connect(
            "/v1/stream", headers={"origin": "https://elsewhere.example"}
        ),
    ):
        pass
    path = tmp_path / "keys.json"
    key = KeyFile(path).add("phone")
    client = client_of(keys=path, max_streams=1)
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/v1/stream"):
        pass
    with client.websocket_connect("/v1/stream", subprotocols=[f"mien.key.{key}"]) as socket:
        socket.send_bytes(frame)
        assert socket.receive_json()["faces"]
        header = {"authorization": f"Bearer {key}"}
        with (
            client.websocket_connect("/v1/stream", headers=header) as another,
            pytest.raises(WebSocketDisconnect) as closed,
        ):
            another.receive_json()
        assert closed.value.code == 1013
        assert "streams" in closed.value.reason
