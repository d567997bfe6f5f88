"""Corruptions of images as cameras and people cause them, at three strengths each."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from mien.media import open_image

__all__ = ["CORRUPTIONS", "STRENGTHS", "corrupt"]

STRENGTHS = MappingProxyType(
    {
        "blur": (0.7, 1.2, 2.0),
        "noise": (0.04, 0.08, 0.16),
        "low light": (0.5, 0.25, 0.12),
        "JPEG": (40, 20, 8),
        "down-scaling": (32, 24, 16),
        "mask": (0.35, 0.65, 1.0),
        "glasses": (0.35, 0.65, 1.0),
        "rotation": (10, 20, 30),
    }
)
"""The three strengths of each corruption: standard deviation of a Gaussian blur in pixels, that of
added noise as a share of the range, the share of light left (with sensor noise and rounding), JPEG
quality, the side in pixels to which the image is reduced before it is enlarged again, the opacity
of a mask over mouth and nose and of glasses, and degrees of rotation to either side."""

_SENSOR_NOISE = 0.015
_EYES = ((0.33, 0.39), (0.69, 0.39))
_MASK = ((0.22, 0.60), (0.80, 0.60), (0.74, 0.95), (0.51, 1.05), (0.28, 0.95))
_MASK_GREY, _GLASSES_GREY = 205, 30
"""Positions of eyes and lower face in FER-2013's frame in units of the side, and grey values."""


def corrupt(
    images: NDArray[np.uint8], name: str, strength: float, *, seed: int = 1
) -> NDArray[np.uint8]:
    """Corrupt images.

    Args:
        images: `(N, H, W)` uint8 luma.
        name: One of `CORRUPTIONS`.
        strength: See `STRENGTHS`; other values are allowed.
        seed: The random seed.

    Returns:
        `(N, H, W)` uint8.
    """
    return CORRUPTIONS[name](images, strength, np.random.default_rng(seed))


_Corruption = Callable[[NDArray[np.uint8], float, np.random.Generator], NDArray[np.uint8]]


def _each(images: NDArray[np.uint8]) -> Iterator[Image.Image]:
    for image in images:
        yield Image.fromarray(image)


def _stacked(images: Iterator[Image.Image]) -> NDArray[np.uint8]:
    return np.stack([np.asarray(image, np.uint8) for image in images])


def _clipped(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    return values.round().clip(0, 255).astype(np.uint8)


def _blur(
    images: NDArray[np.uint8], spread_px: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    return _stacked(p.filter(ImageFilter.GaussianBlur(spread_px)) for p in _each(images))


def _noise(images: NDArray[np.uint8], spread: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    return _clipped(images + 255 * spread * rng.standard_normal(images.shape))


def _low_light(
    images: NDArray[np.uint8], share: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    return _noise(_clipped(images * share), _SENSOR_NOISE, rng)


def _jpeg(images: NDArray[np.uint8], quality: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    def compressed(image: Image.Image) -> Image.Image:
        data = io.BytesIO()
        image.save(data, "JPEG", quality=int(quality))
        data.seek(0)
        return open_image(data, "a JPEG of our own")

    return _stacked(compressed(image) for image in _each(images))


def _down_scaling(
    images: NDArray[np.uint8], side_px: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    height, width = images.shape[1:]
    small = (round(side_px), round(side_px))
    smooth = Image.Resampling.BILINEAR
    return _stacked(p.resize(small, smooth).resize((width, height), smooth) for p in _each(images))


def _mask(images: NDArray[np.uint8], opacity: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    def draw(on: ImageDraw.ImageDraw, height: int, width: int) -> None:
        on.polygon([(x * width, y * height) for x, y in _MASK], fill=255)

    return _covered(images, draw, grey=_MASK_GREY, opacity=opacity)


def _glasses(
    images: NDArray[np.uint8], opacity: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    def draw(on: ImageDraw.ImageDraw, height: int, width: int) -> None:
        for x, y in _EYES:
            across, down = 0.15 * width, 0.11 * height
            middle = (x * width, y * height)
            box = (middle[0] - across, middle[1] - down, middle[0] + across, middle[1] + down)
            on.ellipse(box, fill=255)
        on.line([(0.45 * width, 0.38 * height), (0.57 * width, 0.38 * height)], fill=255, width=2)

    return _covered(images, draw, grey=_GLASSES_GREY, opacity=opacity)


def _covered(
    images: NDArray[np.uint8],
    draw: Callable[[ImageDraw.ImageDraw, int, int], None],
    *,
    grey: int,
    opacity: float,
) -> NDArray[np.uint8]:
    height, width = images.shape[1:]
    shape = Image.new("L", (width, height), 0)
    draw(ImageDraw.Draw(shape), height, width)
    share = np.asarray(shape, np.float32) / 255 * opacity
    return _clipped(images * (1 - share) + grey * share)


def _rotation(
    images: NDArray[np.uint8], degrees: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    border = images.shape[1] // 2
    grown = np.pad(images, ((0, 0), (border, border), (border, border)), mode="edge")
    signs = rng.choice((-1, 1), len(images))
    turned = _stacked(
        image.rotate(float(sign * degrees), Image.Resampling.BILINEAR)
        for image, sign in zip(_each(grown), signs, strict=True)
    )
    return turned[:, border:-border, border:-border]


CORRUPTIONS: MappingProxyType[str, _Corruption] = MappingProxyType(
    {
        "blur": _blur,
        "noise": _noise,
        "low light": _low_light,
        "JPEG": _jpeg,
        "down-scaling": _down_scaling,
        "mask": _mask,
        "glasses": _glasses,
        "rotation": _rotation,
    }
)
"""The corruptions by name."""
