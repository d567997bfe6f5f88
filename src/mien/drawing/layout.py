"""Where labels and bars of faces go: beside the faces, never over one that has room elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mien.drawing.shapes import Area, text_width

__all__ = ["ROW_HEIGHT", "Card", "FaceLayout", "FaceText", "lay_out"]

_CARD_FROM_PX = 64
"""Faces with a shorter side get a label alone; six bars in proportion could not be read."""

_SMALLEST_TEXT_PX, _SMALLEST_TEXT_SHARE, _LARGEST_TEXT_SHARE = 11, 1 / 80, 1 / 26
"""Text is at least so large, and between these shares of the image's height: an image of 4K is
looked at on a screen that shows it smaller."""

_TEXT_OF_FACE = 1 / 9
_LABEL_HEIGHT, _LABEL_PADDING, _LABEL_GAP = 1.55, 0.6, 0.35
_CARD_WIDTH, _CARD_GAP, _CARD_PADDING, ROW_HEIGHT = 11.0, 0.6, 0.5, 1.35
_UNITS_WIDTH = 15.5
"""In text sizes."""

_CARD_TEXT = (1.0, 0.8, 0.65, 0.5)
"""The text of a card is tried in these shares of the face's, as long as it can be read."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FaceText:
    """What is to be written at a face.

    Attributes:
        box_xyxy: The face's box.
        label: The label in full, for example `happy 93 %`.
        word: The label where that has no room, for example `happy`.
        bars: How many bars there are.
        unit_rows: How many rows its expression units take; 0 if it has none.
    """

    box_xyxy: Area
    label: str
    word: str
    bars: int
    unit_rows: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Card:
    """Where rows of a face go, and the size of their text: smaller where room is scarce."""

    area: Area
    text_px: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FaceLayout:
    """Where the parts of one face go.

    Attributes:
        text_px: The size of its text.
        text: The label, in full or as a word; empty where even that has no room.
        label: Its area.
        card: Where the bars go; None where there is no room or the face is small.
        units: Where the expression units go, by the same rule.
    """

    text_px: int
    text: str
    label: Area
    card: Card | None
    units: Card | None = None


def lay_out(faces: Sequence[FaceText], width: int, height: int) -> list[FaceLayout]:
    """Find a place for the label and the bars of each face, in the order of the faces.

    A label goes above, below or beside its face, where it covers no face, label or bars; if there
    is no such place, at an inner edge of its own face, as long as it covers no other face. Bars and
    expression units have smaller text where that has room, and are left out if they would cover
    anything; bars choose before units.

    Args:
        faces: The faces, the most important first.
        width: Of the image in pixels.
        height: Of the image in pixels.
    """
    taken = _Taken([face.box_xyxy for face in faces], width, height)
    sizes = [_text_px(face, height) for face in faces]
    labels = []
    for number, (face, px) in enumerate(zip(faces, sizes, strict=True)):
        labels.append(_label(face, number, px, taken))
        if labels[-1][0]:
            taken.add(labels[-1][1])
    cards, units = [], []
    for face, px, (text, _) in zip(faces, sizes, labels, strict=True):
        wanted = bool(text) and min(_sides(face.box_xyxy)) >= _CARD_FROM_PX
        places = _bar_places(face, px, height)
        cards.append(_free(taken, places) if wanted else None)
    for face, px, (text, _), card in zip(faces, sizes, labels, cards, strict=True):
        wanted = bool(text and face.unit_rows) and min(_sides(face.box_xyxy)) >= _CARD_FROM_PX
        places = _unit_places(face, card, px, height)
        units.append(_free(taken, places) if wanted else None)
    return [
        FaceLayout(text_px=px, text=text, label=label, card=card, units=area)
        for px, (text, label), card, area in zip(sizes, labels, cards, units, strict=True)
    ]


class _Taken:
    """The areas that nothing more may cover.

    Args:
        boxes: Those of the faces.
        width: Of the image in pixels.
        height: Of the image in pixels.
    """

    def __init__(self, boxes: Sequence[Area], width: int, height: int) -> None:
        self.width, self.height = width, height
        self._boxes = np.array(boxes, np.float64).reshape(-1, 4)
        self._others = np.empty((0, 4))

    def add(self, area: Area) -> None:
        """Take an area."""
        self._others = np.vstack([self._others, area])

    def is_free(self, area: Area, *, own: int | None = None) -> bool:
        """Return whether an area is in the image and free, except for the face `own`."""
        left, top, right, bottom = area
        if left < 0 or top < 0 or right > self.width or bottom > self.height:
            return False
        boxes = self._boxes if own is None else np.delete(self._boxes, own, axis=0)
        return not (_meets(boxes, area) or _meets(self._others, area))


def _meets(areas: NDArray[np.float64], area: Area) -> bool:
    left, top, right, bottom = area
    return bool(
        np.any(
            (areas[:, 0] < right)
            & (areas[:, 2] > left)
            & (areas[:, 1] < bottom)
            & (areas[:, 3] > top)
        )
    )


def _smallest_px(height: int) -> float:
    return max(_SMALLEST_TEXT_PX, height * _SMALLEST_TEXT_SHARE)


def _text_px(face: FaceText, height: int) -> int:
    smallest = _smallest_px(height)
    largest = max(smallest, height * _LARGEST_TEXT_SHARE)
    return round(min(max(min(_sides(face.box_xyxy)) * _TEXT_OF_FACE, smallest), largest))


def _label(face: FaceText, number: int, px: int, taken: _Taken) -> tuple[str, Area]:
    for text in (face.label, face.word):
        size = text_width(text, px) + 2 * _LABEL_PADDING * px, _LABEL_HEIGHT * px
        for area in _label_places(face.box_xyxy, size, px, taken.width):
            if taken.is_free(area):
                return text, area
    for text in (face.label, face.word):
        size = text_width(text, px) + 2 * _LABEL_PADDING * px, _LABEL_HEIGHT * px
        for area in _inner_places(face.box_xyxy, size, px, taken):
            if taken.is_free(area, own=number):
                return text, area
    return "", (0, 0, 0, 0)


def _label_places(box: Area, size: tuple[float, float], px: int, width: int) -> Iterator[Area]:
    """Yield places around a box: above and below from its left end to its right, beside it."""
    left, top, right, bottom = box
    gap = _LABEL_GAP * px
    starts = (min(max(left, 0), max(0, width - size[0])), max(right - size[0], 0))
    for y in (top - size[1] - gap, bottom + gap):
        for x in starts:
            yield _area(x, y, size)
    for x in (right + gap, left - gap - size[0]):
        for y in (top, bottom - size[1]):
            yield _area(x, y, size)


def _inner_places(box: Area, size: tuple[float, float], px: int, taken: _Taken) -> Iterator[Area]:
    """Yield places within a box and the image: along the upper edge, then the lower one."""
    gap = _LABEL_GAP * px
    left, top = max(box[0], 0) + gap, max(box[1], 0) + gap
    right, bottom = min(box[2], taken.width) - gap, min(box[3], taken.height) - gap
    # A label may be wider than its face; then it begins where the image lets it end.
    x = min(left, max(0, taken.width - size[0]))
    for y in (top, bottom - size[1]):
        yield _area(x, y, size)
        yield _area(max(right - size[0], 0), y, size)


def _free(taken: _Taken, places: Iterator[Card]) -> Card | None:
    """Take and return the first place that is free; None if none is."""
    card = next((each for each in places if taken.is_free(each.area)), None)
    if card is not None:
        taken.add(card.area)
    return card


def _card_size(rows: int, px: int, width: float) -> tuple[float, float]:
    return width * px, px * (2 * _CARD_PADDING + ROW_HEIGHT * rows)


def _card_text_px(px: int, height: int) -> list[int]:
    """Return the sizes of text that are tried for a card, the largest first."""
    smallest = round(_smallest_px(height))
    return list(dict.fromkeys(max(round(px * share), smallest) for share in _CARD_TEXT))


def _bar_places(face: FaceText, px: int, height: int) -> Iterator[Card]:
    for text_px in _card_text_px(px, height):
        size = _card_size(face.bars, text_px, _CARD_WIDTH)
        for area in _card_places(face.box_xyxy, size, text_px):
            yield Card(area, text_px)


def _unit_places(face: FaceText, bars: Card | None, px: int, height: int) -> Iterator[Card]:
    """Yield places for expression units: at the bars, below and above, then at the box."""
    for text_px in _card_text_px(px, height):
        size = _card_size(face.unit_rows, text_px, _UNITS_WIDTH)
        gap = _CARD_GAP * text_px
        if bars is not None:
            left, top, right, bottom = bars.area
            for y in (bottom + gap, top - gap - size[1]):
                yield Card(_area(left, y, size), text_px)
                yield Card(_area(right - size[0], y, size), text_px)
        for area in _card_places(face.box_xyxy, size, text_px):
            yield Card(area, text_px)


def _card_places(box: Area, size: tuple[float, float], px: int) -> Iterator[Area]:
    """Yield places for a card: right and left of the box, below and above it."""
    left, top, right, bottom = box
    gap = _CARD_GAP * px
    for x in (right + gap, left - gap - size[0]):
        for y in (max(top, 0), bottom - size[1], (top + bottom - size[1]) / 2):
            yield _area(x, max(y, 0), size)
    above = top - gap - size[1]
    for y in (bottom + gap, bottom + 2 * gap + _LABEL_HEIGHT * px, above, above - 2.2 * px):
        for x in (max(left, 0), max(right - size[0], 0)):
            yield _area(x, y, size)


def _area(x: float, y: float, size: tuple[float, float]) -> Area:
    return x, y, x + size[0], y + size[1]


def _sides(box: Area) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]
