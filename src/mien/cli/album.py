"""`mien album`: the faces of many images, grouped by how similar their expressions are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mien._wording import pluralize
from mien.cli.edge import raise_interruption
from mien.cli.messages import LOG, printable
from mien.cli.options import (
    FACE_DEFAULTS,
    DetectorFile,
    Device,
    EmotionFile,
    MinFacePx,
    MinScore,
    named_inputs,
)
from mien.cli.progress import progress_bars
from mien.options import FaceOptions

if TYPE_CHECKING:
    from mien.structures import FrameResult

__all__ = ["album"]


def album(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Images, folders (with all below them), globs; - reads paths from stdin.",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The folder of the album.")],
    groups: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="How many groups; else a number is chosen."),
    ] = None,
    table: Annotated[
        Literal["parquet", "csv"], typer.Option("--format", help="The format of the table.")
    ] = "parquet",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier album.")
    ] = False,
    min_face_px: MinFacePx = FACE_DEFAULTS.min_face_px,
    min_score: MinScore = FACE_DEFAULTS.min_score,
    model: EmotionFile = None,
    detector: DetectorFile = None,
    device: Device,
) -> None:
    """Group the faces of many images by how similar their expressions are.

    Expressions are compared, not people: nobody is recognised. album.html shows the groups, the
    clearest expressions and the odd ones, and leads to the images; album.png is its contact sheet;
    faces.parquet has a row per face. Nearly identical shots of a moment count as one.

    \b
    Examples:
      mien album holiday/ --out album
      mien album holiday/ --out album --groups 6 --format csv
    """
    from mien.album import AlbumOptions, album_to
    from mien.inference import Analyzer

    faces = FaceOptions(min_face_px=min_face_px, min_score=min_score)
    analyzer = Analyzer(model, detector=detector, face_options=faces, device=device)
    options = AlbumOptions(groups=groups, format=table, overwrite=overwrite)
    with progress_bars() as begin:
        move = begin("Reading images")
        done = total = 0

        def on_start(sources: Sequence[str]) -> None:
            nonlocal total
            total = len(sources)

        def on_result(result: FrameResult) -> None:
            nonlocal done
            raise_interruption()
            done += 1
            move(done, total)

        made = album_to(
            out,
            named_inputs(inputs),
            options=options,
            analyzer=analyzer,
            on_start=on_start,
            on_result=on_result,
        )
    for source, error in made.failures.items():
        LOG.warning("%s: %s", source, error)
    for group, medoid in zip(made.groups, made.medoids, strict=True):
        counts = f"{pluralize(group.faces, 'face')} in {pluralize(group.moments, 'moment')}"
        typer.echo(f"{group.number + 1:2}  {group.name}  {counts}, such as {printable(medoid)}")
    if not made.faces:
        LOG.info("no face found; --min-face-px finds smaller ones")
    for path in made.written:
        LOG.info(f"wrote {path}")
    if made.failures:
        raise typer.Exit(1)
