"""Drawing faces into the image that they were found in: boxes, labels and probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from PIL import Image, ImageColor

from mien.drawing.layout import ROW_HEIGHT, FaceLayout, FaceText, lay_out
from mien.drawing.shapes import Area, fill_rounded, outline_rounded, text_width, write_text
from mien.emotions import COLOURS
from mien.errors import InputError

__all__ = ["DrawableFace", "draw"]

_INK = (255, 255, 255, 255)
_FAINT = (255, 255, 255, 60)
_CARD = (17, 20, 26, 205)
_SMALLEST_NUMBER_PX = 10


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

    Labels and bars go where no face is. In a crowd small faces have a shorter label, or the box in
    its expression's colour alone.

    Args:
        image: RGB.
        faces: Largest first, for example a `FrameResult`; the largest ones choose their places
            first.

    Raises:
        InputError: `image` is no RGB image of Pillow, or `faces` are no faces.
    """
    _check(image, faces)
    places = lay_out([_text(face) for face in faces], *image.size)
    for face, place in zip(reversed(faces), reversed(places), strict=True):
        outline_rounded(
            image,
            face.box_xyxy,
            radius=place.text_px * 0.6,
            line=max(2, place.text_px / 7),
            colour=ImageColor.getrgb(COLOURS[face.emotion]),
        )
    for face, place in zip(faces, places, strict=True):
        _draw_label(image, face, place)
        if place.card is not None:
            _draw_bars(image, face, place.card, place.text_px)


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


def _text(face: DrawableFace) -> FaceText:
    word = f"{face.emotion}{'?' if face.unsure else ''}"
    return FaceText(
        box_xyxy=face.box_xyxy,
        label=f"{word} {100 * face.confidence:.0f} %",
        word=word,
        bars=len(face.probabilities),
    )


def _draw_label(image: Image.Image, face: DrawableFace, place: FaceLayout) -> None:
    if not place.text:
        return
    colour = ImageColor.getrgb(COLOURS[face.emotion])
    left, top, _, bottom = place.label
    fill_rounded(image, place.label, radius=(bottom - top) / 2, colour=colour)
    start = (left + place.text_px * 0.6, (top + bottom) / 2)
    write_text(image, place.text, start, place.text_px, _ink_on(colour))


def _draw_bars(image: Image.Image, face: DrawableFace, card: Area, px: int) -> None:
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


def _ink_on(colour: tuple[int, ...]) -> tuple[int, ...]:
    """Return black or white, whichever reads better (relative luminance, WCAG 2)."""
    linear = [(part / 255) ** 2.2 for part in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (17, 20, 26, 255) if luminance > 0.22 else _INK
