"""Faces of any size in a frame of any size: one network run, or several at other scales.

A detector network sees faces of about 16 pixels up to those that its spec says
(`DetectionSpec.max_face_px`). The frame is scaled so that the smallest wanted face has 16. If that
leaves an input in which a face may be larger than the network sees, the frame is searched once more
in a small one, for faces that are close to the camera; if it leaves an input that is too large for
one run, it is searched in overlapping tiles as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image

from mien.detect.boxes import box_coverage, non_maximum_suppression
from mien.media import scale_rgb
from mien.structures import Faces, FrameRGB

__all__ = ["detect_multiscale", "remove_contained"]

NETWORK_FACE_PX = 16
"""Side to which the smallest wanted face is scaled: YuNet's networks find few below 10 pixels and
most from 16 on."""

MAX_INPUT_PX = 1280
"""The network's input is at most this long, which bounds memory; larger images are searched as a
whole and in tiles."""

TILE_OVERLAP_PX = 192
"""Faces up to this size lie whole in some tile; larger ones are found in the whole."""

SMALL_INPUT_PX = 320
"""Images are not scaled below this side: it costs 2 ms, and larger faces are located better."""

LARGEST_FACE_SHARE = 8 / 15
"""A face that fills a frame has this share of its longer side. Where that is more than the network
sees, the frame is searched at `SMALL_INPUT_PX` too: of a face that is too large parts may be found,
not the whole, so it is left to the smaller input, and what else is found inside is removed."""

Search = Callable[[FrameRGB], Faces]
"""Runs the network on an image in its own size."""


def detect_multiscale(
    search: Search, frame_rgb: FrameRGB, *, min_face_px: int, nms_iou: float, max_face_px: int
) -> Faces:
    """Find the faces in a frame at all scales that it takes.

    Args:
        search: Runs the network on an image of at most 1,280 pixels, in its own size.
        frame_rgb: `(H, W, 3)` uint8.
        min_face_px: The side of the smallest wanted face; smaller ones may be found, too.
        nms_iou: Of two boxes that overlap by more than this the better one stays.
        max_face_px: The side of the largest face that the network sees.

    Returns:
        The faces in pixels of the frame, in no particular order.
    """
    height, width = frame_rgb.shape[:2]
    target_hw = _target_size(height, width, min_face_px)
    longest = max(target_hw)
    whole = min(longest, MAX_INPUT_PX)
    found = _search_whole(search, frame_rgb, target_hw, whole)
    needs_closer = LARGEST_FACE_SHARE * whole > max_face_px
    if needs_closer:
        close = _search_whole(search, frame_rgb, target_hw, SMALL_INPUT_PX)
        close = _larger_than(close, max_face_px, frame_rgb, whole)
        found = Faces.concatenate([close, remove_contained(found, close)])
    if longest > MAX_INPUT_PX:
        tiles = _search_tiles(search, frame_rgb, target_hw)
        tiles = tiles.scaled((width / target_hw[1], height / target_hw[0]))
        close = _larger_than(found, max_face_px, frame_rgb, longest)
        found = Faces.concatenate([found, remove_contained(tiles, close)])
    elif not needs_closer:
        return found  # of one run, which has no duplicates
    return found.select(
        non_maximum_suppression(found.boxes_xyxy, found.detection_scores, iou=nms_iou)
    )


def remove_contained(faces: Faces, close: Faces) -> Faces:
    """Remove the faces that lie for the most part within one of those that are close."""
    inside = (box_coverage(close.boxes_xyxy, faces.boxes_xyxy) > 0.5).any(axis=0)
    return faces.select(np.flatnonzero(~inside))


def _target_size(height: int, width: int, min_face_px: int) -> tuple[int, int]:
    """Choose the size at which the smallest wanted face still covers enough pixels."""
    scale = min(NETWORK_FACE_PX / min_face_px, 2.0)
    if scale > 1:
        # Enlarging shows nothing new; it is not worth tiles.
        scale = max(1.0, min(scale, MAX_INPUT_PX / max(height, width)))
    scale = max(scale, min(1.0, SMALL_INPUT_PX / max(height, width)))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _search_whole(
    search: Search, frame_rgb: FrameRGB, target_hw: tuple[int, int], longest: int
) -> Faces:
    """Search the whole frame, scaled so that its longer side has `longest` pixels."""
    share = longest / max(target_hw)
    size_hw = (max(1, round(target_hw[0] * share)), max(1, round(target_hw[1] * share)))
    height, width = frame_rgb.shape[:2]
    faces = search(_resized(frame_rgb, size_hw))
    return faces.scaled((width / size_hw[1], height / size_hw[0]))


def _search_tiles(search: Search, frame_rgb: FrameRGB, target_hw: tuple[int, int]) -> Faces:
    """Search the tiles of a frame that is scaled to `target_hw`, in pixels of that size."""
    large = _resized(frame_rgb, target_hw)
    found = []
    for top in _tile_starts(target_hw[0]):
        for left in _tile_starts(target_hw[1]):
            tile = large[top : top + MAX_INPUT_PX, left : left + MAX_INPUT_PX]
            faces = _remove_truncated(search(tile), tile, (top, left), target_hw)
            found.append(faces.shifted((left, top)))
    return Faces.concatenate(found)


def _tile_starts(side: int) -> list[int]:
    """Place tiles along a side, evenly, with at least the overlap between neighbours."""
    if side <= MAX_INPUT_PX:
        return [0]
    count = math.ceil((side - TILE_OVERLAP_PX) / (MAX_INPUT_PX - TILE_OVERLAP_PX))
    return [round(start) for start in np.linspace(0, side - MAX_INPUT_PX, count)]


def _remove_truncated(
    faces: Faces, tile: FrameRGB, corner: tuple[int, int], target_hw: tuple[int, int]
) -> Faces:
    """Remove a tile's faces that reach over an inner border; a neighbour shows them whole."""
    top, left = corner
    height, width = tile.shape[:2]
    boxes = faces.boxes_xyxy
    inside = (
        ((boxes[:, 0] > 0) | (left == 0))
        & ((boxes[:, 1] > 0) | (top == 0))
        & ((boxes[:, 2] < width) | (left + width == target_hw[1]))
        & ((boxes[:, 3] < height) | (top + height == target_hw[0]))
    )
    return faces.select(np.flatnonzero(inside))


def _larger_than(faces: Faces, max_face_px: int, frame_rgb: FrameRGB, longest: int) -> Faces:
    """Return the faces that are larger in an input whose longer side is `longest`."""
    boxes = faces.boxes_xyxy
    sides = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    scale = longest / max(frame_rgb.shape[:2])
    return faces.select(np.flatnonzero(sides * scale > max_face_px))


def _resized(frame_rgb: FrameRGB, size_hw: tuple[int, int]) -> FrameRGB:
    """Resize a frame; one that is twice too large or more is reduced by means over squares first.

    The triangle filter is FFmpeg's for the others, and Pillow's where it has little left to do.
    """
    if frame_rgb.shape[:2] == size_hw:
        return frame_rgb
    if max(frame_rgb.shape[0] / size_hw[0], frame_rgb.shape[1] / size_hw[1]) < 2:
        return scale_rgb(frame_rgb, size_hw)
    size = (size_hw[1], size_hw[0])
    image = Image.fromarray(frame_rgb)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0))
