import os

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

import json
import time
import warnings

import numpy as np
import pytest
from PIL import Image

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pygame

from mien import Analyzer
from mien.errors import MediaError
from mien.live import Feed, run_window
from mien.live import window as window_module
from mien.live.recording import Recording
from mien.media import Video, read_image
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
    before, mirrored, helped, *_ = played([["m"], ["h"], []])
    a, b = (screen[100:600, 300:980].astype(int) for screen in (before, mirrored))
    assert np.abs(a - b).mean() > 2 * np.abs(a - b[:, ::-1]).mean()
    middle = (slice(230, 490), slice(510, 770))
    assert helped[middle].mean() < 0.7 * mirrored[middle].mean()
    assert (helped[middle] != mirrored[middle]).mean() > 0.9


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


def test_a_video_plays_at_its_own_pace_and_ends(video, analyzer):
    feed = Feed(video, analyzer.pipeline)
    start = time.monotonic()
    feed.start()
    seen, last = [], None
    while not feed.over:
        shown = feed.newest(after=last, wait_s=0.2)
        if shown is not None:
            last = shown
            seen.append(shown.result.timestamp_s)
    feed.stop()
    assert 2.5 < time.monotonic() - start < 8
    assert seen == sorted(seen)
    assert len(seen) > 20
    assert last.there_s > start


class Broken:
    """A detector that fails on purpose."""

    spec = None

    def detect(self, frame_rgb, *, min_face_px):
        raise RuntimeError("the detector is broken")


def test_an_error_of_any_kind_ends_the_feed_and_is_kept_for_whoever_shows_it(video):
    feed = Feed(video, Analyzer(detector=Broken()).pipeline)
    feed.start()
    assert feed.newest(wait_s=5) is None
    feed.stop()
    assert feed.over
    assert str(feed.failure) == "the detector is broken"


def test_a_video_that_is_decoded_too_slowly_is_still_seen(video, analyzer, monkeypatch):
    frames = Video.frames

    def slow(self, **options):
        for frame in frames(self, **options):
            time.sleep(0.12)  # twenty a second were due
            yield frame

    monkeypatch.setattr(Video, "frames", slow)
    feed = Feed(video, analyzer.pipeline)
    seen = []
    analyze = feed._analysis.analyze
    monkeypatch.setattr(
        feed._analysis, "analyze", lambda frame: (seen.append(frame.frame), analyze(frame))[1]
    )
    feed.start()
    time.sleep(4)
    feed.stop()
    assert len(seen) >= 5


def test_a_recording_that_is_ended_at_once_holds_its_first_image(video, analyzer, tmp_path):
    feed = Feed(video, analyzer.pipeline)
    feed.start()
    shown = feed.newest(wait_s=10)
    feed.stop()
    recording = Recording(tmp_path, shown)
    recording.close()
    with Video(recording.path) as recorded:
        assert len(list(recorded.frames())) == 1
    rows = recording.path.with_suffix(".jsonl").read_text().splitlines()
    assert len(rows) == len(shown.result.to_rows())
    assert not list(tmp_path.glob("*.partial"))
