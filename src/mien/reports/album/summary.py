"""What the page and the contact sheet of an album show."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

__all__ = ["AlbumFace", "AlbumPage", "AlbumRow"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlbumFace:
    """A face of an album.

    Attributes:
        jpeg: The face with a margin, a square JPEG.
        emotion: One of the six labels.
        confidence: Its probability, 0 to 1.
        unsure: Whether the answer is unsure.
        source: The image.
        address: The image's address, relative to the page.
        group: The number of its group, from 0.
        shots: How many shots of this moment there are.
    """

    jpeg: bytes
    emotion: str
    confidence: float
    unsure: bool
    source: str
    address: str
    group: int
    shots: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlbumRow:
    """A group of an album.

    Attributes:
        name: Its one or two most probable expressions.
        faces: How many faces it has.
        moments: How many moments they show.
        typical: Its most typical faces, the medoid first.
    """

    name: str
    faces: int
    moments: int
    typical: Sequence[AlbumFace]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlbumPage:
    """The whole page.

    Attributes:
        title: The album's name.
        images: How many images were read.
        failed: How many inputs could not be read.
        faces: How many faces are in the album.
        moments: How many moments they show.
        groups: The groups, the largest first.
        expressive: Each expression with the faces that show it most clearly.
        odd: The faces that are least like their groups, the oddest first.
        gallery: One face per moment, or a part of them where there are too many.
    """

    title: str
    images: int
    failed: int
    faces: int
    moments: int
    groups: Sequence[AlbumRow]
    expressive: Sequence[tuple[str, Sequence[AlbumFace]]]
    odd: Sequence[AlbumFace]
    gallery: Sequence[AlbumFace]
