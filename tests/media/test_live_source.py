import threading
import types

import av
import numpy as np
import pytest
from av.stream import Disposition

from mien.errors import MediaError
from mien.media import LiveSource, is_live
from mien.media import live_source as module


class Track:
    """The one track of a camera."""

    index, frames, disposition, codec_context = 0, 0, Disposition(0), object()
    sample_aspect_ratio = average_rate = time_base = None

    def decode(self, packet):
        if packet is None:
            return []
        if packet.shade is None:
            raise av.error.InvalidDataError(1, "Invalid data found when processing input")
        pixels = np.full((48, 64, 3), packet.shade, np.uint8)
        return [av.VideoFrame.from_ndarray(pixels, "rgb24")]


TRACK = Track()


class Packet:
    """Holds one frame of a shade; None is one that cannot be decoded."""

    stream, pos, pts, dts, time_base, size = TRACK, None, None, None, None, 1

    def __init__(self, shade):
        self.shade = shade


LONG_S = 60
"""No test waits so long; it is there so that a fault ends in a failure."""


class Camera:
    """Gives frames, each after the one before was taken if there is somebody who says so."""

    streams = types.SimpleNamespace(video=(TRACK,))
    format = types.SimpleNamespace(name="v4l2")
    duration = start_time = None
    size = -1

    def __init__(self, frames, *, taken=None, error=None):
        self.frames, self.taken, self.error = frames, taken, error
        self.closed = False

    def demux(self, *_):
        for shade in self.frames:
            yield Packet(shade)
            if self.taken is not None and shade is not None:
                assert self.taken.acquire(timeout=LONG_S)
        if self.error is not None:
            raise self.error

    def close(self):
        self.closed = True


class Clock:
    """Stands still until it is moved."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def cameras(monkeypatch):
    """Have the source open the given cameras one after the other."""
    monkeypatch.setattr(module, "_FIRST_WAIT_S", 0.0)

    def use(source, *opened, clock=None):
        waiting = list(opened)

        def open_next():
            if not waiting:
                if clock is not None:
                    clock.now_s += 60
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
        ("HTTPS://a/b", True),
        ("Camera:0", True),
        ("a.mp4", False),
        ("c", False),
    ],
)
def test_live_sources_are_told_by_their_names(source, live):
    assert is_live(source) is live


def test_a_slow_reader_gets_the_newest_frame_and_the_old_are_dropped(cameras):
    taken, all_sent = threading.Event(), threading.Event()

    class Quick(Camera):
        """Sends all other frames while the reader is busy with the first."""

        def demux(self, *_):
            for shade in self.frames:
                yield Packet(shade)
                taken.wait(LONG_S)
            all_sent.set()

    clock = Clock()
    source = LiveSource("camera:0", clock=clock)
    source = cameras(source, Quick(range(100)), clock=clock)
    found = []
    with pytest.raises(MediaError):
        for frame in source.frames():
            found.append((frame.frame, int(frame.rgb().mean())))
            taken.set()
            assert all_sent.wait(LONG_S)
    assert found == [(0, 0), (99, 99)]


def test_a_camera_that_goes_away_is_got_back_and_the_gap_is_told(cameras):
    told = []
    clock, taken = Clock(), threading.Semaphore(0)

    class Late(Camera):
        """Comes back after four seconds."""

        def demux(self, *_):
            clock.now_s += 4
            yield from super().demux()

    lost = Camera([10] * 5, taken=taken, error=OSError(19, "No such device"))
    again = Late([200] * 5, taken=taken)
    source = LiveSource("camera:0", give_up_s=30, on_gap=told.append, clock=clock)
    source = cameras(source, lost, again, clock=clock)
    shades, times, gaps = [], [], []
    with pytest.raises(MediaError, match="cannot be reconnected: No such device"):
        for frame in source.frames():
            shades.append(int(frame.rgb().mean()))
            times.append(frame.timestamp_s)
            gaps.append(source.gap)
            taken.release()
    assert shades == [10] * 5 + [200] * 5
    assert times == [0.0] * 5 + [4.0] * 5
    assert gaps == [""] * 5 + ["no frames for 4.0 s: No such device"] + [""] * 4
    assert told[:3] == ["", "camera:0: connection lost (No such device). Reconnecting", ""]
    assert told.count("") == 2
    assert lost.closed
    assert again.closed


def test_a_source_is_given_up_when_it_was_lost_for_too_long(cameras):
    clock = Clock()
    source = LiveSource("camera:0", give_up_s=90, clock=clock)
    source = cameras(source, Camera([10]), clock=clock)
    with pytest.raises(MediaError, match="cannot be reconnected"):
        list(source.frames())
    assert clock.now_s == 100 + 2 * 60


def test_a_camera_that_is_not_there_says_which_are(monkeypatch):
    monkeypatch.setattr(module, "cameras", lambda: ["Built-in", "USB"])
    with pytest.raises(
        MediaError, match=r"cannot be opened.*Cameras of this machine: Built-in, USB"
    ):
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
