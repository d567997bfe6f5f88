"""Formatting of a face's expression for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mien.cli.messages import printable

if TYPE_CHECKING:
    from mien.structures import FacePrediction

__all__ = ["expression", "own_classes"]


def expression(face: FacePrediction) -> str:
    """Return the expression in its colour, and its confidence."""
    from mien.emotions import COLOURS

    red, green, blue = (int(COLOURS[face.emotion][i : i + 2], 16) for i in (1, 3, 5))
    name = typer.style(f"{face.emotion:<8}", fg=(red, green, blue), bold=True)
    return f"{name} {face.confidence:>4.0%}"


def own_classes(face: FacePrediction, heads: tuple[str, ...]) -> str:
    """Return the likeliest class of each head of own classes, with its probability; or nothing.

    Args:
        face: The face.
        heads: The heads' names, `ModelSpec.own_heads`.
    """
    said = ""
    for head in heads:
        label, probability = max(face.outputs[head].items(), key=lambda item: item[1])
        said += f"  own: {printable(label)} {probability:.0%}"
    return said
