"""Faces side by side in one image, each with its caption."""

from __future__ import annotations

from PIL import Image, ImageColor

from mien.drawing import fill_rounded, outline_rounded, write_text
from mien.emotions import COLOURS
from mien.inference import SimilarFace, SimilarFaces
from mien.media import format_timestamp

__all__ = ["draw_similarity_grid"]

_PAPER, _INK, _FAINT = (255, 255, 255), (28, 30, 34), (107, 112, 122)
_FACE_PX, _GAP_PX, _LINE_PX, _TEXT, _COLUMNS = 160, 20, 22, 14, 6
_RADIUS, _FRAME, _DOT = 10.0, 4.0, 10


def draw_similarity_grid(similar: SimilarFaces) -> Image.Image:
    """Draw the query and the most similar faces, the most similar first, as an RGB image."""
    captions = ["query", *(_caption(each) for each in similar.faces)]
    faces = [similar.query, *similar.faces]
    columns = min(_COLUMNS, len(faces))
    rows = -(-len(faces) // columns)
    tile = (_FACE_PX + _GAP_PX, _FACE_PX + 2 * _LINE_PX + _GAP_PX)
    sheet = Image.new("RGB", (columns * tile[0] + _GAP_PX, rows * tile[1] + _GAP_PX), _PAPER)
    for number, (face, caption) in enumerate(zip(faces, captions, strict=True)):
        row, column = divmod(number, columns)
        place = (_GAP_PX + column * tile[0], _GAP_PX + row * tile[1])
        _draw_face(sheet, face, caption, place, framed=number == 0)
    return sheet


def _caption(face: SimilarFace) -> str:
    time_s = face.prediction.timestamp_s
    text = f"{face.similarity:+.3f}"
    return text if time_s is None else f"{text} at {format_timestamp(time_s)}"


def _draw_face(
    sheet: Image.Image, similar: SimilarFace, caption: str, place: tuple[int, int], *, framed: bool
) -> None:
    left, top = place
    face = similar.prediction
    sheet.paste(similar.image.resize((_FACE_PX, _FACE_PX)), place)
    if framed:
        area = (left - _FRAME, top - _FRAME, left + _FACE_PX + _FRAME, top + _FACE_PX + _FRAME)
        outline_rounded(sheet, area, radius=_RADIUS, line=_FRAME, colour=_INK)
    middle = top + _FACE_PX + 0.75 * _LINE_PX
    write_text(sheet, caption, (left, middle), _TEXT, _INK if framed else _FAINT)
    text = f"{face.emotion} {100 * face.confidence:.0f} %{', unsure' if face.unsure else ''}"
    middle += _LINE_PX
    dot = (left, middle - _DOT / 2, left + _DOT, middle + _DOT / 2)
    colour = ImageColor.getrgb(COLOURS[face.emotion])
    fill_rounded(sheet, dot, radius=_DOT / 2, colour=colour)
    write_text(sheet, text, (left + 1.6 * _DOT, middle), _TEXT, _INK)
