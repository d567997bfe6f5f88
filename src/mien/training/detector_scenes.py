"""Drawn things that can be mistaken for faces: letters, round shapes, cartoons, skin."""

from __future__ import annotations

import hashlib
import math
import string
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

__all__ = ["draw_clutter", "system_fonts"]

Box = tuple[int, int, int, int]

_LETTERS = string.ascii_letters + string.digits + "!?&@$%:;()[]{}*#"
_SCRIPTS = {
    "wqy": (0x4E00, 0x9FA5),
    "CJK": (0x4E00, 0x9FA5),
    "Arabic": (0x0620, 0x064A),
    "Hebrew": (0x05D0, 0x05EA),
    "Devanagari": (0x0905, 0x0939),
    "Bengali": (0x0985, 0x09B9),
    "Tamil": (0x0B85, 0x0BB9),
    "Thai": (0x0E01, 0x0E2E),
    "Georgian": (0x10D0, 0x10F0),
    "Armenian": (0x0531, 0x0556),
    "Ethiopic": (0x1200, 0x1248),
}
"""Letters of a font, by a part of its file's name; others have Latin, Greek and Cyrillic ones."""

_FONT_FOLDERS = {
    "win32": ("C:/Windows/Fonts",),
    "darwin": ("/System/Library/Fonts", "/Library/Fonts"),
}
_FONTS_OF_OTHERS = ("/usr/share/fonts", "/usr/local/share/fonts")
_SIZES_PX = (8, 12, 18, 27, 40, 60, 90, 135, 200, 300)
_SKIN_DARK, _SKIN_BRIGHT = np.array([60, 38, 28]), np.array([250, 214, 190])


@lru_cache
def system_fonts(*, measured: bool = False) -> tuple[str, ...]:
    """Return the font files of the machine, by name; letters in a tenth of them are measured on.

    Args:
        measured: Return that tenth, which training leaves out, instead of the others.
    """
    folders = map(Path, _FONT_FOLDERS.get(sys.platform, _FONTS_OF_OTHERS))
    files = {file for folder in folders for file in folder.rglob("*.[to]t[fc]")}
    return tuple(
        str(file)
        for file in sorted(files)
        if "Emoji" not in file.name
        and (hashlib.sha256(file.name.encode()).digest()[0] < 26) == measured
    )


@lru_cache(maxsize=256)
def _font(path: str | None, size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    if path is not None:
        try:
            return ImageFont.truetype(path, size_px)
        except OSError:
            pass
    return ImageFont.load_default(size_px)


def draw_clutter(
    canvas: Image.Image,
    area: Box,
    rng: np.random.Generator,
    *,
    backdrop: bool,
    pictures: Sequence[NDArray[np.uint8]] = (),
    fonts: Sequence[str] | None = None,
) -> list[Box]:
    """Draw things that are rare in images of people and can be mistaken for faces.

    Args:
        canvas: Is drawn on.
        area: The part that is drawn on, `x1, y1, x2, y2`.
        rng: The random generator.
        backdrop: Whether the part gets a ground of its own, so that nothing of it stays.
        pictures: Images without a face, `(H, W, 3)` uint8, which are pasted between the others.
        fonts: Font files; None takes the machine's that are not kept for measuring.

    Returns:
        The boxes that are covered whole: where no face can be seen.
    """
    left, top, right, bottom = area
    size = (right - left, bottom - top)
    scene = canvas.crop(area)
    known = system_fonts() if fonts is None else fonts
    if backdrop:
        ramp = Image.linear_gradient("L").rotate(float(rng.uniform(0, 360))).resize(size)
        scene = ImageOps.colorize(ramp, _colour(rng), _colour(rng))
        if rng.random() < 0.3:
            scene = Image.blend(scene, _texture(size, rng), float(rng.uniform(0.2, 0.9)))
    covered = [area] if backdrop else []
    for _ in range(int(rng.integers(3, 16 if backdrop else 7))):
        extent = math.exp(rng.uniform(math.log(0.06), math.log(0.5))) * size[0]
        x, y = rng.uniform(-0.1, 1.0, 2) * size
        width, height = extent * rng.uniform(0.4, 1.4, 2) + 2
        box = (float(x), float(y), float(x + width), float(y + height))
        kind = rng.random()
        if kind < 0.25 and len(pictures):
            place = _paste_picture(scene, pictures, (x, y), extent, rng)
            covered.append((left + place[0], top + place[1], left + place[2], top + place[3]))
        elif kind < 0.6:
            _draw_letters(scene, known, (x, y), extent, rng)
        else:
            _draw_shape(scene, box, rng)
    if rng.random() < 0.3:
        scene = scene.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3)))
    canvas.paste(scene, (left, top))
    return covered


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(part) for part in rng.integers(0, 256, 3))
    return red, green, blue


def _skin(rng: np.random.Generator) -> tuple[int, int, int]:
    tone = _SKIN_DARK + (_SKIN_BRIGHT - _SKIN_DARK) * rng.random() + rng.uniform(-15, 15, 3)
    red, green, blue = (int(part) for part in tone.clip(0, 255))
    return red, green, blue


def _texture(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Draw coarse noise, as of stone, cloth or foliage."""
    cells = rng.integers(0, 256, (*rng.integers(3, 40, 2), 3)).astype(np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC)


def _draw_letters(
    scene: Image.Image,
    fonts: Sequence[str],
    place: tuple[float, float],
    extent: float,
    rng: np.random.Generator,
) -> None:
    path = fonts[int(rng.integers(len(fonts)))] if len(fonts) and rng.random() < 0.85 else None
    name = Path(path).name if path else ""
    span = next((codes for part, codes in _SCRIPTS.items() if part in name), None)
    count = int(rng.integers(1, 9))
    if span is not None:
        letters = "".join(chr(int(code)) for code in rng.integers(span[0], span[1] + 1, count))
    elif rng.random() < 0.25 and path:
        letters = "".join(chr(int(code)) for code in rng.integers(0x0391, 0x0450, count))
    else:
        letters = "".join(rng.choice(list(_LETTERS), count))
    size_px = min(_SIZES_PX, key=lambda size: abs(size - extent))
    stroke = int(rng.integers(0, 5))
    try:
        ImageDraw.Draw(scene).text(
            place,
            letters,
            _colour(rng),
            _font(path, size_px),
            stroke_width=stroke,
            stroke_fill=_colour(rng),
        )
    except OSError:  # FreeType cannot draw some bitmap fonts
        return


def _draw_shape(
    scene: Image.Image, box: tuple[float, float, float, float], rng: np.random.Generator
) -> None:
    draw = ImageDraw.Draw(scene)
    edge = int(rng.integers(0, 5))
    kind = int(rng.integers(6))
    if kind == 0:
        draw.ellipse(box, fill=_colour(rng), outline=_colour(rng), width=edge)
    elif kind == 1:
        draw.rectangle(box, fill=_colour(rng), outline=_colour(rng), width=edge)
    elif kind == 2:  # rings, as of a target or a wheel
        rings = int(rng.integers(2, 6))
        for number in range(rings):
            draw.ellipse(_shrunk(box, number / rings), fill=_colour(rng))
    elif kind == 3:  # a cartoon's face
        _draw_cartoon(draw, box, rng)
    elif kind == 4:  # skin without a face: an arm, a hand, a back of a head
        draw.ellipse(box, fill=_skin(rng))
        draw.ellipse(_shrunk(box, float(rng.uniform(0.2, 0.6))), fill=_skin(rng))
        if rng.random() < 0.5:
            draw.rounded_rectangle(_shrunk(box, 0.4), 4, fill=_skin(rng))
    else:  # dots in a grid
        step = (box[2] - box[0]) / 4
        for row in range(3):
            for column in range(4):
                x, y = box[0] + step * column, box[1] + step * row
                draw.ellipse((x, y, x + step / 2, y + step / 2), fill=_colour(rng))


def _shrunk(
    box: tuple[float, float, float, float], share: float
) -> tuple[float, float, float, float]:
    """Return a box with the same centre, smaller by a share."""
    dx, dy = (box[2] - box[0]) * share / 2, (box[3] - box[1]) * share / 2
    return box[0] + dx, box[1] + dy, box[2] - dx, box[3] - dy


def _draw_cartoon(
    draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], rng: np.random.Generator
) -> None:
    """Draw a round face of few lines, as of a smiley, a logo or a child's drawing."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    ink, line = _colour(rng), max(1, int(width / 25))
    draw.ellipse(box, fill=_skin(rng) if rng.random() < 0.4 else _colour(rng), outline=ink)
    size, spread, level = rng.uniform(0.05, 0.16), rng.uniform(0.15, 0.25), rng.uniform(0.3, 0.45)
    white = rng.random() < 0.4
    for side in (-1, 1):
        x, y = left + width * (0.5 + side * spread), top + height * level
        if white:
            reach = 1.6 * size * width
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill="white", outline=ink)
        draw.ellipse(
            (x - size * width, y - size * width, x + size * width, y + size * width), fill=ink
        )
    mouth = (left + 0.28 * width, top + 0.4 * height, right - 0.28 * width, bottom - 0.15 * height)
    if rng.random() < 0.5:
        draw.chord(mouth, 10, 170, fill=_colour(rng), outline=ink)
    else:
        draw.arc(mouth, 10, 170, fill=ink, width=line)
    if rng.random() < 0.3:
        draw.pieslice(box, 190, 350, fill=_colour(rng))


def _paste_picture(
    scene: Image.Image,
    pictures: Sequence[NDArray[np.uint8]],
    place: tuple[float, float],
    extent: float,
    rng: np.random.Generator,
) -> Box:
    picture = Image.fromarray(pictures[int(rng.integers(len(pictures)))])
    scale = extent / max(picture.size)
    size = (max(4, round(picture.width * scale)), max(4, round(picture.height * scale)))
    x, y = round(place[0]), round(place[1])
    scene.paste(picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0), (x, y))
    return x, y, x + size[0], y + size[1]
