import json
import os
import subprocess
import sys

import pytest

from mien.cli.progress import SourceProgress
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
