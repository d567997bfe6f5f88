"""Images as files that appear when they are whole."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from PIL import Image

from mien.errors import OutputError

__all__ = ["check_image_name", "write_image"]

_QUALITY: dict[str, Any] = {"quality": 92, "subsampling": 0}
_FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", _QUALITY),
    ".jpeg": ("JPEG", _QUALITY),
    ".webp": ("WEBP", {"quality": 92}),
}


def check_image_name(path: Path, *, overwrite: bool) -> None:
    """Hold a name against what `write_image` can write.

    Raises:
        OutputError: It ends with no known suffix, or stands for a file that may not be replaced.
    """
    if path.suffix.lower() not in _FORMATS:
        raise OutputError(f"{path}: expected a name that ends in {', '.join(_FORMATS)}")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already. Choose another name or pass --overwrite")


def write_image(image: Image.Image, path: Path) -> None:
    """Write an image in the format that its name ends with, replacing what is there.

    Raises:
        OutputError: It cannot be written; what was there stays.
    """
    kind, options = _FORMATS[path.suffix.lower()]
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(partial, kind, **options)
        partial.replace(path)
    except (OSError, ValueError) as error:  # a ValueError is Pillow's for too many pixels
        with contextlib.suppress(OSError):
            partial.unlink()
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{path}: cannot write: {reason}") from error
