"""`mien explain`: which parts of a face its answer depends on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli.formatting import unit_line
from mien.cli.messages import LOG, printable, refuse_ignored
from mien.cli.options import (
    FACE_DEFAULTS,
    DetectorFile,
    Device,
    EmotionFile,
    FacesAsJson,
    MinFacePx,
    ReplaceImage,
    UnitFile,
    WithUnits,
)
from mien.options import FaceOptions

if TYPE_CHECKING:
    from mien.evaluation import UnitRelations
    from mien.inference import Analyzer, Explanation

__all__ = ["explain"]

_MAX_UNITS = 6


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
    units: WithUnits = False,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DATASET", help="Say which units go along with the answer in its val subset."
        ),
    ] = None,
    min_face_px: MinFacePx = FACE_DEFAULTS.min_face_px,
    model: EmotionFile = None,
    detector: DetectorFile = None,
    unit_model: UnitFile = None,
    device: Device,
) -> None:
    """Show which parts of each face its answer depends on.

    Each part is covered, and the bits are the decrease of the log odds of the expression: 1 bit
    halves the odds. A part with negative bits contradicts the answer.

    \b
    Examples:
      mien explain photo.jpg
      mien explain photo.jpg --out why.png
      mien explain photo.jpg --units --data fer
    """
    from mien.drawing import check_image_name, write_image
    from mien.inference import Analyzer
    from mien.media import as_frame

    if out is None:
        refuse_ignored("without --out OUT.png", "overwrite")
    else:
        check_image_name(out, overwrite=overwrite, inputs=[image])
    if not units:
        refuse_ignored("without --units", "data", "unit_model")
    analyzer = Analyzer(
        model,
        detector=detector,
        face_options=FaceOptions(min_face_px=min_face_px),
        units=unit_model or units,
        device=device,
    )
    frame = as_frame(image)
    for note in frame.notes:
        LOG.info(f"{image}: {note}")
    explanations = analyzer.explain(frame, face=face)
    if not explanations:
        LOG.info(f"{image}  no face found; --min-face-px finds smaller ones")
    relations = None if data is None or not explanations else _relations(data, analyzer)
    for explanation in explanations:
        if as_json:
            print(json.dumps(explanation.to_row() | _related(explanation, relations)))
            continue
        _print(explanation)
        if relations is not None:
            _print_related(explanation, relations)
    if out is not None and explanations:
        from mien.reports import draw_explanations

        write_image(draw_explanations(explanations, relations=relations), out)
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
    if (said := unit_line(face)) is not None:
        typer.echo(f"  {said}")


def _relations(data: Path, analyzer: Analyzer) -> UnitRelations | None:
    from mien.data import read_dataset
    from mien.evaluation import relate_units

    dataset = read_dataset(data).subset("val")
    if analyzer.unit_model is None:
        return None
    return relate_units(analyzer.model, analyzer.unit_model, dataset)


def _print_related(explanation: Explanation, relations: UnitRelations) -> None:
    from mien.units import merged_sides

    face = explanation.prediction
    if face.units is None:
        return
    emotion, shown = face.emotion, merged_sides(face.units, within=None)
    spoken = relations.speaking_for(emotion, face.units)
    typer.echo(f"  units that speak most for or against {emotion}, by {relations.faces:,} faces:")
    for name, value in list(spoken.items())[:_MAX_UNITS]:
        r = relations.correlation[emotion][name]
        word = "for" if value > 0 else "against"
        typer.echo(
            f"    {name:<16} {word:<7}  {shown[name]:.2f}, usually {relations.mean[name]:.2f}; "
            f"r with {emotion} {r:+z.2f}"
        )


def _related(explanation: Explanation, relations: UnitRelations | None) -> dict[str, Any]:
    """Return what units say of the answer, for a row of JSON; nothing if it was not asked."""
    face = explanation.prediction
    if relations is None or face.units is None:
        return {}
    spoken = relations.speaking_for(face.emotion, face.units)
    return {
        "units_for": {
            name: {
                "speaks_for": value,
                "r": relations.correlation[face.emotion][name],
                "mean": relations.mean[name],
                "sd": relations.deviation[name],
            }
            for name, value in spoken.items()
        }
    }
