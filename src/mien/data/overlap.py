"""A fingerprint of training images that fits into a model file, and what it finds elsewhere."""

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
        At most 512 hashes of eight hexadecimal digits each, ascending, and nothing between them. No
        image can be made of it.
    """
    return "".join(sorted(set(_hashes(images)))[:_KEPT])


def merged_sketches(sketches: Iterable[str]) -> str:
    """Return the sketch of all images that several sketches were made of, exactly.

    Args:
        sketches: What `image_sketch` returned for each set; empty ones add nothing.

    Raises:
        SpecError: A sketch is none.
    """
    known = set().union(*(_listed(sketch) for sketch in sketches if sketch))
    return "".join(sorted(known)[:_KEPT])


def estimated_overlap(images: NDArray[np.uint8], sketch: str) -> float:
    """Estimate which share of images is pixel by pixel among those that a sketch was made of.

    Below the sketch's largest hash it lists all its images, so of those images that hash below
    it the share found is that of all.

    Args:
        images: `(N, H, W)` uint8.
        sketch: What `image_sketch` returned.

    Returns:
        0 to 1; for few images that hash so low a coarse figure, NaN for none.

    Raises:
        SpecError: The sketch is none.
    """
    known = _listed(sketch)
    largest = max(known) if len(known) == _KEPT else "g"
    low = [each for each in _hashes(images) if each <= largest]
    return float(np.mean([each in known for each in low])) if low else float("nan")


def _listed(sketch: str) -> set[str]:
    if len(sketch) % _DIGITS or not sketch:
        raise SpecError(f"training sketch: expected {_DIGITS} digits per image, found {sketch!r}")
    return {sketch[start : start + _DIGITS] for start in range(0, len(sketch), _DIGITS)}


def _hashes(images: NDArray[np.uint8]) -> list[str]:
    return [hashlib.sha256(image.tobytes()).hexdigest()[:_DIGITS] for image in images]
