"""Reading images with Pillow: any mode becomes upright RGB, and errors give reason and advice."""

from __future__ import annotations

import errno
import io
import os
import struct
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from mien.errors import MediaError
from mien.media.bounds import describe_frames
from mien.media.image_file import MAX_PIXELS, check_promised, open_image, too_large
from mien.structures import Frame

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "MIN_SIDE_PX",
    "convert_image",
    "decode_image",
    "read_image",
    "to_rgb",
]

MIN_SIDE_PX = 8
"""An image with a shorter side holds no face that a detector could find."""

IMAGE_SUFFIXES = frozenset(
    (
        *(".avif", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png"),
        *(".tif", ".tiff", ".webp"),
        # These are photos, too, but not read, which is better said than passed over.
        *(".heic", ".heif", ".jp2", ".jxl", ".pgm", ".ppm", ".tga"),
    )
)
"""The endings by which a folder's images are found; a file that is named is read whatever its
ending."""

_WHITE = (255, 255, 255, 255)

_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    MemoryError,
    RuntimeError,
    TypeError,
    LookupError,
    ArithmeticError,
    struct.error,
)
"""Errors that Pillow's decoders raise for damaged files."""

_UPRIGHT = 1

_UPRIGHT_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The operation that makes an image upright, by its EXIF orientation (Exif 2.32, 4.6.4)."""


def read_image(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Frame:
    """Read one image as an upright RGB frame.

    Grey, 16-bit, palette and CMYK images become 8-bit RGB, transparent parts white. Of an
    animation or an image with several pages only the first is read, which a note says.

    Args:
        path: The file.
        max_pixels: Images that declare more pixels are refused before they are decoded.

    Raises:
        MediaError: The file is missing, unreadable, empty, cut off, no image, too large or too
            small; the reason says what to do.
    """
    try:
        with Path(path).open("rb") as file:
            return _read(file, str(path), max_pixels)
    except (OSError, ValueError) as error:
        raise MediaError(str(path), _why_unreadable(error)) from error


def decode_image(data: bytes, source: str, *, max_pixels: int = MAX_PIXELS) -> Frame:
    """Read one image from the bytes of its file, like `read_image`.

    Args:
        data: The encoded image.
        source: What to call it in messages.
        max_pixels: Images that declare more pixels are refused before they are decoded.

    Raises:
        MediaError: The bytes cannot be read as an image; the reason says what to do.
    """
    return _read(io.BytesIO(data), source, max_pixels)


def convert_image(image: Image.Image, source: str) -> Frame:
    """Bring an image that Pillow has opened into the form of `read_image`.

    Args:
        image: Of any mode; its EXIF orientation counts. It stays as it is.
        source: What to call it in messages.

    Raises:
        MediaError: It is of a format that is not read, cannot be decoded, or is too large or too
            small.
    """
    check_promised(image, source)
    if image.width * image.height > MAX_PIXELS:
        found = f"it has {image.width} x {image.height} pixels"
        raise too_large(source, MAX_PIXELS, found)
    try:
        return _decode(image, source)
    except _DECODER_ERRORS as error:
        raise MediaError(source, _why_unreadable(error)) from error


def _read(file: IO[bytes], source: str, max_pixels: int) -> Frame:
    try:
        with open_image(file, source, max_pixels=max_pixels) as image:
            return _decode(image, source)
    except _DECODER_ERRORS as error:
        raise MediaError(source, _why_unreadable(error)) from error


def _decode(image: Image.Image, source: str) -> Frame:
    width, height = image.size
    if min(width, height) < MIN_SIDE_PX:
        reason = f"only {width} x {height} pixels, expected at least {MIN_SIDE_PX} on each side"
        raise MediaError(source, f"{reason}. Use a larger image")
    count = describe_frames(image)
    notes = (f"has {count} frames, only the first was read",) if count is not None else ()
    image.load()
    turn = _UPRIGHT_TRANSPOSE.get(_orientation(image))
    upright = image if turn is None else image.transpose(turn)
    return Frame(frame_rgb=np.asarray(to_rgb(upright)), source=source, notes=notes)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; an image with damaged EXIF data is taken for upright."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation)
    except _DECODER_ERRORS:
        return _UPRIGHT
    return found if isinstance(found, int) else _UPRIGHT


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image of any mode as 8-bit RGB, its transparent parts white."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_to_8_bit(np.asarray(image))).convert("RGB")
    transparent = "A" in image.getbands() or "a" in image.getbands()
    if transparent or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, _WHITE), image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_8_bit(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Bring grey values of more than 8 bits to 0 to 255.

    Whole numbers above 255 are taken as 16-bit. Fractions of 0 to 1 are scaled to 255, those up to
    255 are taken as they are, and larger ones are scaled so that the largest becomes 255.
    """
    numbers = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    if np.issubdtype(values.dtype, np.floating):
        top = 1.0 if numbers.max() <= 1.0 else max(255.0, float(numbers.max()))
    else:
        top = 65535.0 if values.dtype == np.uint16 or numbers.max() > 255 else 255.0
    return (numbers * (255.0 / top)).round().clip(0, 255).astype(np.uint8)


def _why_unreadable(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file or folder. Check the path"
    if isinstance(error, PermissionError):
        return "no permission to read it. Change its permissions or copy it elsewhere"
    if isinstance(error, IsADirectoryError):
        return "a folder, not an image. Use Analyzer.stream or the command line for folders"
    if isinstance(error, ValueError) and "null byte" in str(error):
        return "not a valid file name, it contains a zero byte. Check the path"
    if isinstance(error, MemoryError):
        return "not enough memory to decode it. Scale the image down first"
    if isinstance(error, OSError) and error.errno is not None:
        name = errno.errorcode.get(error.errno, str(error.errno))
        return f"cannot be read: {os.strerror(error.errno)} ({name})"
    return f"damaged or cut off: {error}. Copy or download it again"
