"""Drawing faces into the image that they were found in: boxes, labels and probabilities."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

from PIL import Image, ImageColor

from mien.drawing.shapes import Area, fill_rounded, outline_rounded, text_width, write_text
from mien.emotions import COLOURS
from mien.errors import InputError

__all__ = ["DrawableFace", "draw"]

_CARD_FROM_PX = 90
"""Faces with a shorter side get a label alone; the six bars would hide more than they show."""

_INK = (255, 255, 255, 255)
_FAINT = (255, 255, 255, 60)
_CARD = (17, 20, 26, 205)

_SMALLEST_TEXT_PX, _LARGEST_TEXT_SHARE = 11, 1 / 26
"""Text is at least so large, and at most this share of the image's height."""


class DrawableFace(Protocol):
    """What has to be known of a face to draw it; `FacePrediction` has it."""

    @property
    def box_xyxy(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom in pixels of the image."""
        ...

    @property
    def emotion(self) -> str:
        """The label to show, one of the six."""
        ...

    @property
    def confidence(self) -> float:
        """Its probability, 0 to 1."""
        ...

    @property
    def unsure(self) -> bool:
        """Whether a question mark goes behind the label."""
        ...

    @property
    def probabilities(self) -> Mapping[str, float]:
        """The six labels with their probabilities."""
        ...


def draw(image: Image.Image, faces: Sequence[DrawableFace]) -> None:
    """Draw boxes, labels and the six probabilities into an image itself.

    Args:
        image: RGB.
        faces: Largest first, for example a `FrameResult`; the largest is drawn last, on top.

    Raises:
        InputError: `image` is no RGB image of Pillow, or `faces` are no faces.
    """
    _check(image, faces)
    for face in reversed(faces):
        _Pen(image, face).draw()


def _check(image: object, faces: object) -> None:
    if not isinstance(image, Image.Image):
        found = type(image).__name__
        raise InputError(
            f"image: expected a Pillow image, found {found}. Call draw(image, faces); "
            "Image.fromarray makes an image of an array"
        )
    if image.mode != "RGB":
        raise InputError(
            f"image: expected the mode RGB, found {image.mode}. Draw into image.convert('RGB')"
        )
    if not (hasattr(faces, "__len__") and hasattr(faces, "__getitem__")):
        found = type(faces).__name__
        raise InputError(f"faces: expected a list of faces, found {found}")
    for face in reversed(faces):
        if not hasattr(face, "box_xyxy"):
            found = type(face).__name__
            raise InputError(f"faces: expected faces with a box_xyxy, found {found} among them")


@dataclasses.dataclass(slots=True)
class _Pen:
    """Draws one face; every measure follows from the text size, and that from the face."""

    image: Image.Image
    face: DrawableFace

    @property
    def text_px(self) -> int:
        left, top, right, bottom = self.face.box_xyxy
        largest = max(_SMALLEST_TEXT_PX, self.image.height * _LARGEST_TEXT_SHARE)
        wanted = max(min(right - left, bottom - top) / 9, _SMALLEST_TEXT_PX)
        return round(min(wanted, largest))

    def draw(self) -> None:
        """Draw box, label and, where there is room for them, the bars."""
        left, top, right, bottom = self.face.box_xyxy
        line = max(2, self.text_px / 7)
        colour = ImageColor.getrgb(COLOURS[self.face.emotion])
        outline_rounded(
            self.image, self.face.box_xyxy, radius=self.text_px * 0.6, line=line, colour=colour
        )
        label = self._label_area()
        fill_rounded(self.image, label, radius=(label[3] - label[1]) / 2, colour=colour)
        place = (label[0] + self.text_px * 0.6, (label[1] + label[3]) / 2)
        write_text(self.image, self._label(), place, self.text_px, _ink_on(colour))
        if min(right - left, bottom - top) >= _CARD_FROM_PX:
            self._bars(self._card_area())

    def _label(self) -> str:
        mark = "?" if self.face.unsure else ""
        return f"{self.face.emotion}{mark} {100 * self.face.confidence:.0f} %"

    def _label_area(self) -> Area:
        left, top, _, _ = self.face.box_xyxy
        height = self.text_px * 1.55
        width = text_width(self._label(), self.text_px) + self.text_px * 1.2
        x = min(max(left, 0), max(0, self.image.width - width))
        y = top - height - self.text_px * 0.35
        y = y if y >= 0 else max(top, 0) + self.text_px * 0.35
        return (x, y, x + width, y + height)

    def _card_area(self) -> Area:
        """Find a place beside the face: right, left or below, else at its lower edge."""
        left, top, right, bottom = self.face.box_xyxy
        gap, width = self.text_px * 0.6, self.text_px * 9.2
        height = self.text_px * (1.0 + 1.35 * len(self.face.probabilities))
        if right + gap + width <= self.image.width:
            x = right + gap
        elif left - gap - width >= 0:
            x = left - gap - width
        elif bottom + gap + height <= self.image.height:
            x, top = min(max(left, 0), max(0, self.image.width - width)), bottom + gap
        else:
            x, top = max(left, 0) + gap, bottom - height - gap
        y = min(max(top, 0), max(0, self.image.height - height))
        return (x, y, x + width, y + height)

    def _bars(self, card: Area) -> None:
        fill_rounded(self.image, card, radius=self.text_px * 0.5, colour=_CARD)
        text = round(self.text_px * 0.8)
        row_height = self.text_px * 1.35
        start, end = card[0] + self.text_px * 4.3, card[2] - self.text_px * 0.6
        for row, (label, share) in enumerate(self.face.probabilities.items()):
            y = card[1] + self.text_px * 0.5 + row * row_height
            middle, half = y + row_height / 2, self.text_px * 0.19
            place = (card[0] + self.text_px * 0.6, middle)
            write_text(self.image, label, place, text, _INK)
            track = (start, middle - half, end, middle + half)
            fill_rounded(self.image, track, radius=half, colour=_FAINT)
            filled = start + max(share * (end - start), 2 * half)
            bar, colour = (*track[:2], filled, track[3]), ImageColor.getrgb(COLOURS[label])
            fill_rounded(self.image, bar, radius=half, colour=colour)


def _ink_on(colour: tuple[int, ...]) -> tuple[int, ...]:
    """Return black or white, whichever reads better (relative luminance, WCAG 2)."""
    linear = [(part / 255) ** 2.2 for part in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (17, 20, 26, 255) if luminance > 0.22 else _INK
