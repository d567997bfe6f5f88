"""The eight ways in which a camera's images lie in a file, and how each is turned upright."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import av

__all__ = ["UPRIGHT", "Orientation", "orientation_of"]


_NEWER_TYPES = 16
"""How many types of side data FFmpeg may have beyond those that PyAV names."""


class Orientation(NamedTuple):
    """How the pixels of a frame become upright: transposed first, then mirrored and flipped.

    Attributes:
        transposed: Rows become columns.
        mirrored: Left and right change places.
        flipped: Top and bottom change places.
    """

    transposed: bool
    mirrored: bool
    flipped: bool

    def size(self, sides: tuple[int, int]) -> tuple[int, int]:
        """Return width and height as they are upright, or upright ones as they lie in the file."""
        return sides[::-1] if self.transposed else sides

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn pixels `(H, W)` or `(H, W, C)` upright, without copying them."""
        if self.transposed:
            pixels = pixels.swapaxes(0, 1)
        return pixels[:: -1 if self.flipped else 1, :: -1 if self.mirrored else 1]


UPRIGHT = Orientation(transposed=False, mirrored=False, flipped=False)


def orientation_of(frame: av.VideoFrame | None) -> Orientation:
    """Return how a decoded frame becomes upright, from its display matrix.

    The matrix `[a b u, c d v, x y w]` (ISO/IEC 14496-12, 6.2.2) takes a stored pixel `(p, q)` to
    `(a p + c q + x, b p + d q + y)`. Turns between quarters go to the nearest quarter. A
    matrix that takes all pixels onto one line is an error in the file and does not count.
    """
    data = None if frame is None else _display_matrix(frame)
    if data is None:
        return UPRIGHT
    a, b, _, c, d = (int(value) for value in np.frombuffer(data, np.int32)[:5])
    if a * d == b * c:
        return UPRIGHT
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(transposed=True, mirrored=c < 0, flipped=b < 0)
    return Orientation(transposed=False, mirrored=a < 0, flipped=d < 0)


def _display_matrix(frame: av.VideoFrame) -> Any:
    # A frame and its own `side_data` hold each other, so that hundreds of frames would wait for
    # Python's collector; one that is made here holds the frame alone.
    from av.sidedata.sidedata import SideDataContainer

    container: Any = SideDataContainer
    try:
        return container(frame).get("DISPLAYMATRIX")
    except ValueError:
        # Side data of a type that PyAV has no name for, such as the EXIF data of numbered images.
        return container(_without_newer_types(frame)).get("DISPLAYMATRIX")


def _without_newer_types(frame: av.VideoFrame) -> av.VideoFrame:
    """Return a frame with only the side data whose types PyAV knows."""
    import av
    from av.sidedata.sidedata import Type

    types: Any = Type
    newest = max(kind.value for kind in types)
    graph = av.filter.Graph()
    time_base = frame.time_base or Fraction(1, 25)
    steps = [graph.add_buffer(None, frame.width, frame.height, frame.format, time_base=time_base)]
    for number in range(newest + 1, newest + 1 + _NEWER_TYPES):
        steps.append(graph.add("sidedata", f"mode=delete:type={number}"))
    steps.append(graph.add("buffersink"))
    graph.link_nodes(*steps).configure()
    graph.vpush(frame)
    return graph.vpull()
