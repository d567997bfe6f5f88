"""A sketch of training images that fits into a model file, and the overlap with other images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mien.errors import SpecError

__all__ = ["estimated_overlap", "image_sketch", "merged_sketches"]

_KEPT = 512
_DIGITS = 8


def image_sketch(images: NDArray[np.uint8]) -> str:
    """Return the smallest hashes of a set of images (bottom-k sketch, Cohen and Kaplan 2007).

    Args:
        images: `(N, H, W)` uint8.

    Returns:
        At most 512 hashes of eight hexadecimal digits each, ascending, without separators. No
        image can be restored from it.
    """
    return "".join(sorted(set(_hashes(images)))[:_KEPT])


def merged_sketches(sketches: Iterable[str]) -> str:
    """Return the sketch of all images that several sketches were made of, exactly.

    Args:
        sketches: The results of `image_sketch` for each set; empty ones add nothing.

    Raises:
        SpecError: A sketch is damaged.
    """
    known = set().union(*(_hashes_in(sketch) for sketch in sketches if sketch))
    return "".join(sorted(known)[:_KEPT])


def estimated_overlap(images: NDArray[np.uint8], sketch: str) -> float:
    """Estimate the share of images that are, pixel by pixel, among those of a sketch.

    The sketch lists all its images whose hash is not above its largest one. So the share is
    measured on the images with such hashes.

    Args:
        images: `(N, H, W)` uint8.
        sketch: The result of `image_sketch`.

    Returns:
        0 to 1; NaN if no image has such a hash, and a rough figure if few have.

    Raises:
        SpecError: The sketch is damaged.
    """
    known = _hashes_in(sketch)
    largest = max(known) if len(known) == _KEPT else "g"
    low = [each for each in _hashes(images) if each <= largest]
    return float(np.mean([each in known for each in low])) if low else float("nan")


def _hashes_in(sketch: str) -> set[str]:
    if len(sketch) % _DIGITS or not sketch:
        raise SpecError(f"training sketch: expected {_DIGITS} digits per image, found {sketch!r}")
    return {sketch[start : start + _DIGITS] for start in range(0, len(sketch), _DIGITS)}


def _hashes(images: NDArray[np.uint8]) -> list[str]:
    return [hashlib.sha256(image.tobytes()).hexdigest()[:_DIGITS] for image in images]
