"""Writing images; a file gets its name when it is whole."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from mien._output import cannot_write, check_output, whole_file

__all__ = ["check_image_name", "write_image"]

_QUALITY: dict[str, Any] = {"quality": 92, "subsampling": 0}
_FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", _QUALITY),
    ".jpeg": ("JPEG", _QUALITY),
    ".webp": ("WEBP", {"quality": 92}),
}


def check_image_name(path: Path, *, overwrite: bool, inputs: Iterable[str | Path] = ()) -> None:
    """Check before the work that `write_image` can write its file afterwards.

    Args:
        path: The file.
        overwrite: Whether an existing file may be replaced.
        inputs: Files that are read and must stay.

    Raises:
        OutputError: The name ends with no known suffix, or belongs to a file that must stay.
    """
    check_output(path, overwrite=overwrite, suffixes=tuple(_FORMATS), inputs=inputs)


def write_image(image: Image.Image, path: Path, *, overwrite: bool = True) -> None:
    """Write an image in the format that its name ends with; missing folders are made.

    Args:
        image: The image.
        path: Ends in `.png`, `.jpg`, `.jpeg` or `.webp`.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: It cannot be written; what was there stays.
    """
    check_image_name(path, overwrite=overwrite)
    kind, options = _FORMATS[path.suffix.lower()]
    # Into memory first: on a full disk, Pillow leaves a part of an image and reports no error.
    packed = io.BytesIO()
    try:
        image.save(packed, kind, **options)
    except (OSError, ValueError) as error:  # Pillow's for more pixels than the format can hold
        raise cannot_write(path, error) from error
    with whole_file(path, overwrite=overwrite) as partial:
        partial.write_bytes(packed.getbuffer())
