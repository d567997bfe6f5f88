"""What was found in one frame."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, overload

from PIL import Image

from mien._checking import check_path
from mien._wording import pluralize
from mien.columns import error_row
from mien.drawing import check_image_name, draw, write_image
from mien.errors import FrameError, InputError
from mien.structures.frame import FrameRGB, check_frame_rgb
from mien.structures.notebook import as_html, as_png
from mien.structures.prediction import FacePrediction
from mien.structures.tables import Library, data_frame

__all__ = ["FrameResult"]

_SHOWN_FACES = 6
"""Faces that `repr` names; it counts the others."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FrameResult:
    """What was found in one frame: a sequence of faces, largest first.

    Attributes:
        source: The path as the caller gave it, or the address without user, password and keys.
        frame: The frame's number within the source, from 0.
        timestamp_s: Seconds from the start of the source; None for an image.
        width: Width of the frame in pixels; 0 if it could not be read.
        height: Height of the frame in pixels; 0 if it could not be read.
        faces: One prediction per face, largest first; empty when there is none.
        notes: What a reader should know about how the frame was read.
        error: Why the frame could not be read, or None.
        frame_rgb: The frame itself, `(height, width, 3)` uint8, for `plot`; None where keeping it
            would take much memory, as in streams. It does not count when results are compared,
            and is left out when they are pickled or copied.
    """

    source: str
    frame: int = 0
    timestamp_s: float | None = None
    width: int = 0
    height: int = 0
    faces: tuple[FacePrediction, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None
    frame_rgb: FrameRGB | None = dataclasses.field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.faces)

    def __iter__(self) -> Iterator[FacePrediction]:
        return iter(self.faces)

    @overload
    def __getitem__(self, index: int) -> FacePrediction: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[FacePrediction, ...]: ...

    def __getitem__(self, index: int | slice) -> FacePrediction | tuple[FacePrediction, ...]:
        return self.faces[index]

    def __repr__(self) -> str:
        parts = [repr(self.source)]
        if self.timestamp_s is not None:
            parts.append(f"frame {self.frame} at {self.timestamp_s:.2f} s")
        parts.append(self._summary())
        return f"FrameResult({', '.join(parts)})"

    def plot(self, *, frame_rgb: FrameRGB | None = None) -> Image.Image:
        """Draw boxes, labels and the six probabilities into a copy of the frame.

        Args:
            frame_rgb: The frame that was analysed, `(height, width, 3)` uint8, RGB; None takes the
                one that the result holds.

        Returns:
            An RGB image of the frame's size.

        Raises:
            InputError: The result holds no frame and none is given, or the source could not be
                read.
            FrameError: `frame_rgb` is not a frame, or has another size.
        """
        if self.error is not None:
            raise InputError(f"{self.source}: could not be read, so nothing can be drawn")
        frame_rgb = self.frame_rgb if frame_rgb is None else frame_rgb
        if frame_rgb is None:
            raise InputError(
                f"{self.source}: the result does not hold its frame. Pass the image that was "
                "analysed, (H, W, 3) of uint8 in RGB: result.plot(frame_rgb=...)"
            )
        frame_rgb = check_frame_rgb(frame_rgb)
        height, width = frame_rgb.shape[:2]
        if self.width and (height, width) != (self.height, self.width):
            raise FrameError(
                f"frame_rgb: expected the frame that was analysed, of {self.width} x {self.height} "
                f"pixels, found {width} x {height}"
            )
        image = Image.fromarray(frame_rgb)
        draw(image, self.faces)
        return image

    def save(
        self, path: str | Path, *, overwrite: bool = False, frame_rgb: FrameRGB | None = None
    ) -> None:
        """Write what `plot` draws as an image file.

        Args:
            path: Ends in `.png`, `.jpg`, `.jpeg` or `.webp`; missing folders are made.
            overwrite: Whether an existing file may be replaced.
            frame_rgb: As in `plot`.

        Raises:
            OutputError: The file exists, its ending is unknown, or it cannot be written.
            InputError: As in `plot`.
        """
        path = check_path("path", path)
        check_image_name(path, overwrite=overwrite)
        write_image(self.plot(frame_rgb=frame_rgb), path, overwrite=overwrite)

    def _summary(self) -> str:
        """Return the faces in a few words."""
        if self.error is not None:
            return f"error: {self.error}"
        if not self.faces:
            return "no face"
        shown = [
            f"{face.emotion} {100 * face.confidence:.0f} %{' unsure' if face.unsure else ''}"
            for face in self.faces[:_SHOWN_FACES]
        ]
        more = len(self.faces) - len(shown)
        words = ", ".join(shown) + (f", {more} more" if more else "")
        return f"{pluralize(len(self.faces), 'face')}: {words}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle everything but the pixels."""
        names = [field.name for field in dataclasses.fields(self) if field.name != "frame_rgb"]
        values = {name: getattr(self, name) for name in names}
        return functools.partial(type(self), **values), ()

    def to_rows(self) -> list[dict[str, Any]]:
        """Return one nested row per face, or a single row with `error`; none without a face."""
        return [face.to_row() for face in self.faces] if self.error is None else [error_row(self)]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values that JSON can hold; `faces` are those of `to_rows`."""
        return {
            "source": self.source,
            "frame": self.frame,
            "timestamp_s": self.timestamp_s,
            "width": self.width,
            "height": self.height,
            "faces": [face.to_row() for face in self.faces],
            "notes": list(self.notes),
            "error": self.error,
        }

    def to_dataframe(self, *, library: Library | None = None) -> Any:
        """Return the rows as a data frame, with the columns of CSV and Parquet.

        Args:
            library: `pandas` or `polars`; None takes pandas if it is installed, else polars.

        Returns:
            One row per face, or one with `error`; no row without a face. If a face was analysed
            with expression units, their columns stand behind the others.

        Raises:
            MissingExtraError: The library is not installed.
        """
        rows = self.to_rows()
        return data_frame(rows, library, units=any("units" in row for row in rows))

    def _repr_png_(self) -> bytes | None:
        """Return the drawn image for notebooks, if the result holds its frame."""
        return None if self.frame_rgb is None or self.error is not None else as_png(self.plot())

    def _repr_html_(self) -> str:
        """Return a table of the faces for notebooks, below the drawn image if there is one."""
        drawn = None if self.frame_rgb is None or self.error is not None else self.plot()
        return as_html(f"{self.source}: {self._summary()}", self.faces, drawn)
