"""Rounded shapes and text with smooth edges, fast enough for a live window.

Corners and words are drawn once, larger and scaled down, and cached; the area between corners is
filled directly. Shapes lie on whole pixels.
"""

from __future__ import annotations

import math
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

__all__ = ["Area", "Colour", "fill_rounded", "outline_rounded", "text_width", "write_text"]

Area = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""

Colour = tuple[int, ...]
"""Red, green, blue and, where it is not 255, opacity; 0 to 255 each."""

_OVERSAMPLING = 4
"""Corners are drawn this much larger and scaled down, since Pillow's have jagged edges."""

_OPAQUE = 255


def fill_rounded(image: Image.Image, area: Area, *, radius: float, colour: Colour) -> None:
    """Fill a rectangle with round corners.

    Args:
        image: RGB; it is drawn into.
        area: Where; what lies outside the image is left out.
        radius: Of the corners in pixels; at most half of the shorter side.
        colour: With or without opacity.
    """
    left, top, width, height = _whole(area)
    corner = _corner(radius, width, height)
    opacity = _opacity(colour)
    if corner:
        _paste_corners(image, (left, top, width, height), corner, None, colour)
    _paste(image, (left + corner, top, width - 2 * corner, height), colour, opacity)
    for side in (left, left + width - corner):
        _paste(image, (side, top + corner, corner, height - 2 * corner), colour, opacity)


def outline_rounded(
    image: Image.Image, area: Area, *, radius: float, line: float, colour: Colour
) -> None:
    """Draw the outline of a rectangle with round corners.

    Args:
        image: RGB; it is drawn into.
        area: Its outer edge; what lies outside the image is left out.
        radius: Of the outer corners in pixels; at most half of the shorter side.
        line: Width of the line in pixels.
        colour: With or without opacity.
    """
    left, top, width, height = _whole(area)
    thick = max(1, round(line))
    corner = max(_corner(radius, width, height), min(thick, width // 2, height // 2))
    opacity = _opacity(colour)
    _paste_corners(image, (left, top, width, height), corner, thick, colour)
    for y in (top, top + height - thick):
        _paste(image, (left + corner, y, width - 2 * corner, thick), colour, opacity)
    for x in (left, left + width - thick):
        _paste(image, (x, top + corner, thick, height - 2 * corner), colour, opacity)


def write_text(
    image: Image.Image, text: str, xy: tuple[float, float], size: int, ink: Colour
) -> None:
    """Write a line of text.

    Args:
        image: RGB; it is drawn into.
        text: The text.
        xy: The text's left end, half-way up.
        size: Of the typeface in pixels.
        ink: Colour without opacity.
    """
    mask, (x, y) = _text_mask(text, size)
    left, top = round(xy[0]) + x, round(xy[1]) + y
    image.paste(ink[:3], (left, top, left + mask.width, top + mask.height), mask)


def text_width(text: str, size: int) -> float:
    """Return how wide a line of text is in pixels."""
    return _font(size).getlength(text)


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


@lru_cache(maxsize=512)
def _text_mask(text: str, size: int) -> tuple[Image.Image, tuple[int, int]]:
    """Draw a text once; returns it and where its upper left corner lies from its left middle."""
    font = _font(size)
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).textbbox(
        (0, 0), text, font, anchor="lm"
    )
    x, y = math.floor(left) - 1, math.floor(top) - 1
    mask = Image.new("L", (math.ceil(right) - x + 1, math.ceil(bottom) - y + 1))
    ImageDraw.Draw(mask).text((-x, -y), text, 255, font, anchor="lm")
    return mask, (x, y)


@lru_cache(maxsize=256)
def _disc(corner: int, thick: int | None, opacity: int) -> Image.Image:
    """Draw the four corners of a shape side by side: a disc or a ring."""
    large = 2 * corner * _OVERSAMPLING
    mask = Image.new("L", (large, large))
    ring = None if thick is None else thick * _OVERSAMPLING
    ImageDraw.Draw(mask).ellipse(
        (0, 0, large - 1, large - 1),
        fill=opacity if ring is None else None,
        outline=opacity,
        width=ring or 1,
    )
    return mask.resize((2 * corner, 2 * corner), Image.Resampling.BOX)


def _paste_corners(
    image: Image.Image,
    place: tuple[int, int, int, int],
    corner: int,
    thick: int | None,
    colour: Colour,
) -> None:
    left, top, width, height = place
    disc = _disc(corner, thick, _opacity(colour))
    for column, x in ((0, left), (corner, left + width - corner)):
        for row, y in ((0, top), (corner, top + height - corner)):
            mask = disc.crop((column, row, column + corner, row + corner))
            image.paste(colour[:3], (x, y, x + corner, y + corner), mask)


def _paste(
    image: Image.Image, place: tuple[int, int, int, int], colour: Colour, opacity: int
) -> None:
    """Fill a rectangle of left, top, width and height."""
    x, y = max(place[0], 0), max(place[1], 0)
    right = min(place[0] + place[2], image.width)
    bottom = min(place[1] + place[3], image.height)
    if right <= x or bottom <= y:
        return
    mask = None if opacity == _OPAQUE else Image.new("L", (right - x, bottom - y), opacity)
    image.paste(colour[:3], (x, y, right, bottom), mask)


def _whole(area: Area) -> tuple[int, int, int, int]:
    """Return left, top, width and height; sizes do not depend on the place."""
    left, top, right, bottom = area
    return round(left), round(top), max(1, round(right - left)), max(1, round(bottom - top))


def _corner(radius: float, width: int, height: int) -> int:
    return min(round(radius), width // 2, height // 2)


def _opacity(colour: Colour) -> int:
    return colour[3] if len(colour) > 3 else _OPAQUE
