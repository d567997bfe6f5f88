"""Cuts are found; pans, flashes and dark frames are none."""

import numpy as np
import pytest

from mien.media import VideoFrame, read_image
from mien.track import SceneCuts
from tests.conftest import SAMPLES


@pytest.fixture(scope="module")
def photos():
    return [read_image(path).frame_rgb for path in sorted(SAMPLES.glob("*.jpg"))]


def cuts(*frames):
    """Return at which of the frames a scene begins."""
    scenes = SceneCuts()
    each = (
        scenes.is_cut(VideoFrame.from_rgb(np.ascontiguousarray(pixels), "a", number, number / 25))
        for number, pixels in enumerate(frames)
    )
    return [number for number, is_cut in enumerate(each) if is_cut]


def test_another_photo_is_a_cut_and_the_same_is_none(photos):
    a, b = photos
    assert cuts(a, a, b, b, a) == [2, 4]


def test_another_size_of_the_same_is_no_cut(photos):
    a, _ = photos
    assert cuts(a, a[::2, ::2], a) == []


def test_a_quick_pan_is_no_cut(photos):
    a, _ = photos
    assert cuts(*(a[100:350, left : left + 250] for left in range(0, 262, 50))) == []


def test_light_that_goes_on_or_off_is_no_cut(photos):
    a, _ = photos
    flash = (a * 1.8 + 50).clip(0, 255).astype(np.uint8)
    dim = (a * 0.3).astype(np.uint8)
    assert cuts(a, flash, a, dim, a) == []


@pytest.mark.parametrize("level", [0, 255])
def test_empty_frames_are_passed_over(photos, level):
    a, b = photos
    empty = np.full_like(a, level)
    assert cuts(empty, a, empty, empty, a, empty, b) == [6]
