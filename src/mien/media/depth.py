"""Grey and colour of more than 8 bits, brought to 8 by the range that the numbers use.

Cameras and scanners of 10, 12 or 14 bits store their numbers in 16 and seldom say so. Taken as 16
bits, such an image is nearly black.
"""

from __future__ import annotations

import dataclasses
import struct
import sys
from collections.abc import Callable
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.errors import MediaError
from mien.structures.frame import FEW_LEVELS, LEVEL_TOLERANCE

__all__ = [
    "SAVE_LEVELS",
    "Scaled",
    "declared_largest",
    "is_deep_colour",
    "low_bytes",
    "partial_levels",
    "scale",
    "scale_colour",
    "scale_deep",
    "white_is_zero",
]

SAVE_LEVELS = "Save the video with 8 bits, or in a format of as many bits as its levels have"
"""What to do with a video of `partial_levels`."""

_WIDTHS = (8, 10, 12, 14, 16, 20, 24, 32)
"""The bits that sensors and files have."""

_HIGH_BYTE_OF_14_BITS = 0x3F
"""The high byte of a number of 16 bits that has 14 bits or fewer is at most this."""

_PACKED = {"rgb48": 3, "bgr48": 3, "rgba64": 4, "bgra64": 4}
"""FFmpeg's formats of 16 bits whose numbers of one pixel follow each other, and their count."""

_PHOTOMETRIC, _MAX_SAMPLE, _S_MAX_SAMPLE = 262, 281, 341
"""Tags of TIFF 6.0."""

_WHITE_IS_ZERO = 0
_DEFAULT_MAX_SAMPLE = 65535
_MAX_BITS = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Scaled:
    """Numbers that were brought to 8 bits.

    Attributes:
        values: uint8, of the shape that came.
        notes: What a reader should know of their range; empty if it is that of their type.
    """

    values: NDArray[np.uint8]
    notes: tuple[str, ...] = ()


def _bits(largest: int) -> int:
    """Return of how many bits a sensor is that gives such numbers: 8, 10, 12, 14, 16, ..."""
    needed = largest.bit_length()
    return next((width for width in _WIDTHS if width >= needed), needed)


def scale(values: NDArray[Any], *, declared: int = 0, inverted: bool = False) -> Scaled:
    """Bring numbers of any type but bool to 0 to 255.

    Whole numbers are taken to have the smallest number of bits that holds their largest. Fractions
    of 0 to 1 are scaled to 255, and numbers up to 255 are taken as they are. All other ranges are
    scaled so that their largest number becomes 255, and their smallest 0 if it is negative.

    Args:
        values: Of any shape.
        declared: The largest number that the file declares to be possible; 0 for none.
        inverted: Whether 0 is white.
    """
    if np.issubdtype(values.dtype, np.floating):
        numbers = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
        bottom, top, note = _range_of_fractions(numbers)
    else:
        numbers = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
        low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
        bottom, top, note = _range_of_whole_numbers(low, max(high, declared))
    shares = (numbers - bottom) / (top - bottom)
    if inverted:
        shares = 1 - shares
    scaled = (shares * 255).round().clip(0, 255).astype(np.uint8)
    return Scaled(scaled, (note,) if note else ())


def _range_of_whole_numbers(low: int, high: int) -> tuple[float, float, str]:
    if low < 0:
        return low, max(high, low + 1), _stretched(low, high)
    bits = _bits(high)
    top = 2**bits - 1
    whole = bits == 16 or not high
    return 0, top, "" if whole else f"holds {bits}-bit levels, scaled by their range of 0 to {top}"


def _range_of_fractions(numbers: NDArray[np.float32]) -> tuple[float, float, str]:
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
    if low < -LEVEL_TOLERANCE:
        return low, high if high > low else low + 1, _stretched(low, high)
    if high <= 1 + LEVEL_TOLERANCE:
        return 0, 1, ""
    if FEW_LEVELS <= high <= 255 + LEVEL_TOLERANCE:
        return 0, 255, ""
    return 0, high, _stretched(0, high)


def _stretched(low: float, high: float) -> str:
    return f"its values go from {low:g} to {high:g}, scaled so that these are black and white"


def scale_colour(
    high: NDArray[np.uint8], low: NDArray[np.uint8], *, alpha: bool, declared: int = 0
) -> Scaled:
    """Bring colours of 16 bits, `(H, W, C)` as their high and low bytes, to 8 bits.

    Args:
        high: The high bytes.
        low: The low bytes.
        alpha: Whether the last channel is transparency, which has a range of its own.
        declared: As for `scale`.
    """
    values = high.astype(np.uint16) * np.uint16(256) + low
    return scale_deep(values, alpha=alpha, declared=declared)


def scale_deep(values: NDArray[np.uint16], *, alpha: bool, declared: int = 0) -> Scaled:
    """Bring pixels of 16 bits, `(H, W, C)`, to 8 bits; see `scale_colour`."""
    if not alpha:
        return scale(values, declared=declared)
    colour = scale(values[..., :-1], declared=declared)
    return Scaled(np.dstack((colour.values, scale(values[..., -1:]).values)), colour.notes)


def is_deep_colour(image: Image.Image) -> bool:
    """Return whether Pillow will read a colour image of 16 bits and keep its high bytes alone."""
    return not image.mode.startswith("I") and any(
        "16" in raw.partition(";")[2] for raw in _rawmodes(image)
    )


def _rawmodes(image: Image.Image) -> list[str]:
    """Return the layouts of the stored pixels by Pillow's names, before they are decoded."""
    found = (_rawmode(tile[3]) for tile in getattr(image, "tile", ()) or ())
    return [raw for raw in found if raw is not None]


def _rawmode(arguments: Any) -> str | None:
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else None


def low_bytes(
    high: NDArray[np.uint8], reopen: Callable[[], Image.Image], source: str
) -> NDArray[np.uint8] | None:
    """Return the low bytes of a colour image of 16 bits whose high bytes say that it is of fewer.

    Args:
        high: The high bytes.
        reopen: Opens the image once more.
        source: What to call it in messages.

    Returns:
        The low bytes; None if the high bytes are enough.

    Raises:
        MediaError: They are needed, and cannot be read from a file of this layout.
    """
    with reopen() as image:
        tiles = image.tile  # type: ignore[attr-defined]
        multiplied = any(raw.startswith("RGBa") for raw in _rawmodes(image))
        # Colours that were divided by their transparency may be bright where that has few bits.
        has_alpha = image.mode == "RGBA"
        first = high[..., 3:] if multiplied else high[..., :3] if has_alpha else high
        if not first.size or first.max() > _HIGH_BYTE_OF_14_BITS:
            return None
        swapped = [_swapped(_rawmode(tile[3])) for tile in tiles]
        if None in swapped:
            raise MediaError(
                source,
                "its 16-bit colours use a part of their range alone, which is not read from a file "
                "of this layout. Save it with 8 bits, or without transparency",
            )
        image.tile = [  # type: ignore[attr-defined]
            tile._replace(args=_with_rawmode(tile.args, raw))
            for tile, raw in zip(tiles, swapped, strict=True)
        ]
        image.load()
        low = np.asarray(image)
    if "LA;16B" in {_rawmode(tile[3]) for tile in tiles}:
        # Read as RGBA, a pixel's four bytes are high and low of grey, then of alpha.
        low = low[..., [1, 1, 1, 3]]
    return low


def _swapped(raw: str | None) -> str | None:
    """Return the layout by which Pillow reads the other byte of each number."""
    if raw is None or raw.startswith("RGBa"):
        return None
    if raw == "LA;16B":
        return "RGBA"
    name, _, order = raw.partition(";")
    order = order.replace("N", "L" if sys.byteorder == "little" else "B")
    return {"16L": f"{name};16B", "16B": f"{name};16L"}.get(order)


def _with_rawmode(arguments: Any, raw: str | None) -> Any:
    return (raw, *arguments[1:]) if isinstance(arguments, tuple) else raw


def declared_largest(image: Image.Image, file: IO[bytes] | None) -> int:
    """Return the largest number that an image's file declares to be possible; 0 for none.

    Args:
        image: As Pillow opened it.
        file: The file; its position is left as it is. None if it is not at hand.
    """
    tags = getattr(image, "tag_v2", {})
    for tag in (_S_MAX_SAMPLE, _MAX_SAMPLE):
        found = tags.get(tag)
        largest = max(found, default=0) if isinstance(found, tuple) else found
        # By its default the tag says no more than the number of bits does.
        if isinstance(largest, int) and 0 < largest < _DEFAULT_MAX_SAMPLE:
            return largest
    bits = _png_bits(file) if file is not None and image.format == "PNG" else 0
    return 2**bits - 1 if bits <= _MAX_BITS else 0


def partial_levels(frame: Any) -> str | None:
    """Return of what range the levels of a decoded frame are whose 16 bits hold fewer, in words.

    FFmpeg takes them for those of 16 bits, so that the frame is nearly black.

    Args:
        frame: An `av.VideoFrame`.

    Returns:
        For example `holds 10-bit levels`; None for all other frames, and for black ones.
    """
    if any(component.bits != _MAX_BITS for component in frame.format.components):
        return None
    plane, name = frame.planes[0], frame.format.name
    count = _PACKED.get(name[:-2], 1)
    numbers = np.frombuffer(plane, ">u2" if name.endswith("be") else "<u2")
    rows = numbers.reshape(plane.height, -1)[:, : plane.width * count]
    largest = int(rows.reshape(plane.height, -1, count)[..., :3].max())
    bits = _bits(largest)
    return f"holds {bits}-bit levels in 16 bits" if largest and bits < _MAX_BITS else None


def white_is_zero(image: Image.Image) -> bool:
    """Return whether a TIFF stores black as its largest number, which Pillow leaves so."""
    return bool(getattr(image, "tag_v2", {}).get(_PHOTOMETRIC, 1) == _WHITE_IS_ZERO)


def _png_bits(file: IO[bytes]) -> int:
    """Return how many bits of a PNG's numbers are significant by its chunk sBIT, or 0."""
    position, bits = file.tell(), 0
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"sBIT" and 1 <= length <= 4:
            bits = max(file.read(length), default=0)
        if kind in (b"sBIT", b"PLTE", b"IDAT"):
            break
        file.seek(length + 4, 1)
    file.seek(position)
    return bits
