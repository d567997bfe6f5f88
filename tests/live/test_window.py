import os

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

import json
import time
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pygame

from mien import Analyzer
from mien.errors import MediaError
from mien.inference import LiveAnalysis
from mien.live import Feed, run_window
from mien.live import window as window_module
from mien.live.feed import LiveFrame, play_in_real_time
from mien.live.recording import Recording
from mien.media import Video, read_image
from mien.structures import FrameResult
from tests.conftest import SAMPLES
from tests.videos import gliding, write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    photo = read_image(SAMPLES / "eileen_collins.jpg").frame_rgb[:, 40:480]
    frames = gliding(photo, seconds=3, per_second=20, size_hw=(400, 420))
    return str(write_video(tmp_path_factory.mktemp("video") / "a.mp4", frames))


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


@pytest.fixture
def played(monkeypatch, video, analyzer, tmp_path):
    """Run the window over a video, pressing keys at the given images; returns screenshots."""

    def play(keys):
        screens = []
        draw = window_module._Window.draw

        def draw_and_press(self):
            draw(self)
            if self.shown is None:
                return
            surface = pygame.display.get_surface()
            screens.append(pygame.surfarray.array3d(surface).transpose(1, 0, 2).copy())
            for name in keys.pop(0) if keys else ["q"]:
                event = pygame.event.Event(pygame.KEYDOWN, key=pygame.key.key_code(name))
                pygame.event.post(event)

        monkeypatch.setattr(window_module._Window, "draw", draw_and_press)
        feed = Feed(video, analyzer.pipeline)
        feed.start()
        try:
            run_window(feed, out=tmp_path / "kept")
        finally:
            feed.stop()
        return screens

    return play


def test_the_window_shows_the_face_and_its_bars_and_ends_with_q(played):
    screens = played([[], []])
    assert screens[0].shape == (720, 1280, 3)
    shown = {tuple(colour) for colour in screens[0].reshape(-1, 3)[::7].tolist()}
    assert (230, 159, 0) in shown  # the colour of happy
    assert 3 <= len(screens) <= 4


def test_help_and_mirror_change_the_image(played):
    # Paused, so that all show the same frame.
    _, before, mirrored, helped, *_ = played([["space"], ["m"], ["h"], []])
    a, b = (screen[100:600, 300:980].astype(int) for screen in (before, mirrored))
    assert np.abs(a - b).mean() > 2 * np.abs(a - b[:, ::-1]).mean()
    middle = (slice(230, 490), slice(510, 770))
    assert helped[middle].mean() < 0.7 * mirrored[middle].mean()
    assert (helped[middle] != mirrored[middle]).mean() > 0.9


@pytest.mark.parametrize(
    ("source", "wanted", "mirrored"),
    [
        ("camera:0", None, True),
        ("video.mp4", None, False),
        ("rtsp://door.local/stream", None, False),
        ("camera:1", False, False),
        ("video.mp4", True, True),
    ],
)
def test_cameras_alone_are_mirrored_unless_it_is_said(monkeypatch, source, wanted, mirrored):
    seen = []

    def opened(*_, mirror, **__):
        seen.append(mirror)
        return SimpleNamespace(
            running=False, stop_recording=lambda: None, shown=None, latencies_ms=()
        )

    monkeypatch.setattr(window_module, "_Window", opened)
    run_window(SimpleNamespace(source=source, failure=None), mirror=wanted)
    assert seen == [mirrored]


def test_snapshot_and_recording_are_kept_whole(played, tmp_path):
    played([["s", "r"], *[[]] * 40, ["r"]])
    kept = list((tmp_path / "kept").iterdir())
    assert {path.suffix for path in kept} == {".jsonl", ".mp4", ".png"}
    with Image.open(next(path for path in kept if path.suffix == ".png")) as snapshot:
        assert snapshot.size == (420, 400)
    with Video(next(path for path in kept if path.suffix == ".mp4")) as recorded:
        frames = list(recorded.frames())
    rows = next(path for path in kept if path.suffix == ".jsonl").read_text().splitlines()
    assert 1 <= len(frames) <= 60
    assert len(rows) >= len(frames) - 1
    assert json.loads(rows[0])["emotion"] == "happy"
    assert not list((tmp_path / "kept").glob("*.partial"))


def test_a_source_that_cannot_be_opened_says_so(analyzer):
    feed = Feed("gone.mp4", analyzer.pipeline)
    feed.start()
    with pytest.raises(MediaError, match="no such file"):
        run_window(feed)
    feed.stop()


def until_over(feed, *, last=None):
    """Yield what the feed shows until it is over."""
    while not feed.over:
        shown = feed.newest(after=last, wait_s=0.2)
        if shown is not None:
            last = shown
            yield shown


def test_a_video_is_analysed_and_ends(video, analyzer):
    feed = Feed(video, analyzer.pipeline)
    start = time.monotonic()
    feed.start()
    shown = list(until_over(feed))
    feed.stop()
    assert feed.ended
    assert feed.failure is None
    times = [each.result.timestamp_s for each in shown]
    assert times == sorted(times)
    assert shown[-1].captured_s > start
    # However slow the machine: a frame is not shown before its time.
    assert all(each.captured_s - start >= each.result.timestamp_s for each in shown)


class FakeTime:
    """Time that passes when somebody waits or decodes."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s

    def wait(self, seconds):
        self.now_s += seconds
        return False

    def decode(self, count, *, per_second, takes_s):
        """Yield frames that take some time each."""
        for number in range(count):
            self.now_s += takes_s
            yield SimpleNamespace(frame=number, timestamp_s=number / per_second)


def played_back(time, frames):
    return list(play_in_real_time(frames, clock=time, wait=time.wait))


def test_a_video_that_is_decoded_quickly_is_shown_frame_by_frame_at_its_times():
    time = FakeTime()
    shown = played_back(time, time.decode(5, per_second=20, takes_s=0.01))
    assert [frame.frame for frame, _ in shown] == [0, 1, 2, 3, 4]
    times = [at_s - 100 for _, at_s in shown]
    assert times == pytest.approx([0.01, 0.05, 0.1, 0.15, 0.2])


def test_a_video_that_is_decoded_too_slowly_is_still_seen():
    time = FakeTime()
    # Twenty a second were due. All come late, so one is shown whenever half a second has passed:
    # with the fifth frame 0.6 s have.
    shown = played_back(time, time.decode(40, per_second=20, takes_s=0.12))
    assert [frame.frame for frame, _ in shown] == list(range(4, 40, 5))
    assert np.diff([at_s for _, at_s in shown]) == pytest.approx(0.6)


def test_a_short_delay_is_caught_up_with_by_dropping_frames():
    time = FakeTime()

    def frames():
        for frame in time.decode(20, per_second=20, takes_s=0.0):
            if frame.frame == 5:
                time.now_s += 0.3  # the disk was busy
            yield frame

    shown = [frame.frame for frame, _ in played_back(time, frames())]
    # Frames 5 to 7 are decoded at 0.49, more than 0.1 s late; frame 8 was due at 0.4.
    assert shown == [0, 1, 2, 3, 4, *range(8, 20)]


def test_playing_stops_when_the_wait_says_so():
    time = FakeTime()
    frames = time.decode(20, per_second=20, takes_s=0.0)
    stops = iter([False, False, True])
    shown = list(play_in_real_time(frames, clock=time, wait=lambda _: next(stops)))
    assert [frame.frame for frame, _ in shown] == [0, 1]


class Broken:
    """A detector that fails on purpose."""

    spec = None

    def detect(self, frame_rgb, *, min_face_px):
        raise RuntimeError("the detector is broken")


def test_an_error_of_any_kind_ends_the_feed_and_is_kept_for_whoever_shows_it(video):
    feed = Feed(video, Analyzer(detector=Broken()).pipeline)
    feed.start()
    assert list(until_over(feed)) == []
    feed.stop()
    assert str(feed.failure) == "the detector is broken"


def test_a_recording_that_is_ended_at_once_holds_its_first_image(video, analyzer, tmp_path):
    feed = Feed(video, analyzer.pipeline)
    feed.start()
    shown = next(until_over(feed))
    feed.stop()
    recording = Recording(tmp_path, shown)
    recording.close()
    with Video(recording.path) as recorded:
        assert len(list(recorded.frames())) == 1
    rows = recording.path.with_suffix(".jsonl").read_text().splitlines()
    assert len(rows) == len(shown.result.to_rows())
    assert not list(tmp_path.glob("*.partial"))


def test_the_rows_of_a_recording_have_the_times_of_its_video(video, analyzer, tmp_path):
    with Video(video) as opened:
        frames = [frame for frame in opened.frames() if frame.frame >= 20][:3]
    live = LiveAnalysis(analyzer.pipeline)
    shown = [LiveFrame(frame, live.analyze(frame), 0.0, 25.0) for frame in frames]
    recording = Recording(tmp_path, shown[0])
    recording.write(shown[1])
    gap_s = frames[2].timestamp_s
    recording.write_gap(FrameResult(source="a", error="no frames", timestamp_s=gap_s))
    recording.write(shown[2])
    recording.close()
    with Video(recording.path) as recorded:
        times = [frame.timestamp_s for frame in recorded.frames()]
    rows = list(map(json.loads, recording.path.with_suffix(".jsonl").read_text().splitlines()))
    (gap,) = (row for row in rows if "error" in row)
    assert (gap["frame"], gap["timestamp_s"]) == (2, pytest.approx(times[2], abs=0.001))
    told = {(row["frame"], round(row["timestamp_s"], 3)) for row in rows if "error" not in row}
    assert sorted(told) == [(number, round(time, 3)) for number, time in enumerate(times)]


def test_n_says_that_the_largest_face_is_neutral(played, monkeypatch):
    noted = []
    monkeypatch.setattr(Feed, "set_neutral", lambda self: noted.append(self))
    played([[], ["n"], []])
    assert len(noted) == 1
