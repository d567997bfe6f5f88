"""A whole video in the page: the same frames and the same rows as in Python."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mien
from mien.media import read_image
from mien.options import SmoothingOptions
from mien.study.events import find_episodes
from mien.study.series import SeriesBuilder
from tests.conftest import SAMPLES
from tests.videos import gliding, trim_video, two_people, write_video
from tests.web.driving import analysed, choose, ready, saved

KEPT = ("face", "track", "found", "unsure")
TOLERANCE = 0.02
MARGIN = SmoothingOptions().margin


def cut(path: Path) -> Path:
    """One person, then a hard cut to another, who leaves: 60 frames at 30 a second."""
    first, second = two_people()
    empty = np.full_like(first, 90)
    frames = [first] * 24 + [second] * 22 + [empty] * 14
    timed = ((number / 30, pixels) for number, pixels in enumerate(frames))
    return write_video(path, timed, codec="libvpx")


def moving(path: Path) -> Path:
    """A face that glides through the image: 36 frames at 24 a second, with B-frames."""
    photo = read_image(SAMPLES / "eileen_collins.jpg").frame_rgb
    return write_video(path, gliding(photo, seconds=1.5, per_second=24), sound=True)


def uneven(path: Path) -> Path:
    """A large and a small face side by side, in frames at uneven times."""
    first, _ = two_people()
    small = np.full_like(first, 128)
    small[24:216, 24:216] = np.asarray(Image.fromarray(first[:, ::-1]).resize((192, 192)))
    both = np.concatenate((first, small), axis=1)
    bright = (both * 0.8 + 30).astype(np.uint8)
    times = np.cumsum([0, 30, 50, 20, 90, 40, 33, 33, 120, 40, 30, 30, 66, 40, 40, 40]) / 1000
    timed = ((float(time), (both, bright)[number % 2]) for number, time in enumerate(times))
    return write_video(path, timed)


def sparse(path: Path) -> Path:
    """A face in 60 frames a second, then in one every 1.3 seconds, then at uneven times."""
    photo = read_image(SAMPLES / "eileen_collins.jpg").frame_rgb
    steps = [1 / 60] * 90 + [1.3] * 3 + [0.15, 0.06, 0.06, 0.12, 0.09] * 2
    frames = (photo[6:246, 107 + place % 3 : 347 + place % 3] for place in range(len(steps)))
    return write_video(path, zip(np.cumsum(steps).tolist(), frames, strict=True))


def trimmed(path: Path) -> Path:
    """What is left of a video that was cut in the middle, between two frames."""
    return trim_video(path, moving(path.with_name("whole.mp4")), start_s=0.61)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (cut, "cut.webm"),
        (moving, "moving.mp4"),
        (uneven, "uneven.mp4"),
        (sparse, "sparse.mp4"),
        (trimmed, "trimmed.mp4"),
        (trimmed, "trimmed.mov"),
    ],
)
def test_every_frame_has_the_rows_that_python_gives(opened, tmp_path, make, name):
    path = make(tmp_path / name)
    results = list(mien.Analyzer().stream(path))
    expected = [face.to_row() for result in results for face in result.faces]
    page = opened()
    ready(page)
    choose(page, path)
    assert analysed(page) == len(results)
    rows = json.loads(saved(page, "JSON"))
    assert [row["frame"] for row in rows] == [row["frame"] for row in expected]
    for here, there in zip(rows, expected, strict=True):
        assert list(here) == list(there)
        assert here["source"] == name
        assert {key: here[key] for key in KEPT} == {key: there[key] for key in KEPT}, here["frame"]
        np.testing.assert_allclose(here["timestamp_s"], there["timestamp_s"], atol=2e-3)
        np.testing.assert_allclose(
            here["box_xyxy"], there["box_xyxy"], atol=1, err_msg=str(here["frame"])
        )
        values = [list(row["probabilities"].values()) for row in (here, there)]
        np.testing.assert_allclose(*values, atol=TOLERANCE, err_msg=str(here["frame"]))
        second, first = sorted(values[1])[-2:]
        if first - second > MARGIN + TOLERANCE:
            assert here["emotion"] == there["emotion"]
    series = SeriesBuilder()
    for result in results:
        series.add(result)
    episodes = sum(len(find_episodes(each)) for each in series.people().values())
    assert saved(page, "SRT").count(" --> ") == episodes
