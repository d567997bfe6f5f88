"""Formatting of a face's expression for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from mien.structures import FacePrediction

__all__ = ["expression"]


def expression(face: FacePrediction) -> str:
    """Return the expression in its colour, and its confidence."""
    from mien.emotions import COLOURS

    red, green, blue = (int(COLOURS[face.emotion][i : i + 2], 16) for i in (1, 3, 5))
    name = typer.style(f"{face.emotion:<8}", fg=(red, green, blue), bold=True)
    return f"{name} {face.confidence:>4.0%}"
