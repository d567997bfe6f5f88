"""`mien explain`: which parts of a face its answer depends on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.messages import LOG, printable, refuse_ignored
from mien.cli.options import (
    FACE_DEFAULTS,
    DetectorFile,
    Device,
    EmotionFile,
    FacesAsJson,
    MinFacePx,
    ReplaceImage,
)
from mien.options import FaceOptions

if TYPE_CHECKING:
    from mien.inference import Explanation

__all__ = ["explain"]


def explain(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="An image with faces.")],
    *,
    face: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="One face, 0 is the largest; default: all."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Draw the evidence for each answer.")
    ] = None,
    as_json: FacesAsJson = False,
    overwrite: ReplaceImage = False,
    min_face_px: MinFacePx = FACE_DEFAULTS.min_face_px,
    model: EmotionFile = None,
    detector: DetectorFile = None,
    device: Device,
) -> None:
    """Show which parts of each face its answer depends on.

    Each part is covered, and the bits are the decrease of the log odds of the expression: 1 bit
    halves the odds. A part with negative bits contradicts the answer.

    \b
    Examples:
      mien explain photo.jpg
      mien explain photo.jpg --out why.png
    """
    from mien.drawing import check_image_name, write_image
    from mien.inference import Analyzer
    from mien.media import as_frame

    if out is None:
        refuse_ignored("without --out OUT.png", "overwrite")
    else:
        check_image_name(out, overwrite=overwrite, inputs=[image])
    analyzer = Analyzer(
        model,
        detector=detector,
        face_options=FaceOptions(min_face_px=min_face_px),
        device=device,
    )
    frame = as_frame(image)
    for note in frame.notes:
        LOG.info(f"{image}: {note}")
    explanations = analyzer.explain(frame, face=face)
    if not explanations:
        LOG.info(f"{image}  no face found; --min-face-px finds smaller ones")
    for explanation in explanations:
        if as_json:
            print(json.dumps(explanation.to_row()))
        else:
            _print(explanation)
    if out is not None and explanations:
        from mien.reports import draw_explanations

        write_image(draw_explanations(explanations), out)
        LOG.info(f"wrote {out}")


def _print(explanation: Explanation) -> None:
    face = explanation.prediction
    unsure = ", unsure" if face.unsure else ""
    source = printable(face.source)
    typer.echo(f"{source}  face {face.face}: {face.emotion} {face.confidence:.0%}{unsure}")
    for part, bits in explanation.parts.items():
        covered = explanation.covered[part]
        label = max(covered, key=lambda name: covered[name])
        typer.echo(f"  {part:<9} {bits:+z5.1f} bits  without it {label} {covered[label]:.0%}")
