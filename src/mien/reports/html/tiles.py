"""Images of faces in a report: tiles that can be filtered, and the same as one PNG."""

from __future__ import annotations

import base64
import dataclasses
import html
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.data import Dataset
from mien.emotions import FER2013_7

__all__ = ["Tile", "contact_sheet", "groups_html", "image_html", "row_label", "tiles_html"]

_GAP_PX = 4
_ZOOM = 2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tile:
    """One face with its caption.

    Attributes:
        image: `(H, W)` luma or `(H, W, 3)` RGB, uint8.
        label: What the tiles can be filtered by, and the caption's first line.
        text: The caption's second line.
    """

    image: NDArray[np.uint8]
    label: str
    text: str = ""


def row_label(data: Dataset, row: int) -> str:
    """Return the name of an image's label."""
    label = int(data.labels[row])
    return FER2013_7.labels[label] if label >= 0 else "no label"


def image_html(image: NDArray[np.uint8], description: str) -> str:
    """Return an `<img>` that carries `(H, W)` luma or `(H, W, 3)` RGB in itself."""
    packed = io.BytesIO()
    Image.fromarray(image).save(packed, "PNG", optimize=True)
    data = base64.b64encode(packed.getvalue()).decode()
    said = html.escape(description, quote=True)
    return f'<img src="data:image/png;base64,{data}" alt="{said}" title="{said}">'


def tiles_html(
    tiles: Sequence[Tile], *, name: str, chips: bool = False, large: bool = False
) -> str:
    """Lay out tiles.

    Args:
        tiles: In their order.
        name: The element's id, unique on the page.
        chips: Whether buttons show one label's faces only.
        large: Whether the tiles are larger than usual.
    """
    buttons, name = "", html.escape(name)
    if chips:
        labels = list(dict.fromkeys(tile.label for tile in tiles))
        buttons = "".join(_chip(value) for value in ("", *labels))
        buttons = f'<div class="chips" data-of="{name}">{buttons}</div>'
    shown = "".join(_tile(tile) for tile in tiles)
    return f'{buttons}<div class="faces{" large" if large else ""}" id="{name}">{shown}</div>'


def groups_html(groups: Sequence[Sequence[Tile]]) -> str:
    """Lay out groups of tiles that belong together, each in a frame."""
    framed = (f'<div class="faces">{"".join(_tile(t) for t in group)}</div>' for group in groups)
    return f'<div class="groups">{"".join(framed)}</div>'


def contact_sheet(images: Sequence[NDArray[np.uint8]], *, columns: int) -> Image.Image:
    """Lay out `(H, W)` luma images of one size in rows, enlarged, on white."""
    height, width = (side * _ZOOM for side in images[0].shape)
    rows = -(-len(images) // columns)
    size = (columns * (width + _GAP_PX) + _GAP_PX, rows * (height + _GAP_PX) + _GAP_PX)
    sheet = Image.new("L", size, 255)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        large = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
        sheet.paste(
            large, (_GAP_PX + column * (width + _GAP_PX), _GAP_PX + row * (height + _GAP_PX))
        )
    return sheet


def _chip(label: str) -> str:
    pressed = "false" if label else "true"
    shown = html.escape(label or "all")
    return (
        f'<button type="button" value="{html.escape(label, quote=True)}" '
        f'aria-pressed="{pressed}">{shown}</button>'
    )


def _tile(tile: Tile) -> str:
    image = image_html(tile.image, f"{tile.label} {tile.text}".strip())
    label = html.escape(tile.label, quote=True)
    caption = f"<b>{label}</b>{html.escape(tile.text)}"
    return f'<div class="face" data-label="{label}">{image}{caption}</div>'
