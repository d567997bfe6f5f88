"""Cuts: whether a frame belongs to the scene before it, and a face to the person before it.

Both are compared by the correlation of small grey images, which a change of brightness or contrast
leaves as it is. Pixels that are black or white do not count, so that a flash says nothing instead
of something wrong. Of faces only the details count: light and dark sides are removed before.

Measured on clips of faces at 24 to 30 frames a second: within a scene the correlation of two frames
in a row is 0.94 and more, of frames a second apart 0.57 and more, across cuts 0.41 and less. Of one
person's aligned crops an eighth of a second apart it is 0.81 and more, a quarter apart 0.71 and
more; of two people 0.15 on average, and below 0.55 for all but 2 of 28 pairs.

The web page mirrors the rules, by the same constants (`tests/web/test_parity.py` compares both).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.media import VideoFrame
from mien.structures import Faces

__all__ = ["FaceChanges", "SceneCuts", "appearances", "looks_like_another"]

MIN_SCENE_CORRELATION = 0.5
"""A frame that is less like the one before it begins a new scene."""

MIN_PERSON_CORRELATION = 0.55
"""A face whose crop is less like the one before it is another person's."""

MOVED_CORRELATION = 0.7
"""A frame that is less like the one before it is compared shifted, too: the camera may pan."""

COLUMNS, ROWS, SAMPLES = 32, 18, 4
"""A frame becomes so many cells, each the mean of 4 x 4 of its pixels."""

MAX_SHIFT = (8, 4)
"""Largest shift, in cells across and down: a quarter of the frame."""

APPEARANCE_PX, DETAIL_PX = 16, 4.0
"""Side of a face's small image, and how wide light and shade are on it, as a standard deviation."""

MIN_CONTRAST = 2.0
"""A standard deviation below this, in grey levels, is that of an empty image."""

MARGIN = 5
"""Grey levels from black and from white within which a pixel may have been cut off."""

MIN_PIXELS_SHARE = 0.25
"""Where fewer pixels count than this share, nothing is said."""


def _correlation(
    a: NDArray[np.floating], b: NDArray[np.floating], *, counts: NDArray[np.bool_] | None = None
) -> float | None:
    """Return the correlation of two grey images of one shape, -1 to 1.

    Args:
        a: One image.
        b: The other.
        counts: The pixels that count; None takes `_clear` ones, for levels of 0 to 255.

    Returns:
        None where too few pixels count, or all are alike.
    """
    counts = _clear(a, b) if counts is None else counts
    if counts.sum() < MIN_PIXELS_SHARE * counts.size:
        return None
    first, second = a[counts].astype(np.float64), b[counts].astype(np.float64)
    first -= first.mean()
    second -= second.mean()
    variances = float(first @ first) / first.size, float(second @ second) / second.size
    if min(variances) < MIN_CONTRAST**2:
        return None
    return float(first @ second) / first.size / math.sqrt(variances[0] * variances[1])


def _clear(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the pixels that are neither black nor white in either of two images."""
    clear: NDArray[np.bool_] = (np.minimum(a, b) > MARGIN) & (np.maximum(a, b) < 255 - MARGIN)
    return clear


def appearances(crops: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return what tells people apart from one frame to the next, `(F, 16, 16)` uint8.

    Args:
        crops: `(F, S, S)`, aligned faces, luma of 0 to 255.
    """
    size = (APPEARANCE_PX, APPEARANCE_PX)
    small = [
        np.asarray(Image.fromarray(crop.astype(np.uint8)).resize(size, Image.Resampling.BOX))
        for crop in crops
    ]
    return np.array(small, np.uint8).reshape(-1, *size)


def looks_like_another(before: NDArray[Any], now: NDArray[Any]) -> bool:
    """Return whether one face's appearance in two frames is that of two people."""
    found = _correlation(_details(before), _details(now), counts=_clear(before, now))
    return found is not None and found < MIN_PERSON_CORRELATION


def _details(look: NDArray[Any]) -> NDArray[np.float64]:
    """Return an appearance without its light and shade."""
    weights = _light_weights()
    details: NDArray[np.float64] = look - weights @ look @ weights.T
    return details


@functools.cache
def _light_weights() -> NDArray[np.float64]:
    """Return the share of each row of an appearance in the light of each, `(16, 16)`."""
    places = np.arange(APPEARANCE_PX)
    weights = np.exp(-(((places[:, None] - places) / DETAIL_PX) ** 2) / 2)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


class SceneCuts:
    """Finds the hard cuts among the frames of a video, camera or stream, one after the other.

    A frame begins a new scene if its correlation with the one before it is below
    `MIN_SCENE_CORRELATION`, wherever within a quarter of the frame the camera may have moved.
    Empty frames (black, white) are passed over: the one after them is compared with the one before.
    """

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None

    def is_cut(self, frame: VideoFrame) -> bool:
        """Take the next frame and say whether it begins a new scene; the first one does not."""
        whole = np.array([0, 0, frame.width, frame.height], np.float32)
        last, small = self._last, _cells(frame, ROWS, COLUMNS, SAMPLES, whole)
        if last is None:
            self._last = small
            return False
        found = _correlation(last, small)
        if found is None:
            if small.std() >= MIN_CONTRAST and last.std() < MIN_CONTRAST:
                self._last = small
            return False
        self._last = small
        if found >= MOVED_CORRELATION:
            return False
        return max(found, _shifted_correlation(last, small)) < MIN_SCENE_CORRELATION


class FaceChanges:
    """Sees whether the image changes suddenly where faces are, from one frame to the next."""

    def __init__(self) -> None:
        self._size_wh: tuple[int, int] | None = None
        self._boxes = np.zeros((0, 4), np.float32)
        self._looks: list[NDArray[np.float32]] = []

    def know(self, frame: VideoFrame, faces: Faces) -> None:
        """Note the faces that were detected in a frame."""
        self._size_wh, self._boxes = (frame.width, frame.height), faces.boxes_xyxy
        self._looks = self._look(frame)

    def change(self, frame: VideoFrame) -> bool:
        """Take the next frame; say whether the known faces change in it, or the frames' size."""
        if self._size_wh is None:
            return False
        if (frame.width, frame.height) != self._size_wh:
            return True
        before, self._looks = self._looks, self._look(frame)
        return any(map(looks_like_another, before, self._looks))

    def _look(self, frame: VideoFrame) -> list[NDArray[np.float32]]:
        return [_cells(frame, APPEARANCE_PX, APPEARANCE_PX, 2, box) for box in self._boxes]


def _cells(
    frame: VideoFrame, rows: int, columns: int, samples: int, box_xyxy: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return a part of a frame in few cells, `(rows, columns)`, levels of 0 to 255.

    Args:
        frame: The frame.
        rows: Cells down.
        columns: Cells across.
        samples: A cell is the mean of so many pixels down and across.
        box_xyxy: `(4,)`, the part; what lies outside of the frame is its nearest pixel.
    """
    pixels, black, white = frame.luma()
    left, top, right, bottom = (float(side) for side in box_xyxy)
    down = _places(top, bottom, rows * samples, pixels.shape[0])
    across = _places(left, right, columns * samples, pixels.shape[1])
    chosen = pixels.take(down, axis=0).take(across, axis=1).astype(np.float32)
    levels = ((chosen - black) * (255 / (white - black))).clip(0, 255)
    cells: NDArray[np.float32] = levels.reshape(rows, samples, columns, samples).mean((1, 3))
    return cells  # (rows, columns)


@functools.lru_cache(maxsize=64)
def _places(start: float, end: float, count: int, length: int) -> NDArray[np.intp]:
    """Return so many pixels from `start` to `end`, evenly, of those that there are."""
    places = np.linspace(start, end - 1, count).round().astype(np.intp).clip(0, length - 1)
    places.setflags(write=False)
    return places


def _shifted_correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the highest correlation of what two images share when one is shifted."""
    across, down = MAX_SHIFT
    best = -1.0
    for y in range(-down, down + 1):
        for x in range(-across, across + 1):
            found = _correlation(_part(a, y, x), _part(b, -y, -x))
            best = max(best, -1.0 if found is None else found)
    return best


def _part(pixels: NDArray[np.float32], y: int, x: int) -> NDArray[np.float32]:
    """Return the part of an image that one shifted by y and x shares with it."""
    height, width = pixels.shape
    return pixels[max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)]
