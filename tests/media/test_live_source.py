import time

import av
import numpy as np
import pytest

from mien.errors import MediaError
from mien.media import LiveSource, is_live
from mien.media import live_source as module


class Packet:
    """Holds one frame of a shade; None is one that cannot be decoded."""

    def __init__(self, shade):
        self.shade = shade

    def decode(self):
        if self.shade is None:
            raise av.error.InvalidDataError(1, "Invalid data found when processing input")
        pixels = np.full((48, 64, 3), self.shade, np.uint8)
        return [av.VideoFrame.from_ndarray(pixels, "rgb24")]


class Camera:
    """Gives frames at a rate, and fails after some."""

    def __init__(self, frames, *, per_second=200, error=None):
        self.frames, self.per_second, self.error = frames, per_second, error
        self.closed = False

    def demux(self, video):
        for shade in self.frames:
            time.sleep(1 / self.per_second)
            yield Packet(shade)
        if self.error is not None:
            raise self.error

    def close(self):
        self.closed = True


@pytest.fixture
def cameras(monkeypatch):
    """Have the source open the given cameras one after the other."""
    monkeypatch.setattr(module, "_FIRST_WAIT_S", 0.05)

    def use(source, *opened):
        waiting = list(opened)

        def open_next():
            if not waiting:
                raise OSError(19, "No such device")
            return waiting.pop(0)

        monkeypatch.setattr(source, "_open", open_next)
        return source

    return use


@pytest.mark.parametrize(
    ("source", "live"),
    [
        ("camera:0", True),
        ("rtsp://a/b", True),
        ("http://a/b", True),
        ("a.mp4", False),
        ("c", False),
    ],
)
def test_live_sources_are_told_by_their_names(source, live):
    assert is_live(source) is live


def test_a_slow_reader_gets_the_newest_frame_and_the_old_are_dropped(cameras):
    source = cameras(LiveSource("camera:0", give_up_s=0.0), Camera(range(100), per_second=400))
    shades = []
    with pytest.raises(MediaError):
        for frame in source.frames():
            shades.append(int(frame.rgb().mean()))
            time.sleep(0.05)
    assert shades == sorted(shades)
    assert 2 < len(shades) < 70
    assert shades[-1] >= 80


def test_a_camera_that_goes_away_is_got_back_and_the_gap_is_told(cameras):
    told = []
    lost = Camera([10] * 5, error=OSError(19, "No such device"))
    again = Camera([200] * 5)
    source = cameras(LiveSource("camera:0", give_up_s=0.3, on_gap=told.append), lost, again)
    shades, times = [], []
    with pytest.raises(MediaError, match="did not come back: No such device"):
        for frame in source.frames():
            shades.append(int(frame.rgb().mean()))
            times.append(frame.timestamp_s)
    assert {10, 200} == set(shades)
    assert times == sorted(times)
    assert "camera:0 went away (No such device); trying to get it back" in told[1]
    assert told.count("") == 2
    assert lost.closed
    assert again.closed


def test_a_camera_that_is_not_there_says_which_are(monkeypatch):
    monkeypatch.setattr(module, "cameras", lambda: ["Built-in", "USB"])
    with pytest.raises(MediaError, match=r"cannot be opened.*Cameras here: Built-in, USB"):
        next(LiveSource("camera:77").frames())
    with pytest.raises(MediaError, match="expected camera: and a number"):
        next(LiveSource("camera:front").frames())


def test_a_stream_that_does_not_answer_says_so():
    with pytest.raises(MediaError, match=r"cannot be opened.*Check the address"):
        next(LiveSource("http://127.0.0.1:9/stream").frames())


def test_whoever_asks_no_more_closes_the_camera(cameras):
    camera = Camera([1] * 10_000)
    frames = cameras(LiveSource("camera:0"), camera).frames()
    next(frames)
    frames.close()
    assert camera.closed
