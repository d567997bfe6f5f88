"""The one place where an encoded image is opened: the promised formats, and none that is huge.

Pillow by itself tries all of its more than forty formats, and hands PostScript to Ghostscript where
there is one.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import warnings
from typing import IO

from PIL import Image, UnidentifiedImageError, _imaging

from mien.errors import MediaError, install_command
from mien.media.bounds import check_scans
from mien.media.signatures import (
    PROMISED_VIDEOS,
    START_BYTES,
    format_name,
    is_container,
    is_other_video,
)

__all__ = ["MAX_PIXELS", "PROMISED", "check_promised", "open_image", "too_large"]

MAX_PIXELS = 100_000_000
"""Larger images are refused by default: decoded they would take 300 MB and more."""

PROMISED = "JPEG, PNG, WebP, BMP, GIF, TIFF or AVIF"
"""What is read, as a person says it."""

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
"""The same by Pillow's names."""

_HEIC = "HEIC"

_USE = f"Use a {PROMISED} file"


def open_image(file: IO[bytes], source: str, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Open an encoded image of a promised format; its pixels are not decoded yet.

    Args:
        file: Open for reading, at its beginning.
        source: What to call it in messages.
        max_pixels: Images that declare more pixels are refused.

    Returns:
        Pillow's image, which holds on to `file` until it is loaded or closed.

    Raises:
        MediaError: The file is of another format, which the reason names, or has too many pixels or
            scans; or it is a HEIC, and the extra that reads it is not installed.
        OSError: The file cannot be read. What else Pillow raises for damaged files passes, too.
    """
    _quieten_pillow()
    try:
        image: Image.Image = Image.open(file, formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise too_large(source, max_pixels, "Pillow does not even open it") from error
    except UnidentifiedImageError as error:
        file.seek(0)
        start = file.read(START_BYTES)
        if format_name(start) != _HEIC:
            raise MediaError(source, _why_unidentified(start)) from error
        image = _open_heic(file, source)
    width, height = image.size
    if width * height > max_pixels:
        image.close()
        raise too_large(source, max_pixels, f"it declares {width} x {height} pixels")
    if image.format == "TIFF":
        _quieten_libtiff()
    if image.format in ("JPEG", "MPO"):
        check_scans(file, source, pixels=width * height)
    return image


@functools.cache
def _quieten_pillow() -> None:
    """Keep Pillow from warning of what is checked here: large images, and damaged ones.

    The filter stands behind all others, so that a caller's decide. `warnings.catch_warnings` around
    each image would leave its own in the process where several threads read images.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.", append=True)


@functools.cache
def _quieten_libtiff() -> None:
    """Keep libtiff from printing what it finds: Pillow raises an error for it all the same."""
    with contextlib.suppress(OSError, AttributeError):  # where it is within Pillow, as on Windows
        library = ctypes.CDLL(_imaging.__file__)
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)


def _open_heic(file: IO[bytes], source: str) -> Image.Image:
    """Open a HEIC with the extra that reads it, which is imported when the first one comes."""
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        command = install_command("heif")
        reason = f"{_HEIC}, which needs the extra 'heif'. Install it with: {command}"
        raise MediaError(source, f"{reason}, or use a {PROMISED} file") from error
    file.seek(0)
    opened: Image.Image = HeifImageFile(file)
    return opened


def check_promised(image: Image.Image, source: str) -> None:
    """Refuse an image that somebody else opened with Pillow and that is of no promised format.

    It may not be decoded yet, which for some formats starts other programs.

    Raises:
        MediaError: The reason names the format.
    """
    # A phone's JPEG with a second image in it is Pillow's MPO; what was made in memory has none.
    if image.format is not None and image.format not in (*_FORMATS, "MPO", "HEIF"):
        raise MediaError(
            source, f"{image.format}, which is not read. {_USE}, or pass image.convert('RGB')"
        )


def too_large(source: str, max_pixels: int, found: str) -> MediaError:
    """Return the error for an image of too many pixels."""
    limit = f"more than the limit of {max_pixels / 1e6:.0f} million pixels"
    return MediaError(source, f"{limit}: {found}. Scale the image down first")


def _why_unidentified(start: bytes) -> str:
    if not start:
        return "the file is empty. Copy or download it again"
    if is_container(start):
        return "a video, not an image. `mien analyze` and Analyzer.stream take videos"
    name = format_name(start)
    if name is not None and name.upper() in _FORMATS:
        return f"damaged or cut off: {name} by its first bytes. Copy or download it again"
    if name is not None and is_other_video(name):
        return f"{name}, which is not read. Convert it to {PROMISED_VIDEOS}"
    if name is not None:
        return f"{name}, which is not read. {_USE}"
    if start.isascii() and b"\0" not in start:
        return f"not an image, the file holds text. {_USE}"
    return (
        f"not an image or video that can be read. Use a {PROMISED} file, or for a video "
        f"{PROMISED_VIDEOS}"
    )
