"""The blocks of a figure beside its chart: tables, tiles of faces, and plain text.

Blocks are plain values; `blocks.html` has a macro for each kind.
"""

from __future__ import annotations

import base64
import dataclasses
import io
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "Block",
    "ImageTable",
    "Preformatted",
    "Table",
    "Tile",
    "TileGroups",
    "Tiles",
    "image_address",
]


def image_address(image: Image.Image, kind: str = "PNG", **options: int | bool) -> str:
    """Return an address (a `data:` URI) that holds an image itself.

    Args:
        image: The image.
        kind: `PNG` or `JPEG`.
        options: Passed to Pillow's encoder.
    """
    packed = io.BytesIO()
    image.save(packed, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(packed.getvalue()).decode()}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tile:
    """One face with its caption.

    Attributes:
        image: `(H, W)` luma or `(H, W, 3)` RGB, uint8, or a JPEG.
        label: What the tiles can be filtered by, and the caption's first line.
        text: The caption's second line.
        title: What the image is called where the pointer rests on it; label and text if empty.
        link: The address that the image leads to; empty without one.
        confidence: What the tiles can be filtered by, too, 0 to 1; None without one.
    """

    image: NDArray[np.uint8] | bytes
    label: str
    text: str = ""
    title: str = ""
    link: str = ""
    confidence: float | None = None

    @property
    def address(self) -> str:
        """The image as an address."""
        if isinstance(self.image, bytes):
            return f"data:image/jpeg;base64,{base64.b64encode(self.image).decode()}"
        return image_address(Image.fromarray(self.image), optimize=True)

    @property
    def description(self) -> str:
        """The text for readers who cannot see the image."""
        return f"{self.title} {self.label} {self.text}".strip()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    """Tiles in rows.

    Attributes:
        tiles: In their order.
        name: The element's id, unique on the page.
        filterable: Whether there are buttons that show the faces of one label.
        large: Whether the tiles are larger than usual.
        by_confidence: Whether there is a slider that hides the less confident faces.
    """

    kind: ClassVar[str] = "tiles"

    tiles: Sequence[Tile]
    name: str
    filterable: bool = False
    large: bool = False
    by_confidence: bool = False

    @property
    def labels(self) -> list[str]:
        """The different labels, in the order of their first tile."""
        return list(dict.fromkeys(tile.label for tile in self.tiles))


@dataclasses.dataclass(frozen=True, slots=True)
class TileGroups:
    """Groups of tiles that belong together, each in a frame.

    Attributes:
        groups: The tiles of each group.
    """

    kind: ClassVar[str] = "tile_groups"

    groups: Sequence[Sequence[Tile]]


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """A table; the first column is text, the others are numbers.

    Attributes:
        head: The columns' names.
        rows: As many cells each.
    """

    kind: ClassVar[str] = "table"

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclasses.dataclass(frozen=True, slots=True)
class ImageTable:
    """A table of images: one row per face, one column per step.

    Attributes:
        rows: The rows' names.
        columns: Each column's name and its images `(rows, H, W)` uint8 luma.
    """

    kind: ClassVar[str] = "image_table"

    rows: Sequence[str]
    columns: Sequence[tuple[str, NDArray[np.uint8]]]

    def tile(self, row: int, column: int) -> Tile:
        """Return the image of a cell with its description."""
        name, images = self.columns[column]
        return Tile(image=images[row], label=f"{self.rows[row]}, {name}")


@dataclasses.dataclass(frozen=True, slots=True)
class Preformatted:
    """Text in a fixed-width font, for example a recipe.

    Attributes:
        text: The text.
    """

    kind: ClassVar[str] = "preformatted"

    text: str


Block = ImageTable | Preformatted | Table | TileGroups | Tiles
"""A block of any kind."""
