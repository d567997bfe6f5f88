"""Drawing faces into the image that they were found in: boxes, labels, probabilities and units."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol, Self

from PIL import Image, ImageColor

from mien.drawing.layout import ROW_HEIGHT, Card, FaceLayout, FaceText, lay_out
from mien.drawing.shapes import fill_rounded, outline_rounded, text_width, write_text
from mien.emotions import COLOURS
from mien.errors import InputError
from mien.units import HeadPose, merged_sides, strongest_units

__all__ = ["DrawableFace", "draw"]

_INK = (255, 255, 255, 255)
_FAINT = (255, 255, 255, 60)
_CARD = (17, 20, 26, 205)
_QUIET = (196, 202, 210, 255)
_UNIT = (140, 200, 230)
_SMALLEST_NUMBER_PX = 10
_MAX_UNITS = 5


class DrawableFace(Protocol):
    """What has to be known of a face to draw it; `FacePrediction` has it.

    A face may also have `units`, `pose` and `units_missing`, as `FacePrediction` does.
    """

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


def draw(image: Image.Image, faces: Sequence[DrawableFace], *, units: bool = True) -> None:
    """Draw boxes, labels and the six probabilities into an image itself.

    Labels and bars go where no face is. In a crowd small faces have a shorter label, or the box in
    its expression's colour alone. Faces that were analysed with expression units have the most
    active ones and their pose beside or below them, where there is room.

    Args:
        image: RGB.
        faces: Largest first, for example a `FrameResult`; the largest ones choose their places
            first.
        units: Whether expression units are drawn, where faces have them.

    Raises:
        InputError: `image` is no RGB image of Pillow, or `faces` are no faces.
    """
    _check(image, faces)
    said = [_UnitTexts.of(face) if units else None for face in faces]
    texts = [_text(face, each) for face, each in zip(faces, said, strict=True)]
    places = lay_out(texts, *image.size)
    for face, place in zip(reversed(faces), reversed(places), strict=True):
        outline_rounded(
            image,
            face.box_xyxy,
            radius=place.text_px * 0.6,
            line=max(2, place.text_px / 7),
            colour=ImageColor.getrgb(COLOURS[face.emotion]),
        )
    for face, each, place in zip(faces, said, places, strict=True):
        _draw_label(image, face, place)
        if place.card is not None:
            _draw_bars(image, face, place.card)
        if each is not None and place.units is not None:
            _draw_units(image, each, place.units)


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


@dataclasses.dataclass(frozen=True, slots=True)
class _UnitTexts:
    """What is written of a face's expression units.

    Attributes:
        values: The most active ones by name.
        remark: The line below them: the pose, or why there are none.
    """

    values: Mapping[str, float]
    remark: str

    @classmethod
    def of(cls, face: DrawableFace) -> Self | None:
        """Return what is written of a face; None if it was analysed without units."""
        units: Mapping[str, float] | None = getattr(face, "units", None)
        pose: HeadPose | None = getattr(face, "pose", None)
        missing: str | None = getattr(face, "units_missing", None)
        if units is None or pose is None:
            return None if missing is None else cls({}, f"no units: {missing}")
        turn = f"yaw {pose.yaw_deg:+z.0f}  pitch {pose.pitch_deg:+z.0f}  roll {pose.roll_deg:+z.0f}"
        return cls(strongest_units(merged_sides(units), _MAX_UNITS), turn)

    @property
    def rows(self) -> int:
        return len(self.values) + 1


def _text(face: DrawableFace, units: _UnitTexts | None) -> FaceText:
    word = f"{face.emotion}{'?' if face.unsure else ''}"
    return FaceText(
        box_xyxy=face.box_xyxy,
        label=f"{word} {100 * face.confidence:.0f} %",
        word=word,
        bars=len(face.probabilities),
        unit_rows=0 if units is None else units.rows,
    )


def _draw_label(image: Image.Image, face: DrawableFace, place: FaceLayout) -> None:
    if not place.text:
        return
    colour = ImageColor.getrgb(COLOURS[face.emotion])
    left, top, _, bottom = place.label
    fill_rounded(image, place.label, radius=(bottom - top) / 2, colour=colour)
    start = (left + place.text_px * 0.6, (top + bottom) / 2)
    write_text(image, place.text, start, place.text_px, _ink_on(colour))


def _draw_bars(image: Image.Image, face: DrawableFace, place: Card) -> None:
    card, px = place.area, place.text_px
    fill_rounded(image, card, radius=px * 0.5, colour=_CARD)
    text = max(round(px * 0.8), _SMALLEST_NUMBER_PX)
    start, end = card[0] + px * 4.3, card[2] - px * 2.5
    for row, (label, share) in enumerate(face.probabilities.items()):
        middle, half = card[1] + px * 0.5 + (row + 0.5) * px * ROW_HEIGHT, px * 0.19
        write_text(image, label, (card[0] + px * 0.6, middle), text, _INK)
        track = (start, middle - half, end, middle + half)
        fill_rounded(image, track, radius=half, colour=_FAINT)
        filled = start + max(share * (end - start), 2 * half)
        bar, colour = (*track[:2], filled, track[3]), ImageColor.getrgb(COLOURS[label])
        fill_rounded(image, bar, radius=half, colour=colour)
        number = f"{100 * share:.0f}"
        right = card[2] - px * 0.6 - text_width(number, text)
        write_text(image, number, (right, middle), text, _INK)


def _draw_units(image: Image.Image, units: _UnitTexts, place: Card) -> None:
    card, px = place.area, place.text_px
    fill_rounded(image, card, radius=px * 0.5, colour=_CARD)
    text = max(round(px * 0.8), _SMALLEST_NUMBER_PX)
    left, right = card[0] + px * 0.6, card[2] - px * 0.6
    start, end = right - px * 5, right - px * 2.2
    for row, (name, value) in enumerate(units.values.items()):
        middle, half = card[1] + px * 0.5 + (row + 0.5) * px * ROW_HEIGHT, px * 0.19
        write_text(image, name, (left, middle), text, _INK)
        track = (start, middle - half, end, middle + half)
        fill_rounded(image, track, radius=half, colour=_FAINT)
        filled = start + max(value * (end - start), 2 * half)
        fill_rounded(image, (*track[:2], filled, track[3]), radius=half, colour=_UNIT)
        number = f"{value:.2f}"
        write_text(image, number, (right - text_width(number, text), middle), text, _INK)
    middle = card[3] - px * 0.5 - px * ROW_HEIGHT / 2
    write_text(image, units.remark, (left, middle), text, _QUIET)


def _ink_on(colour: tuple[int, ...]) -> tuple[int, ...]:
    """Return black or white, whichever reads better (relative luminance, WCAG 2)."""
    linear = [(part / 255) ** 2.2 for part in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (17, 20, 26, 255) if luminance > 0.22 else _INK
