"""Formatting of a face's expression for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mien.cli.messages import printable

if TYPE_CHECKING:
    from mien.structures import FacePrediction

__all__ = ["expression", "own_classes", "unit_line"]

_MAX_UNITS = 6


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


def unit_line(face: FacePrediction) -> str | None:
    """Return the most active units and the pose in words; None if they were not asked for."""
    from mien.units import MAX_POSE_DEG, MIN_UNITS_PX, merged_sides, strongest_units

    if face.units is None or face.pose is None:
        reasons = {
            "small": f"no units: the face has a side below {MIN_UNITS_PX:g} px",
            "turned away": f"no units: turned away by more than {MAX_POSE_DEG:g} degrees",
            "rotated": "no units: the face is rotated far from upright; turn the image",
        }
        return None if face.units_missing is None else reasons[face.units_missing]
    strongest = strongest_units(merged_sides(face.units), _MAX_UNITS)
    shown = ", ".join(f"{name} {value:.2f}" for name, value in strongest.items()) or "at rest"
    pose = face.pose
    turn = f"yaw {pose.yaw_deg:+z.0f}, pitch {pose.pitch_deg:+z.0f}, roll {pose.roll_deg:+z.0f} deg"
    return f"{shown}; {turn}"
