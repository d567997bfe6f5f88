import asyncio
import base64
import io
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import httpx2 as httpx
import numpy as np
import pytest
from PIL import Image

import mien
from mien.inference import Pipeline
from mien.server import ServerOptions
from mien.server.decoding import Decoder, WorkSlots
from mien.structures import FrameResult
from tests import coroutines
from tests.server.conftest import PORTRAIT, SAMPLES, listening

JPEG = {"content-type": "image/jpeg"}


def jpeg(width=64, height=48, colour="grey"):
    packed = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(packed, "JPEG")
    return packed.getvalue()


def bomb():
    """A PNG of a few hundred bytes that declares 60,000 x 60,000 pixels."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def code(answer):
    assert set(answer.json()) == {"error"}
    return answer.status_code, answer.json()["error"]["code"]


def test_one_image_gives_the_rows_that_python_gives(client):
    answer = client.post("/v1/analyze", content=PORTRAIT.read_bytes(), headers=JPEG)
    assert answer.status_code == 200
    (result,) = answer.json()["results"]
    expected = mien.Analyzer().analyze(PORTRAIT)
    rows = [face.to_row() | {"source": "image"} for face in expected.faces]
    assert result["faces"] == rows
    assert (result["width"], result["height"]) == (expected.width, expected.height)


def test_several_images_of_a_form_come_back_in_their_order_with_their_names(client):
    files = [("files", (path.name, path.read_bytes())) for path in sorted(SAMPLES.glob("*.jpg"))]
    files.insert(1, ("files", ("letter.txt", b"no image")))
    answer = client.post("/v1/analyze", files=files)
    results = answer.json()["results"]
    assert [result["source"] for result in results] == [name for _, (name, _) in files]
    assert "the file holds text" in results[1]["error"]
    assert results[0]["faces"]
    assert results[2]["faces"]


def test_an_images_name_may_be_spelled_as_browsers_and_scripts_do(client):
    names = (b"filename=\"_.jpg\"; filename*=utf-8''%C3%A9.jpg", b'filename="\xe9.jpg"')
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="files"; ' + name + b"\r\n\r\n" + jpeg()
        for name in names
    ]
    body = b"\r\n".join([*parts, b"--x--\r\n"])
    kind = {"content-type": "multipart/form-data; boundary=x"}
    answer = client.post("/v1/analyze", content=body, headers=kind)
    assert [result["source"] for result in answer.json()["results"]] == ["\u00e9.jpg"] * 2


def test_a_drawn_copy_comes_along_when_asked_for(client):
    answer = client.post("/v1/analyze?draw=true", content=PORTRAIT.read_bytes(), headers=JPEG)
    (result,) = answer.json()["results"]
    with Image.open(io.BytesIO(base64.b64decode(result["drawn_jpeg"]))) as drawn:
        assert drawn.size == (result["width"], result["height"])


def test_no_more_images_are_held_decoded_for_drawing_than_are_worked_on(client_of, monkeypatch):
    held, most, lock = 0, 0, threading.Lock()
    decode, draw = Decoder.decode_image, FrameResult.plot

    async def decoding(*arguments, **options):
        nonlocal held, most
        with lock:
            held += 1
            most = max(most, held)
        return await decode(*arguments, **options)

    def drawing(*arguments, **options):
        nonlocal held
        drawn = draw(*arguments, **options)
        with lock:
            held -= 1
        return drawn

    monkeypatch.setattr(Decoder, "decode_image", decoding)
    monkeypatch.setattr(FrameResult, "plot", drawing)
    client = client_of(workers=1)

    def ask(_):
        return client.post("/v1/analyze?draw=true", content=PORTRAIT.read_bytes(), headers=JPEG)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert (held, most) == (0, 1)


def test_units_come_along_when_asked_for(client):
    answer = client.post("/v1/analyze?units=true", content=PORTRAIT.read_bytes())
    assert answer.status_code == 200
    (face,) = answer.json()["results"][0]["faces"]
    (expected,) = mien.Analyzer(units=True).analyze(PORTRAIT)
    assert face["units"] == pytest.approx(dict(expected.units), abs=1e-3)
    assert face["action_units"]["AU12"] == pytest.approx(expected.action_units["AU12"], abs=1e-3)
    assert face["pose"]["yaw_deg"] == pytest.approx(expected.pose.yaw_deg, abs=0.1)
    (plain,) = client.post("/v1/analyze", content=PORTRAIT.read_bytes()).json()["results"]
    assert "units" not in plain["faces"][0]
    drawn = client.post("/v1/analyze?units=true&draw=true", content=PORTRAIT.read_bytes())
    assert drawn.json()["results"][0]["faces"][0]["units"] == face["units"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("units=maybe", "units: expected true or false, found 'maybe'"),
        ("draw=2", "draw: expected true or false, found '2'"),
        ("min_face_px=0", "min_face_px: expected 1 or more, found '0'"),
        ("min_face_px=big", "min_face_px: expected a whole number, found 'big'"),
        ("min_score=1.5", "min_score: expected 1.0 or less, found '1.5'"),
    ],
)
def test_a_wrong_value_of_an_option_is_a_bad_request_that_says_what_was_expected(
    client, query, message
):
    answer = client.post(f"/v1/analyze?{query}", content=PORTRAIT.read_bytes())
    assert code(answer) == (400, "bad_request")
    assert answer.json()["error"]["message"] == message


def test_a_smallest_face_can_be_asked_for(client):
    answer = client.post("/v1/analyze?min_face_px=400", content=PORTRAIT.read_bytes(), headers=JPEG)
    assert answer.json()["results"][0]["faces"] == []


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"", JPEG, (400, "bad_request")),
        (b"hello", {"content-type": "text/plain"}, (415, "unsupported_type")),
        (b"hello", JPEG, (422, "unreadable")),
        (PORTRAIT.read_bytes()[:2000], JPEG, (422, "unreadable")),
        (bomb(), {"content-type": "image/png"}, (422, "unreadable")),
        (b"--x\r\n", {"content-type": "multipart/form-data"}, (400, "bad_request")),
        (b"junk", {"content-type": "multipart/form-data; boundary=x"}, (400, "bad_request")),
        (b"--x--\r\n", {"content-type": "multipart/form-data; boundary=x"}, (400, "bad_request")),
    ],
)
def test_a_bad_upload_is_answered_with_what_is_wrong(client, body, headers, expected):
    assert code(client.post("/v1/analyze", content=body, headers=headers)) == expected


def test_a_bomb_costs_neither_time_nor_memory(client):
    client.post("/v1/analyze", content=jpeg(), headers=JPEG)  # starts the decoder
    began = time.monotonic()
    answer = client.post("/v1/analyze", content=bomb(), headers=JPEG)
    assert "limit of 50 million pixels" in answer.json()["error"]["message"]
    assert time.monotonic() - began < 1


def test_limits_on_bytes_files_and_pixels(client_of):
    client = client_of(max_image_bytes=5000, max_images=2, max_pixels=2000)
    large = bytes(6000)
    assert code(client.post("/v1/analyze", content=large, headers=JPEG)) == (413, "too_large")

    def pieces():
        for _ in range(10):
            yield bytes(1000)

    assert code(client.post("/v1/analyze", content=pieces(), headers=JPEG)) == (413, "too_large")
    many = [("files", ("a.jpg", b"x"))] * 3
    assert code(client.post("/v1/analyze", files=many)) == (400, "bad_request")
    wide = client.post("/v1/analyze", content=jpeg(64, 48), headers=JPEG)
    assert "limit of 0 million pixels" in wide.json()["error"]["message"]


def test_a_large_image_is_searched_in_a_smaller_copy_and_answered_in_its_own_pixels(
    client_of, client, monkeypatch
):
    searched, detect = [], Pipeline.detect

    def noting(self, frame):
        searched.append((frame.frame_rgb.shape[:2], self.options.min_face_px))
        return detect(self, frame)

    monkeypatch.setattr(Pipeline, "detect", noting)
    body = PORTRAIT.read_bytes()
    (whole,) = client.post("/v1/analyze", content=body, headers=JPEG).json()["results"]
    bounded = client_of(max_search_pixels=65_536)
    answer = bounded.post("/v1/analyze?draw=true", content=body, headers=JPEG)
    (scaled,) = answer.json()["results"]
    assert searched == [((512, 512), 24), ((256, 256), 12)]
    assert (scaled["width"], scaled["height"]) == (whole["width"], whole["height"]) == (512, 512)
    assert scaled["notes"] == ["large: faces were searched in a copy of 256 x 256 pixels"]
    (one,), (other,) = whole["faces"], scaled["faces"]
    assert np.abs(np.subtract(one["box_xyxy"], other["box_xyxy"])).max() < 12
    assert other["emotion"] == one["emotion"] == "happy"
    drawn = Image.open(io.BytesIO(base64.b64decode(scaled["drawn_jpeg"])))
    assert drawn.size == (256, 256)
    for min_face_px, count in ((60, 1), (150, 0)):  # the face has about 97
        answer = bounded.post(f"/v1/analyze?min_face_px={min_face_px}", content=body, headers=JPEG)
        assert len(answer.json()["results"][0]["faces"]) == count


def test_a_strip_is_not_searched_in_thousands_of_tiles(client, monkeypatch):
    searched, detect = [], Pipeline.detect

    def noting(self, frame):
        searched.append(frame.frame_rgb.shape[:2])
        return detect(self, frame)

    monkeypatch.setattr(Pipeline, "detect", noting)
    packed = io.BytesIO()
    Image.new("L", (60_000, 8)).save(packed, "PNG")
    answer = client.post("/v1/analyze", content=packed.getvalue(), headers=JPEG)
    assert answer.json()["results"][0]["width"] == 60_000
    assert searched == [(4, 30_000)]


def test_slots_go_to_the_callers_in_turn_and_are_not_lost():
    async def ask():
        slots, order = WorkSlots(1), []

        async def work(caller):
            async with slots.take(caller):
                order.append(caller)
                await asyncio.sleep(0)

        async with slots.take("a"):
            many = [asyncio.create_task(work("a")) for _ in range(4)]
            await asyncio.sleep(0)
            one = asyncio.create_task(work("b"))
            await asyncio.sleep(0)
            assert slots.longest_wait_s > 0
            many[1].cancel()
        await asyncio.gather(*many, one, return_exceptions=True)
        assert order == ["a", "b", "a", "a"]
        # One that is cancelled at the moment in which it gets the slot hands it on.
        async with slots.take("a"):
            late, next_one = (asyncio.create_task(work(name)) for name in "cd")
            await asyncio.sleep(0)
        late.cancel()
        await asyncio.gather(late, next_one, return_exceptions=True)
        assert order[4:] == ["d"]
        async with asyncio.timeout(1):
            await work("e")
        assert slots.longest_wait_s == 0

    coroutines.run(ask())


def test_an_unexpected_error_shows_no_traceback(client, monkeypatch):
    async def broken(*_, **__):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(Decoder, "decode_image", broken)
    answer = client.post("/v1/analyze", content=jpeg(), headers=JPEG)
    assert code(answer) == (500, "internal_error")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_too_much_at_once_is_refused_quickly_and_then_taken_again(tmp_path):
    options = ServerOptions(jobs=tmp_path, max_image_requests=4, workers=1)
    body = PORTRAIT.read_bytes()

    async def storm(host):
        async with httpx.AsyncClient(base_url=host, timeout=60) as client:
            answers = await asyncio.gather(
                *(client.post("/v1/analyze", content=body, headers=JPEG) for _ in range(40))
            )
            after = await client.post("/v1/analyze", content=body, headers=JPEG)
            ready = await client.get("/readyz")
        return answers, after, ready

    with listening(options) as host:
        answers, after, ready = coroutines.run(storm(host))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 503}
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.headers["retry-after"] == "1"
    assert min(a.elapsed for a in answers if a.status_code == 503).total_seconds() < 1
    assert after.status_code == 200
    assert ready.json() == {"ready": True, "waiting": 0}


def test_who_asks_too_often_has_to_wait(client_of):
    client = client_of(requests_per_minute=12)
    statuses = [client.get("/v1/model").status_code for _ in range(4)]
    assert statuses == [200, 200, 429, 429]
    assert int(client.get("/v1/model").headers["retry-after"]) >= 1
    assert client.get("/healthz").status_code == 200


def test_faces_of_requests_at_the_same_time_are_judged_together(tmp_path):
    from mien.server.batching import Batcher

    sizes = []
    first, go = threading.Event(), threading.Event()

    def run(crops):
        sizes.append(len(crops))
        first.set()
        assert go.wait(5)
        return crops[:, 0, :6]

    batcher = Batcher(run)
    crops = np.arange(5 * 48 * 48, dtype=np.float32).reshape(5, 48, 48)
    futures = [batcher.submit(crops[:1])]
    assert first.wait(5)
    futures += [batcher.submit(crops[1:3]), batcher.submit(crops[:0]), batcher.submit(crops[3:])]
    go.set()
    found = [future.result(5) for future in futures]
    batcher.close()
    assert sizes == [1, 4]
    np.testing.assert_array_equal(np.concatenate(found), crops[:, 0, :6])


def test_a_run_that_fails_is_told_to_everybody_in_it_and_the_next_one_goes_on():
    from mien.server.batching import Batcher

    def run(crops):
        if len(crops) == 1:
            raise ValueError("broken")
        return crops[:, 0, :6]

    batcher = Batcher(run)
    with pytest.raises(ValueError, match="broken"):
        batcher.submit(np.zeros((1, 48, 48), np.float32)).result(5)
    assert batcher.submit(np.zeros((2, 48, 48), np.float32)).result(5).shape == (2, 6)
    batcher.close()


def test_who_gave_up_while_waiting_or_being_judged_does_not_stop_the_others():
    from mien.server.batching import Batcher

    first, go = threading.Event(), threading.Event()

    def run(crops):
        first.set()
        assert go.wait(5)
        return crops[:, 0, :6]

    batcher = Batcher(run)
    crops = np.zeros((1, 48, 48), np.float32)
    measured = batcher.submit(crops)
    assert first.wait(5)
    waiting = batcher.submit(crops)
    measured.cancel()
    assert waiting.cancel()
    go.set()
    assert batcher.submit(crops).result(5).shape == (1, 6)
    batcher.close()


def test_slow_and_endless_bodies_do_not_stop_the_others(tmp_path):
    options = ServerOptions(
        jobs=tmp_path, upload_timeout_s=1.0, max_image_bytes=2_000_000, workers=1
    )

    async def slow():
        while True:
            yield b"x"
            await asyncio.sleep(0.2)

    async def endless():
        while True:
            yield bytes(100_000)

    async def both(host):
        async with httpx.AsyncClient(base_url=host, timeout=30) as client:
            hostile = [asyncio.create_task(_post(client, body())) for body in (slow, slow, endless)]
            await asyncio.sleep(0.1)
            honest = await client.post("/v1/analyze", content=PORTRAIT.read_bytes(), headers=JPEG)
            return honest, await asyncio.gather(*hostile)

    async def _post(client, body):
        try:
            return (await client.post("/v1/analyze", content=body, headers=JPEG)).status_code
        except httpx.HTTPError:
            return "cut off"

    with listening(options) as host:
        honest, hostile = coroutines.run(both(host))
    assert honest.status_code == 200
    assert set(hostile[:2]) <= {408, "cut off"}
    assert hostile[2] in (413, "cut off")
