"""The faces of an album while its images are read: numbers in memory, the rest in a file."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien._output import cannot_write
from mien.drawing import face_thumbnail
from mien.structures import FacePrediction, FrameRGB

__all__ = ["AlbumFaces"]

_THUMBNAIL_PX = 128
_JPEG_QUALITY = 85
_GREY_PX = 32


class AlbumFaces:
    """Collects faces; about 2 kB each stays in memory, rows and thumbnails go into a file.

    The file has no name of its own where the system allows that, and is gone when this is closed.

    Args:
        folder: Where the file is.

    Raises:
        OutputError: It cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed in __exit__
        except OSError as error:
            raise cannot_write(folder, error) from error
        self._places: list[tuple[int, int, int]] = []
        self._embeddings: list[NDArray[np.float32]] = []
        self._probabilities: list[NDArray[np.float32]] = []
        self._greys: list[NDArray[np.uint8]] = []
        self._sharpness: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def add(self, face: FacePrediction, frame_rgb: FrameRGB) -> None:
        """Add a face that has an embedding.

        Args:
            face: The face.
            frame_rgb: The image that it is in, `(H, W, 3)` uint8.

        Raises:
            OutputError: The disk is full.
        """
        thumbnail = face_thumbnail(frame_rgb, face.box_xyxy, side_px=_THUMBNAIL_PX)
        packed = io.BytesIO()
        thumbnail.save(packed, "JPEG", quality=_JPEG_QUALITY)
        row = json.dumps(face.to_row()).encode()
        try:
            place = self._file.seek(0, io.SEEK_END)
            self._file.write(row + packed.getvalue())
        except OSError as error:
            raise cannot_write(self._folder, error) from error
        self._places.append((place, len(row), len(packed.getvalue())))
        grey = Image.fromarray(frame_rgb).resize(
            (_GREY_PX, _GREY_PX), Image.Resampling.BOX, box=_inside(face.box_xyxy, frame_rgb)
        )
        self._greys.append(np.asarray(grey.convert("L")))
        self._embeddings.append(np.array(face.embedding, np.float32))
        self._probabilities.append(np.array(list(face.probabilities.values()), np.float32))
        self._sharpness.append(face.quality.sharpness)

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """The embeddings, `(N, D)`; there has to be a face."""
        return np.stack(self._embeddings)

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """The six probabilities, `(N, 6)`; there has to be a face."""
        return np.stack(self._probabilities)

    @property
    def greys(self) -> NDArray[np.uint8]:
        """The faces without a margin, `(N, 32, 32)` luma; there has to be a face."""
        return np.stack(self._greys)

    @property
    def sharpness(self) -> NDArray[np.float64]:
        """How sharp each face is, `(N,)`; see `FaceQuality`."""
        return np.array(self._sharpness)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the nested rows in the order in which the faces were added."""
        for number in range(len(self)):
            yield self.row(number)

    def row(self, number: int) -> dict[str, Any]:
        """Return the nested row of a face."""
        place, length, _ = self._places[number]
        row: dict[str, Any] = json.loads(self._read(place, length))
        return row

    def jpeg(self, number: int) -> bytes:
        """Return the thumbnail of a face, 128x128 pixels."""
        place, length, size = self._places[number]
        return self._read(place + length, size)

    def _read(self, place: int, length: int) -> bytes:
        self._file.seek(place)
        return self._file.read(length)


def _inside(
    box_xyxy: tuple[float, float, float, float], frame_rgb: FrameRGB
) -> tuple[float, float, float, float]:
    """Return the part of a box that lies in the frame, at least a pixel."""
    height, width = frame_rgb.shape[:2]
    left, top = min(max(box_xyxy[0], 0), width - 1), min(max(box_xyxy[1], 0), height - 1)
    return left, top, min(max(box_xyxy[2], left + 1), width), min(max(box_xyxy[3], top + 1), height)
