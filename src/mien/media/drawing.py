"""Drawing results into pictures with Pillow."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

from PIL import Image, ImageColor, ImageDraw, ImageFont

from mien.emotions import COLOURS
from mien.structures import FacePrediction, FrameResult, FrameRGB, check_frame_rgb

__all__ = ["draw_result"]

_OVERSAMPLING = 3
"""Shapes are drawn this much larger and scaled down, since Pillow's have jagged edges."""

_CARD_FROM_PX = 90
"""Faces with a shorter side get a label alone; the six bars would hide more than they show."""

_INK = (255, 255, 255, 255)
_FAINT = (255, 255, 255, 60)
_CARD = (17, 20, 26, 205)

Area = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""


def draw_result(frame_rgb: FrameRGB, result: FrameResult) -> Image.Image:
    """Draw boxes, labels and the six probabilities into a copy of a frame.

    Args:
        frame_rgb: `(H, W, 3)` uint8, RGB, the frame that was analysed.
        result: What was found in it.

    Returns:
        An RGB picture of the frame's size.
    """
    picture = Image.fromarray(check_frame_rgb(frame_rgb)).convert("RGB")
    for face in reversed(result.faces):  # the largest last, on top
        _Pen(picture, face).draw()
    return picture


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


@dataclasses.dataclass(slots=True)
class _Pen:
    """Draws one face; every measure follows from the text size, and that from the face."""

    picture: Image.Image
    face: FacePrediction

    @property
    def text_px(self) -> int:
        left, top, right, bottom = self.face.box_xyxy
        return round(
            min(max(min(right - left, bottom - top) / 9, 11), self.picture.height / 18, 40)
        )

    def draw(self) -> None:
        """Draw box, label and, where there is room for them, the bars."""
        left, top, right, bottom = self.face.box_xyxy
        line = max(2, self.text_px / 7)
        colour = ImageColor.getrgb(COLOURS[self.face.emotion])
        self._shape((left, top, right, bottom), radius=self.text_px * 0.6, outline=(colour, line))
        label = self._label_area()
        self._shape(label, radius=(label[3] - label[1]) / 2, fill=(*colour[:3], 255))
        self._text(self._label(), label[0] + self.text_px * 0.6, label, _ink_on(colour))
        if min(right - left, bottom - top) >= _CARD_FROM_PX:
            self._bars(self._card_area())

    def _label(self) -> str:
        mark = "?" if self.face.unsure else ""
        return f"{self.face.emotion}{mark} {100 * self.face.confidence:.0f} %"

    def _label_area(self) -> Area:
        left, top, _, _ = self.face.box_xyxy
        height = self.text_px * 1.55
        width = _font(self.text_px).getlength(self._label()) + self.text_px * 1.2
        x = min(max(left, 0), max(0, self.picture.width - width))
        y = top - height - self.text_px * 0.35
        y = y if y >= 0 else max(top, 0) + self.text_px * 0.35
        return (x, y, x + width, y + height)

    def _card_area(self) -> Area:
        """Find a place beside the face: right, left or below, else at its lower edge."""
        left, top, right, bottom = self.face.box_xyxy
        gap, width = self.text_px * 0.6, self.text_px * 9.2
        height = self.text_px * (1.0 + 1.35 * len(self.face.probabilities))
        if right + gap + width <= self.picture.width:
            x = right + gap
        elif left - gap - width >= 0:
            x = left - gap - width
        elif bottom + gap + height <= self.picture.height:
            x, top = min(max(left, 0), max(0, self.picture.width - width)), bottom + gap
        else:
            x, top = max(left, 0) + gap, bottom - height - gap
        y = min(max(top, 0), max(0, self.picture.height - height))
        return (x, y, x + width, y + height)

    def _bars(self, card: Area) -> None:
        self._shape(card, radius=self.text_px * 0.5, fill=_CARD)
        text = round(self.text_px * 0.8)
        row_height = self.text_px * 1.35
        start, end = card[0] + self.text_px * 4.3, card[2] - self.text_px * 0.6
        for row, (label, share) in enumerate(self.face.probabilities.items()):
            y = card[1] + self.text_px * 0.5 + row * row_height
            area = (card[0], y, card[2], y + row_height)
            self._text(label, card[0] + self.text_px * 0.6, area, _INK, size=text)
            middle, half = y + row_height / 2, self.text_px * 0.19
            track = (start, middle - half, end, middle + half)
            self._shape(track, radius=half, fill=_FAINT)
            filled = start + max(share * (end - start), 2 * half)
            colour = (*ImageColor.getrgb(COLOURS[label])[:3], 255)
            self._shape((start, middle - half, filled, middle + half), radius=half, fill=colour)

    def _shape(
        self,
        area: Area,
        *,
        radius: float,
        fill: tuple[int, ...] | None = None,
        outline: tuple[tuple[int, ...], float] | None = None,
    ) -> None:
        """Lay a rounded rectangle over the picture with smooth edges."""
        pad = 2
        x, y = int(area[0]) - pad, int(area[1]) - pad
        size = (int(area[2]) - x + 2 * pad, int(area[3]) - y + 2 * pad)
        mask = Image.new("L", (size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING))
        corners = [(side - (x, y)[i % 2]) * _OVERSAMPLING for i, side in enumerate(area)]
        width = max(1, round(outline[1] * _OVERSAMPLING)) if outline else 1
        ImageDraw.Draw(mask).rounded_rectangle(
            corners,
            radius * _OVERSAMPLING,
            fill=255 if fill else None,
            outline=255 if outline else None,
            width=width,
        )
        colour = fill or (*(outline[0] if outline else _INK)[:3], 255)
        opacity = colour[3] / 255
        mask = mask.resize(size, Image.Resampling.BOX).point(lambda value: round(value * opacity))
        self.picture.paste(tuple(colour[:3]), (x, y, x + size[0], y + size[1]), mask)

    def _text(
        self, text: str, x: float, row: Area, ink: tuple[int, ...], *, size: int | None = None
    ) -> None:
        middle = (row[1] + row[3]) / 2
        font = _font(size or self.text_px)
        ImageDraw.Draw(self.picture).text((x, middle), text, fill=ink, font=font, anchor="lm")


def _ink_on(colour: tuple[int, ...]) -> tuple[int, ...]:
    """Return black or white, whichever reads better (relative luminance, WCAG 2)."""
    linear = [(part / 255) ** 2.2 for part in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (17, 20, 26, 255) if luminance > 0.22 else _INK
