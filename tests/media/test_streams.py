import re
import threading
import time

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from mien.cli import app
from mien.errors import MediaError
from mien.inference import Analyzer
from mien.media import LiveSource, demuxing
from mien.media import live_source as module
from tests.media.test_demuxing import site
from tests.streams import http_server, motion_jpeg, rtsp_server
from tests.videos import gliding, write_video

LONG_S = 60
"""No test waits so long; it is there so that a fault ends in a failure."""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "_FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(module, "_TIMEOUT_S", 2.0)


def shaded(shade, count=20):
    return [np.full((120, 160, 3), shade + number, np.uint8) for number in range(count)]


def shades(source, *, on_shade=None, **options):
    """Read a source to its end; return the shades, the gaps and the error."""
    seen, gaps = [], []
    try:
        for frame in source.frames(**options):
            seen.append(int(frame.rgb().mean()))
            gaps += [source.gap] if source.gap else []
            if on_shade is not None:
                on_shade(seen[-1])
    except MediaError as error:
        return seen, gaps, error.reason
    return seen, gaps, None


class JumpingClock:
    """The real time, and a minute more for each jump."""

    def __init__(self):
        self.jumps = 0

    def jump(self):
        self.jumps += 1

    def __call__(self):
        return time.monotonic() + 60 * self.jumps


def test_motion_jpeg_over_http_is_read_and_its_gap_told():
    clock, dark_seen = JumpingClock(), threading.Event()

    def answer(shade):
        yield from motion_jpeg(shaded(shade), per_second=40)
        assert dark_seen.wait(LONG_S)

    with http_server([answer(20), answer(180)], exhausted=clock.jump) as address:
        source = LiveSource(address, give_up_s=30, clock=clock)
        seen, gaps, error = shades(source, on_shade=lambda _: dark_seen.set())
    assert min(seen) < 60
    assert max(seen) > 160
    assert [gap.startswith("no frames for ") for gap in gaps] == [True]
    assert error.startswith("cannot be reconnected")


def test_rubbish_is_no_stream():
    noise = np.random.default_rng(0)
    with http_server([(noise.bytes(65536) for _ in range(200))], "video/mp4") as address:
        seen, _, error = shades(LiveSource(address))
    assert seen == []
    assert error.startswith("cannot be opened")


def test_rubbish_between_frames_is_left_out():
    noise = np.random.default_rng(0)
    dark_seen = threading.Event()

    def answer():
        yield from motion_jpeg(shaded(20, 10), per_second=40)
        assert dark_seen.wait(LONG_S)
        for _ in range(5):
            yield b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + noise.bytes(3000) + b"\r\n"
        yield from motion_jpeg(shaded(180, 10), per_second=40)

    with http_server([answer()]) as address:
        source = LiveSource(address, give_up_s=0.0)
        seen, _, _ = shades(source, on_shade=lambda _: dark_seen.set())
    assert min(seen) < 40
    assert max(seen) > 160


def test_a_stream_that_falls_silent_is_given_up(monkeypatch):
    monkeypatch.setattr(module, "_TIMEOUT_S", 0.5)
    given_up = threading.Event()

    def answer():
        yield from motion_jpeg(shaded(20, 10), per_second=40)
        assert given_up.wait(LONG_S), "the silent stream was waited for"

    with http_server([answer()]) as address:
        seen, _, error = shades(LiveSource(address, give_up_s=0.2))
        given_up.set()
    assert seen
    assert error.startswith("cannot be reconnected")


@pytest.mark.parametrize("begin_s", [0.0, 30.0], ids=["from 0", "from half a minute"])
def test_a_video_at_an_address_plays_at_its_own_pace_and_ends(tmp_path, begin_s):
    frames = ((begin_s + number / 20, pixels) for number, pixels in enumerate(shaded(40, 30)))
    data = write_video(tmp_path / "a.mkv", frames).read_bytes()
    start = time.monotonic()
    with http_server([[data]], "video/x-matroska") as address:
        seen, gaps, error = shades(LiveSource(address))
    assert error is None
    assert gaps == []
    assert seen == sorted(seen)
    assert abs(seen[-1] - (40 + 29)) <= 2
    # However slow the machine: 30 frames of 20 a second take no less than this.
    assert time.monotonic() - start > 1.2


def test_an_rtsp_camera_is_read(samples):
    from mien.media import read_image

    photo = read_image(samples / "eileen_collins.jpg").frame_rgb
    frames = [pixels for _, pixels in gliding(photo, seconds=3, per_second=25)]
    with rtsp_server(frames, per_second=25) as address:
        source = LiveSource(address, give_up_s=0.0)
        with pytest.raises(MediaError, match="cannot be reconnected"):
            last = None
            for frame in source.frames(per_second=10):
                last = frame
    assert (last.width, last.height) == (320, 240)
    assert 40 < last.frame < 75
    assert np.abs(last.rgb().astype(int) - frames[last.frame]).mean() < 30


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "gif"])
def test_an_image_at_an_address_is_one_frame(tmp_path, ending):
    Image.fromarray(shaded(90)[0]).save(tmp_path / f"a.{ending}")
    data = (tmp_path / f"a.{ending}").read_bytes()
    with http_server([[data], [data]], f"image/{ending}") as address:
        seen, gaps, error = shades(LiveSource(address))
    assert len(seen) == 1
    assert (gaps, error) == ([], None)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("seconds", [0.4, 1.9])
def test_a_short_video_from_a_server_without_ranges_is_read_to_its_end(tmp_path, ending, seconds):
    timed = ((number / 10, pixels) for number, pixels in enumerate(shaded(40, int(10 * seconds))))
    data = write_video(tmp_path / f"a.{ending}", timed).read_bytes()
    with site({f"/a.{ending}": ("video/mp4", data)}) as (address, asked):
        seen, gaps, error = shades(LiveSource(f"{address}/a.{ending}"))
    assert (gaps, error, len(asked)) == ([], None, 1)
    assert len(seen) >= int(10 * seconds) - 2  # a busy machine drops some
    assert seen[-1] > seen[0]


def test_a_video_that_cannot_be_read_from_such_a_server_is_an_error(tmp_path):
    noise = np.random.default_rng(0)
    frames = (
        (number / 10, noise.integers(0, 256, (120, 160, 3), np.uint8)) for number in range(19)
    )
    data = write_video(tmp_path / "a.mp4", frames).read_bytes()
    assert data.index(b"moov") > 100_000  # at its end, where such a server does not lead back from
    with site({"/a.mp4": ("video/mp4", data)}) as (address, _):
        ran = CliRunner().invoke(app, ["analyze", f"{address}/a.mp4"])
    assert ran.exit_code == 1
    assert "cannot be opened" in ran.stderr
    assert "save the video and give the file" in ran.stderr


def moving(count=10):
    noise = np.random.default_rng(0)
    for number in range(count):
        yield number / 10, noise.integers(0, 255, (120, 160, 3), np.uint8)


@pytest.mark.parametrize("ending", ["mkv", "ts", "flv"])
def test_a_video_whose_server_goes_away_halfway_is_read_once(tmp_path, ending):
    data = write_video(tmp_path / f"a.{ending}", moving()).read_bytes()
    with site({"/a": ("video/mp4", data)}, share=0.5) as (address, asked):
        seen, gaps, error = shades(LiveSource(f"{address}/a"))
    assert 1 <= len(seen) <= 6
    assert (gaps, len(asked)) == ([], 1)
    assert re.match("cut off|damaged", error)


def test_half_a_video_is_read_once_whatever_the_server_says_of_its_length(tmp_path):
    data = write_video(tmp_path / "a.mkv", moving()).read_bytes()
    half = data[: len(data) // 2]
    with http_server([[half], [half]], "video/x-matroska") as address:
        seen, gaps, error = shades(LiveSource(address))
    assert 1 <= len(seen) <= 6
    assert gaps == []
    assert error.startswith("cut off: ends after 0.")


def test_a_video_of_unknown_length_ends_where_it_would_begin_again(tmp_path):
    data = write_video(tmp_path / "a.ts", moving()).read_bytes()
    with http_server([[data], [data], [data]], "video/mp2t") as address:
        seen, gaps, error = shades(LiveSource(address))
    assert 1 <= len(seen) <= 10
    assert (gaps, error) == ([], None)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_an_image_at_an_address_is_read_as_that_of_a_file_is(tmp_path, samples, share):
    photo = (samples / "eileen_collins.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(photo[: int(share * len(photo))])
    with site({"/a": ("image/jpeg", photo)}, share=share) as (address, _):
        (from_address,) = Analyzer().stream(f"{address}/a")
    (from_file,) = Analyzer().stream(tmp_path / "a.jpg")
    assert from_address.error == from_file.error
    assert (from_address.error is None) == (share == 1)
    assert [face.emotion for face in from_address.faces] == [
        face.emotion for face in from_file.faces
    ]


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_levels_of_10_bits_at_an_address_are_scaled_and_said(tmp_path, ending):
    levels = np.tile(np.arange(1024, dtype=np.uint16), (64, 1))
    Image.fromarray(levels).save(tmp_path / f"a.{ending}")
    data = (tmp_path / f"a.{ending}").read_bytes()
    with site({"/a": ("image/png", data)}) as (address, _):
        source = LiveSource(f"{address}/a")
        (frame,) = source.frames()
    assert frame.rgb().max() == 255
    assert source.notes == ("holds 10-bit levels, scaled by their range of 0 to 1023",)


def test_an_image_at_an_address_is_not_read_without_end(monkeypatch, samples):
    monkeypatch.setattr(demuxing, "_MAX_IMAGE_BYTES", 10_000)
    photo = (samples / "eileen_collins.jpg").read_bytes()
    with site({"/a": ("image/jpeg", photo)}) as (address, _):
        seen, _, error = shades(LiveSource(f"{address}/a"))
    assert seen == []
    assert "an image of more than" in error


def test_a_fault_of_any_kind_ends_a_source(monkeypatch):
    source = LiveSource("camera:0")
    monkeypatch.setattr(source, "_open", lambda: None)
    with pytest.raises(MediaError, match="cannot be read: "):
        next(source.frames())
