"""How a result shows itself in a notebook: the drawn image, and a table of its faces."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import Any

from PIL import Image

from mien.structures.prediction import FacePrediction
from mien.units import merged_sides, strongest_units

__all__ = ["as_html", "as_png"]

_MAX_UNITS = 5

_LONGEST_SIDE_PX = 960
"""Larger images are shown reduced: a notebook keeps what it shows."""


def as_png(image: Image.Image) -> bytes:
    """Return an image as PNG, reduced to 960 pixels."""
    return _packed(image, "PNG")


def as_html(caption: str, faces: Sequence[FacePrediction], image: Image.Image | None = None) -> str:
    """Return a caption, an image if there is one, and a table of faces as HTML.

    Args:
        caption: One line above; it is escaped.
        faces: One row each.
        image: The drawn image; it is reduced to 960 pixels.
    """
    parts = [f"<p>{html.escape(caption)}</p>"]
    if image is not None:
        data = base64.b64encode(_packed(image, "JPEG", quality=88)).decode()
        parts.append(f'<img src="data:image/jpeg;base64,{data}" alt="{html.escape(caption)}">')
    if faces:
        heads: tuple[str, ...] = ("face", "track", "emotion", "confidence", "unsure")
        rows: list[tuple[str, ...]] = [
            (
                str(face.face),
                "" if face.track is None else str(face.track),
                face.emotion,
                f"{100 * face.confidence:.0f} %",
                face.unsure_reason or "",
            )
            for face in faces
        ]
        if any(_has_units(face) for face in faces):
            heads = (*heads, "units", "pose")
            rows = [(*row, *_units(face)) for row, face in zip(rows, faces, strict=True)]
        body = "".join(_line("td", row) for row in rows)
        parts.append(f"<table><thead>{_line('th', heads)}</thead><tbody>{body}</tbody></table>")
    return f"<div>{''.join(parts)}</div>"


def _has_units(face: FacePrediction) -> bool:
    return face.units is not None or face.units_missing is not None


def _units(face: FacePrediction) -> tuple[str, str]:
    """Return the most active units of a face, or why there are none, and how the head is turned."""
    if face.units is None or face.pose is None:
        return (f"none: {face.units_missing}" if face.units_missing else "", "")
    shown = strongest_units(merged_sides(face.units), _MAX_UNITS)
    pose = face.pose
    return (
        ", ".join(f"{name} {value:.2f}" for name, value in shown.items()) or "at rest",
        f"yaw {pose.yaw_deg:+z.0f}, pitch {pose.pitch_deg:+z.0f}, roll {pose.roll_deg:+z.0f} deg",
    )


def _line(cell: str, texts: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{cell}>{html.escape(text)}</{cell}>' for text in texts)}</tr>"


def _packed(image: Image.Image, kind: str, **options: Any) -> bytes:
    shown = image.copy()
    shown.thumbnail((_LONGEST_SIDE_PX, _LONGEST_SIDE_PX))
    packed = io.BytesIO()
    shown.save(packed, kind, **options)
    return packed.getvalue()
