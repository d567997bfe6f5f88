"""Reading images with Pillow: any mode becomes upright RGB, and errors give reason and advice."""

from __future__ import annotations

import dataclasses
import errno
import io
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from mien.errors import MediaError
from mien.media.bounds import describe_frames
from mien.media.depth import (
    Scaled,
    declared_largest,
    is_deep_colour,
    low_bytes,
    scale,
    scale_colour,
    white_is_zero,
)
from mien.media.image_file import MAX_PIXELS, check_promised, open_image, too_large
from mien.media.jpeg import count_images, has_zeroed_part
from mien.structures import Frame

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "MIN_SIDE_PX",
    "convert_image",
    "decode_image",
    "partial_range",
    "read_image",
    "to_rgb",
    "why_unreadable",
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

_END_OF_JPEG = b"\xff\xd9"

_MAX_MISSING_SHARE = 0.25
"""A JPEG of which a larger share is missing is not read."""

_MIDDLE_GREY = 128
"""What libjpeg puts in the place of missing parts; 127 where the numbers are inverted (CMYK)."""

_NEW_SUBFILE_TYPE, _REDUCED = 254, 1
"""The tag of TIFF 6.0 that says that an image is a reduced version of another."""

_PREVIEW_NOTE = "its first image is a small preview, only that was read; export the photo as JPEG"

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
    Warning,
)
"""Errors that Pillow's decoders raise for damaged files; warnings where a caller's filters have
them raised."""

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

    Grey, 16-bit, palette and CMYK images become 8-bit RGB, transparent parts white. Notes say
    where that is not obvious: of an animation or an image with several pages only the first is
    read; numbers of 8 to 14 bits that are stored in 16 are scaled by the smallest range that holds
    them; a JPEG without its last bytes is read as far as it goes.

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
        raise MediaError(str(path), why_unreadable(error)) from error


def partial_range(path: str | Path) -> str | None:
    """Return of what range the levels of an image are whose 16 bits hold fewer, in words.

    Returns:
        For example `holds 12-bit levels`; None for all other images, and for what cannot be read.
    """
    try:
        notes = read_image(path).notes
    except MediaError:
        return None
    return next((each.partition(",")[0] for each in notes if "-bit levels" in each), None)


def decode_image(
    data: bytes,
    source: str,
    *,
    max_pixels: int = MAX_PIXELS,
    fit: Callable[[Image.Image], Image.Image] | None = None,
) -> Frame:
    """Read one image from the bytes of its file, like `read_image`.

    Args:
        data: The encoded image.
        source: What to call it in messages.
        max_pixels: Images that declare more pixels are refused before they are decoded.
        fit: Brings the upright RGB image to another size before it becomes a frame.

    Raises:
        MediaError: The bytes cannot be read as an image; the reason says what to do.
    """
    return _read(io.BytesIO(data), source, max_pixels, fit)


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
    file = getattr(image, "fp", None)
    try:
        if file is not None and image.tell() == 0 and is_deep_colour(image):
            # Pillow would keep the high bytes alone, whatever the range of the numbers is.
            return _read(io.BytesIO(_whole(file)), source, MAX_PIXELS)
        return _decode(image, source, file)
    except _DECODER_ERRORS as error:
        raise MediaError(source, why_unreadable(error)) from error


def _whole(file: IO[bytes]) -> bytes:
    """Return all bytes of a file, whose position is left as it is."""
    position = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(position)
    return data


def _read(
    file: IO[bytes],
    source: str,
    max_pixels: int,
    fit: Callable[[Image.Image], Image.Image] | None = None,
) -> Frame:
    def reopen() -> Image.Image:
        file.seek(0)
        return open_image(file, source, max_pixels=max_pixels)

    is_jpeg = False
    try:
        with reopen() as image:
            is_jpeg = image.format in ("JPEG", "MPO")
            frame = _decode(image, source, file, reopen, fit)
    except _DECODER_ERRORS as error:
        if is_jpeg and "truncated" in str(error):
            return _read_cut_off(_whole(file), source, max_pixels, fit)
        raise MediaError(source, why_unreadable(error)) from error
    if is_jpeg and has_zeroed_part(file):
        reason = "damaged: a part of its middle was replaced by zeros"
        raise MediaError(source, f"{reason}. Copy or download it again")
    # Of a phone's JPEG with more images in it (MPO) Pillow knows them.
    count = count_images(file) if image.format == "JPEG" else 1
    if count > 1:
        note = f"{_frames_note(count)}; save a video as MP4, for example"
        return dataclasses.replace(frame, notes=(*frame.notes, note))
    return frame


def _frames_note(count: int | str) -> str:
    return f"has {count} frames, only the first was read"


def _read_cut_off(
    data: bytes,
    source: str,
    max_pixels: int,
    fit: Callable[[Image.Image], Image.Image] | None,
) -> Frame:
    """Read what there is of a JPEG whose last bytes are missing."""
    try:
        with open_image(io.BytesIO(data + _END_OF_JPEG), source, max_pixels=max_pixels) as image:
            image.load()
            missing = _missing_share(np.asarray(image))
            frame = _decode(image, source, None, fit=fit)
    except _DECODER_ERRORS as error:
        raise MediaError(source, why_unreadable(error)) from error
    if missing > _MAX_MISSING_SHARE:
        reason = f"damaged or cut off: {missing:.0%} of the image is missing"
        raise MediaError(source, f"{reason}. Copy or download it again")
    what = f", and {missing:.0%} of the image with it" if missing else ""
    note = f"cut off: the end of the file is missing{what}"
    return dataclasses.replace(frame, notes=(*frame.notes, note))


def _missing_share(pixels: NDArray[np.uint8]) -> float:
    """Return the share of the rows that libjpeg has filled in: all of them in middle grey."""
    is_middle = np.abs(pixels.astype(np.int16) - _MIDDLE_GREY) <= 1
    is_filled = np.asarray(is_middle.reshape(len(pixels), -1).all(axis=1))
    (others,) = np.nonzero(~is_filled)
    read = others[-1] + 1 if len(others) else 0
    return float(1 - read / len(pixels))


def _decode(
    image: Image.Image,
    source: str,
    file: IO[bytes] | None,
    reopen: Callable[[], Image.Image] | None = None,
    fit: Callable[[Image.Image], Image.Image] | None = None,
) -> Frame:
    """Decode an image that is open.

    Args:
        image: The image.
        source: What to call it in messages.
        file: Its file, if it is at hand.
        reopen: Opens the image once more; None if it need not be of 16-bit colours.
        fit: Changes the size of the upright RGB image.
    """
    width, height = image.size
    if min(width, height) < MIN_SIDE_PX:
        reason = f"only {width} x {height} pixels, expected at least {MIN_SIDE_PX} on each side"
        raise MediaError(source, f"{reason}. Use a larger image")
    count = describe_frames(image)
    notes: tuple[str, ...] = ()
    if count is not None:
        notes = (_frames_note(count),)
    if _is_preview(image):
        notes += (_PREVIEW_NOTE,)
    declared, is_deep = declared_largest(image, file), is_deep_colour(image)
    image.load()
    shown = image
    if is_deep and reopen is not None:
        scaled = _scaled_colour(image, reopen, source, declared)
        if scaled is not None:
            shown = Image.fromarray(scaled.values, image.mode)
            notes += scaled.notes
    elif _is_deep_grey(image):
        scaled = scale(np.asarray(image), declared=declared, inverted=white_is_zero(image))
        shown = Image.fromarray(scaled.values)
        notes += scaled.notes
    rgb, is_clear = _flatten(shown)
    if is_clear:
        notes += ("every pixel is transparent and was taken for white",)
    turn = _UPRIGHT_TRANSPOSE.get(_orientation(image))
    upright = rgb if turn is None else rgb.transpose(turn)
    if fit is not None:
        upright = fit(upright)
    return Frame(frame_rgb=np.asarray(upright), source=source, notes=notes)


def _is_preview(image: Image.Image) -> bool:
    """Return whether a TIFF's first image is a small copy of another, as in cameras' raw files."""
    kind = getattr(image, "tag_v2", {}).get(_NEW_SUBFILE_TYPE, 0)
    return isinstance(kind, int) and bool(kind & _REDUCED)


def _scaled_colour(
    image: Image.Image, reopen: Callable[[], Image.Image], source: str, declared: int
) -> Scaled | None:
    """Return the 16-bit colours of an image in 8 bits; None if their high bytes are that."""
    high = np.asarray(image)
    low = low_bytes(high, reopen, source)
    if low is None:
        return None
    return scale_colour(high, low, alpha=image.mode == "RGBA", declared=declared)


def _is_deep_grey(image: Image.Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; an image with damaged EXIF data is taken for upright."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation)
    except _DECODER_ERRORS:
        return _UPRIGHT
    return found if isinstance(found, int) else _UPRIGHT


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image of 8 bits and any mode as RGB, its transparent parts white."""
    return _flatten(image)[0]


def _flatten(image: Image.Image) -> tuple[Image.Image, bool]:
    """Return an image as RGB, its transparent parts white, and whether there is nothing else."""
    transparent = "A" in image.getbands() or "a" in image.getbands()
    if not transparent and "transparency" not in image.info:
        return image if image.mode == "RGB" else image.convert("RGB"), False
    # Pillow converts grey with transparency that is multiplied in by one step alone.
    image = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    is_clear = not np.asarray(image.getchannel("A")).any()
    white = Image.new("RGBA", image.size, _WHITE)
    return Image.alpha_composite(white, image).convert("RGB"), is_clear


def why_unreadable(error: Exception) -> str:
    """Return why a file cannot be read or decoded, and what to do."""
    if isinstance(error, FileNotFoundError):
        return "no such file or folder. Check the path"
    if isinstance(error, PermissionError):
        return "no permission to read it. Change its permissions or copy it elsewhere"
    if isinstance(error, IsADirectoryError):
        return "a folder, not an image. `mien analyze` and Analyzer.stream take folders"
    if isinstance(error, ValueError) and "null byte" in str(error):
        return "not a valid file name, it contains a zero byte. Check the path"
    if isinstance(error, MemoryError):
        return "not enough memory to decode it. Scale the image down first"
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return "a link that leads back to itself. Remove it, or link the file"
    if isinstance(error, OSError) and error.errno is not None:
        name = errno.errorcode.get(error.errno, str(error.errno))
        return f"cannot be read: {os.strerror(error.errno)} ({name})"
    if isinstance(error, Warning):
        return f"Pillow warns of it: {error}. Let warnings pass, or use another file"
    return f"damaged or cut off: {error}. Copy or download it again"
