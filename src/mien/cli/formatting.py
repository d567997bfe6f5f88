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


def own_classes(face: FacePrediction) -> str:
    """Return the likeliest of the network's own classes, with its probability; or nothing."""
    from mien.columns import own_outputs

    said = ""
    for shares in own_outputs(face.outputs).values():
        label, probability = max(shares.items(), key=lambda item: item[1])
        said += f"  own: {printable(label)} {probability:.0%}"
    return said
