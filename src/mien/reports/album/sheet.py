"""The contact sheet of an album: the most typical faces of each group in one image."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageColor

from mien._wording import pluralize
from mien.drawing import fill_rounded, write_text
from mien.emotions import COLOURS
from mien.media import decode_image
from mien.reports.album.summary import AlbumRow

__all__ = ["draw_album"]

_PAPER, _INK, _FAINT = (255, 255, 255), (28, 30, 34), (107, 112, 122)
_FACE_PX, _GAP_PX, _HEAD_PX, _MARGIN_PX = 128, 12, 44, 32
_TEXT, _COLUMNS, _DOT = 17, 8, 12
_COUNT_X = 260


def draw_album(groups: Sequence[AlbumRow]) -> Image.Image:
    """Draw a row per group, its most typical face first, as an RGB image."""
    columns = min(_COLUMNS, max(len(group.typical) for group in groups))
    width = max(columns * (_FACE_PX + _GAP_PX) - _GAP_PX, 2 * _COUNT_X)
    row_px = _HEAD_PX + _FACE_PX + 2 * _GAP_PX
    sheet = Image.new(
        "RGB", (width + 2 * _MARGIN_PX, len(groups) * row_px + 2 * _MARGIN_PX), _PAPER
    )
    for number, group in enumerate(groups):
        top = _MARGIN_PX + number * row_px
        _draw_head(sheet, number, group, top + _HEAD_PX // 2)
        for column, face in enumerate(group.typical[:columns]):
            image = Image.fromarray(decode_image(face.jpeg, face.source).frame_rgb)
            image = image.resize((_FACE_PX, _FACE_PX))
            sheet.paste(image, (_MARGIN_PX + column * (_FACE_PX + _GAP_PX), top + _HEAD_PX))
    return sheet


def _draw_head(sheet: Image.Image, number: int, group: AlbumRow, middle: int) -> None:
    left = float(_MARGIN_PX)
    for label in group.name.split(" and "):
        dot = (left, middle - _DOT / 2, left + _DOT, middle + _DOT / 2)
        fill_rounded(sheet, dot, radius=_DOT / 2, colour=ImageColor.getrgb(COLOURS[label]))
        left += 1.3 * _DOT
    write_text(sheet, f"{number + 1}  {group.name}", (left + _DOT / 2, middle), _TEXT, _INK)
    counts = f"{pluralize(group.faces, 'face')}, {pluralize(group.moments, 'moment')}"
    write_text(sheet, counts, (_MARGIN_PX + _COUNT_X, middle), _TEXT, _FAINT)
