"""From a frame and landmarks to the network's crop: the one implementation on the Python side.

Coordinates are continuous: the pixel in column 0 covers 0 to 1, its centre lies at 0.5.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.errors import FrameError
from mien.spec import CropSpec

__all__ = [
    "FER_CROP",
    "VIEW_MARGIN_PX",
    "VIEW_PX",
    "align_faces",
    "crop_faces",
    "similarity_transforms",
    "view_for_detection",
]

FER_CROP = CropSpec(
    size=48,
    landmarks_xy=((0.33, 0.39), (0.69, 0.39), (0.51, 0.58), (0.35, 0.74), (0.65, 0.74)),
)
"""FER-2013's framing: the medians of landmarks found by YuNet in its images."""

VIEW_PX, VIEW_MARGIN_PX = 144, 48
"""An image that a face fills is given to a detector at this size with this border: detectors find
faces best that have some margin."""

LUMA_BT601 = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of R, G and B in luma, ITU-R BT.601, with which FER-2013's images were made grey."""


def similarity_transforms(
    landmarks_xy: NDArray[np.float32], crop: CropSpec
) -> NDArray[np.complex128]:
    """Fit the rotation, scale and shift that bring landmarks closest to the crop's places.

    With points as complex numbers the least-squares fit of `z -> a z + b` has a closed form, the
    plane case of Umeyama 1991 without reflection.

    Args:
        landmarks_xy: `(F, 5, 2)`, pixels of the frame; F may be 0.
        crop: The crop's frame.

    Returns:
        `(F, 2)` complex128, `a` and `b` of each face: frame pixels to crop pixels.

    Raises:
        FrameError: The five landmarks of a face lie on one point, or are not finite.
    """
    points = np.asarray(landmarks_xy, np.float64)
    if points.ndim != 3 or points.shape[1:] != (5, 2):
        raise FrameError(f"landmarks_xy: expected (F, 5, 2), found {points.shape}")
    places = np.asarray(crop.landmarks_xy, np.float64) * crop.size
    source = points[..., 0] + 1j * points[..., 1]  # (F, 5)
    target = places[:, 0] + 1j * places[:, 1]  # (5,)
    source_mean, target_mean = source.mean(axis=1), target.mean()
    centred = source - source_mean[:, None]
    spread = (np.abs(centred) ** 2).sum(axis=1)
    if not np.all(spread > 1e-6):
        raise FrameError("landmarks_xy: a face's five points are one point, or not finite")
    a = (centred.conj() * (target - target_mean)).sum(axis=1) / spread
    return np.stack((a, target_mean - a * source_mean), axis=1)


def crop_faces(
    pixels: NDArray[np.uint8], landmarks_xy: NDArray[np.float32], crop: CropSpec = FER_CROP
) -> NDArray[np.float32]:
    """Crop the faces of a frame, aligned and in luma.

    A face larger than the crop is first reduced by a whole factor (mean over squares), so that
    bilinear sampling skips no pixel; beyond the frame its border pixels are repeated.

    Args:
        pixels: `(H, W, 3)` RGB or `(H, W)` luma, uint8.
        landmarks_xy: `(F, 5, 2)`, pixels of the frame; F may be 0.
        crop: The crop's frame, S pixels on each side.

    Returns:
        `(F, S, S)` float32, luma of 0 to 255.

    Raises:
        FrameError: An array has another shape, or landmarks do not span a face.
    """
    crops = _crops(pixels, landmarks_xy, crop, luma=True)
    return np.stack(crops) if crops else np.zeros((0, crop.size, crop.size), np.float32)


def align_faces(
    pixels: NDArray[np.uint8], landmarks_xy: NDArray[np.float32], crop: CropSpec
) -> NDArray[np.float32]:
    """Crop the faces of a frame as `crop_faces` does, but in the frame's own colours.

    Args:
        pixels: `(H, W, 3)` RGB or `(H, W)` luma, uint8.
        landmarks_xy: `(F, 5, 2)`, pixels of the frame; F may be 0.
        crop: The crop's frame, S pixels on each side.

    Returns:
        `(F, S, S, 3)` float32 of 0 to 255; `(F, S, S)` for luma.

    Raises:
        FrameError: An array has another shape, or landmarks do not span a face.
    """
    crops = _crops(pixels, landmarks_xy, crop, luma=False)
    empty = np.zeros((0, crop.size, crop.size, *pixels.shape[2:]), np.float32)
    return np.stack(crops) if crops else empty


def _crops(
    pixels: NDArray[np.uint8], landmarks_xy: NDArray[np.float32], crop: CropSpec, *, luma: bool
) -> list[NDArray[np.float32]]:
    if pixels.ndim not in (2, 3) or pixels.size == 0:
        raise FrameError(f"pixels: expected (H, W, 3) or (H, W), found {pixels.shape}")
    transforms = similarity_transforms(landmarks_xy, crop)
    return [_crop_one(pixels, a, b, crop.size, luma=luma) for a, b in transforms]


def view_for_detection(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Enlarge an image that a face fills and add a margin, so that a detector finds the face.

    Args:
        image: `(H, W)` uint8 luma.

    Returns:
        `(240, 240, 3)` uint8; the image takes the middle 144 pixels, its border pixels are
        repeated outside.
    """
    large = Image.fromarray(image).resize((VIEW_PX, VIEW_PX), Image.Resampling.BICUBIC)
    grey = np.pad(np.asarray(large), VIEW_MARGIN_PX, mode="edge")
    return grey[..., None].repeat(3, axis=2)


def _crop_one(
    pixels: NDArray[np.uint8], a: complex, b: complex, size: int, *, luma: bool
) -> NDArray[np.float32]:
    centres = np.arange(size) + 0.5
    frame = (centres[None, :] + 1j * centres[:, None] - b) / a  # (S, S), where to look
    factor = max(1, math.floor(1 / abs(a)))
    left = _whole(frame.real.min(), factor)
    top = _whole(frame.imag.min(), factor)
    columns = math.ceil((frame.real.max() - left) / factor) + 2
    rows = math.ceil((frame.imag.max() - top) / factor) + 2
    region = _reduced(pixels, (left, top), (rows, columns), factor, luma=luma)
    return _bilinear(region, (frame.real - left) / factor, (frame.imag - top) / factor)


def _whole(coordinate: float, factor: int) -> int:
    """Return the corner of a region that has a full square before the first sample."""
    return math.floor(coordinate) - factor


def _reduced(
    pixels: NDArray[np.uint8],
    corner: tuple[int, int],
    shape: tuple[int, int],
    factor: int,
    *,
    luma: bool,
) -> NDArray[np.float32]:
    """Cut a region of `shape` squares of `factor` pixels and return each square's mean."""
    region = _region(pixels, corner, (shape[0] * factor, shape[1] * factor))
    if factor > 1:
        # Rows are added first: that reads memory in order and leaves less for the second sum.
        region = _row_sums(_row_sums(region, factor).swapaxes(0, 1), factor).swapaxes(0, 1)
    values = region.astype(np.float32)
    if region.ndim == 3 and luma:
        values = values @ LUMA_BT601
    return values if factor == 1 else values / np.float32(factor**2)


def _row_sums(pixels: NDArray[Any], factor: int) -> NDArray[np.uint32]:
    """Return the sums of `factor` rows each."""
    sums = pixels[::factor].astype(np.uint32)
    for row in range(1, factor):
        sums += pixels[row::factor]
    return sums


def _region(
    pixels: NDArray[np.uint8], corner: tuple[int, int], shape: tuple[int, int]
) -> NDArray[Any]:
    """Cut a region of pixels; beyond the frame its border pixels are repeated."""
    left, top = corner
    if left >= 0 and top >= 0 and top + shape[0] <= len(pixels):
        inside = pixels[top : top + shape[0], left : left + shape[1]]
        if inside.shape[1] == shape[1]:
            return inside
    rows = np.clip(np.arange(top, top + shape[0]), 0, pixels.shape[0] - 1)
    columns = np.clip(np.arange(left, left + shape[1]), 0, pixels.shape[1] - 1)
    return pixels[rows].take(columns, axis=1)


def _bilinear(
    region: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Sample `region` at continuous coordinates, all of which have four pixels around them."""
    x, y = x - 0.5, y - 0.5
    column, row = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    right, down = (x - column).astype(np.float32), (y - row).astype(np.float32)
    if region.ndim == 3:
        right, down = right[..., None], down[..., None]
    above = region[row, column] * (1 - right) + region[row, column + 1] * right
    below = region[row + 1, column] * (1 - right) + region[row + 1, column + 1] * right
    sampled = above * (1 - down) + below * down
    return sampled.astype(np.float32, copy=False)
