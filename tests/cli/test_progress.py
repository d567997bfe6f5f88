import json
import os
import subprocess
import sys

import pytest

from mien._estimate import TimeEstimate, time_words
from mien.cli.progress import SourceProgress, progress_bars
from mien.media import read_image
from mien.structures import FrameResult
from tests.videos import gliding, write_video


def moved(found, results):
    """Return where the bar stood after each result."""
    steps = []
    progress = SourceProgress(lambda done, total: steps.append((done, total)), found)
    for result in results:
        progress(result)
    return steps


def test_an_image_is_one_step_and_what_cannot_be_read_too():
    found = ["a.jpg", "gone/", "c.jpg"]
    results = [FrameResult(source=source) for source in ("a.jpg", "gone/", "c.jpg")]
    assert moved(found, results) == [(1, 3), (2, 3), (3, 3)]


def test_of_a_video_as_much_is_done_as_has_been_seen(samples, tmp_path):
    photo = read_image(samples / "eileen_collins.jpg").frame_rgb
    path = str(write_video(tmp_path / "video.mp4", gliding(photo, seconds=2, per_second=10)))
    seen = [FrameResult(source=path, timestamp_s=time) for time in (0.0, 1.0, 1.9)]
    steps = moved(["a.jpg", path, "c.jpg"], [FrameResult(source="a.jpg"), *seen])
    assert [done for done, _ in steps] == pytest.approx([1, 1, 1.5, 1.95], abs=0.05)


def test_a_run_that_goes_on_begins_where_it_was():
    found = ["a.jpg", "b.jpg", "c.jpg"]
    assert moved(found, [FrameResult(source="c.jpg")]) == [(3, 3)]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_what_is_printed_for_another_program_stays_out_of_the_terminals_bars(samples):
    terminal, theirs = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mien", "analyze", str(samples), "--json"],
            stdout=subprocess.PIPE,
            stderr=theirs,
            check=True,
            timeout=120,
            env={**os.environ, "TERM": "xterm"},
        )
        os.close(theirs)
        seen = os.read(terminal, 100_000)
    finally:
        os.close(terminal)
    assert b"Analysing" in seen
    assert b"emotion" not in seen
    assert [json.loads(line)["emotion"] for line in done.stdout.splitlines()] == [
        "happy", "neutral",
    ]  # fmt: skip


class Clock:
    """A clock that goes on when it is told to."""

    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.mark.parametrize(
    ("steps", "before", "said"),
    [
        ([(1, 10, 1), (2, 10, 6)], 0, ["reading: about 20 s left"]),  # 4 of 5 parts of 24 s
        ([(2, 10, 6), (3, 10, 90)], 0, ["reading: about 20 s left"]),  # only once
        ([(10, 1000, 6)], 0, ["reading: about 10 min left"]),
        ([(600, 1000, 6)], 500, ["reading: about 20 s left"]),  # half was done before
        ([(900, 1000, 0), (910, 1000, 6)], None, ["reading: about 50 s left"]),  # 900 before
        ([(9, 10, 6)], 0, []),  # not worth saying
        ([(1, 10, 4)], 0, []),  # too early to know
        ([(1, None, 60)], 0, []),
        ([(0, 10, 60)], 0, []),
    ],
)
def test_the_time_that_is_left_is_said_once_after_the_first_seconds(steps, before, said):
    clock, lines = Clock(), []
    estimate = TimeEstimate("reading", lines.append, done=before, clock=clock)
    for done, total, clock.now_s in steps:
        estimate(done, total)
    assert lines == said


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "10 s"), (42, "40 s"), (90, "2 min"), (3000, "50 min"), (9000, "2.5 h")],
)
def test_times_are_said_as_exactly_as_they_are_known(seconds, words):
    assert time_words(seconds) == words


def test_where_there_are_no_bars_the_time_is_said(monkeypatch, caplog):
    monkeypatch.setattr("mien._estimate._FIRST_S", 0.0)
    monkeypatch.setattr("mien._estimate._WORTH_SAYING_S", 0.0)
    with caplog.at_level("INFO", "mien.time"), progress_bars() as add_bar:
        step = add_bar("reading fer2013.csv")
        step(1, 10)
        step(2, 10)
    assert [record.getMessage() for record in caplog.records] == [
        "reading fer2013.csv: about 10 s left"
    ]
