"""What was found in one frame."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any, overload

from mien._wording import counted
from mien.structures.frame import FrameRGB
from mien.structures.prediction import FacePrediction

__all__ = ["FrameResult"]

_SHOWN_FACES = 6
"""Faces that `repr` names; it counts the others."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FrameResult:
    """What was found in one frame: a sequence of faces, largest first.

    Attributes:
        source: The path or address as the caller gave it.
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
        return f"{counted(len(self.faces), 'face')}: {words}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle everything but the pixels."""
        names = [field.name for field in dataclasses.fields(self) if field.name != "frame_rgb"]
        values = {name: getattr(self, name) for name in names}
        return functools.partial(type(self), **values), ()

    def to_rows(self) -> list[dict[str, Any]]:
        """Return one row per face, or a single row with `error`; none when there is no face."""
        if self.error is not None:
            row = {"source": self.source, "frame": self.frame, "timestamp_s": self.timestamp_s}
            return [{**row, "error": self.error}]
        return [face.to_row() for face in self.faces]
