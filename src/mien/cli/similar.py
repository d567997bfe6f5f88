"""`mien similar`: find the faces whose expressions are most similar to that of one face."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.defaults import PythonDefault
from mien.cli.formatting import expression
from mien.cli.messages import LOG, printable, refuse_ignored
from mien.cli.options import (
    FACE_DEFAULTS,
    DetectorFile,
    Device,
    EmotionFile,
    FacesAsJson,
    MinFacePx,
    MinScore,
    ReplaceImage,
    named_inputs,
)
from mien.cli.progress import SourceProgress, progress_bars
from mien.options import FaceOptions

if TYPE_CHECKING:
    from mien.inference import SimilarFace
    from mien.structures import FrameResult

__all__ = ["similar"]


def similar(
    query: Annotated[str, typer.Argument(metavar="IMAGE", help="The image to compare with.")],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Images, videos, folders (with all below them), globs; - reads paths from stdin.",
        ),
    ],
    *,
    face: Annotated[
        int, typer.Option(min=0, metavar="N", help="The face of IMAGE; 0 is the largest.")
    ] = 0,
    max_faces: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            default_factory=PythonDefault("mien.inference:find_similar", "max_faces"),
            help="How many faces to return.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw the faces side by side.")
    ] = None,
    as_json: FacesAsJson = False,
    overwrite: ReplaceImage = False,
    min_face_px: MinFacePx = FACE_DEFAULTS.min_face_px,
    min_score: MinScore = FACE_DEFAULTS.min_score,
    model: EmotionFile = None,
    detector: DetectorFile = None,
    device: Device,
) -> None:
    """Find the faces whose expressions are most similar to that of one face.

    Expressions are compared, not people: nobody is recognised. The number before each face is the
    cosine of the two embeddings, 1 for the same expression. In a video, only the most similar frame
    of a person within any five seconds counts.

    \b
    Examples:
      mien similar smile.jpg holiday/
      mien similar smile.jpg holiday/ --max-faces 30 --out like-this.png
      mien similar smile.jpg interview.mp4
    """
    from mien.drawing import check_image_name, write_image
    from mien.inference import Analyzer, find_similar
    from mien.media import find_media
    from mien.reports import draw_similarity_grid

    if out is None:
        refuse_ignored("without --out FILE.png", "overwrite")
    faces = FaceOptions(min_face_px=min_face_px, min_score=min_score)
    analyzer = Analyzer(model, detector=detector, face_options=faces, device=device)
    media = list(find_media(named_inputs(inputs)))
    sources = [each if isinstance(each, str) else each.source for each in media]
    if out is not None:
        check_image_name(out, overwrite=overwrite, inputs=[query, *sources])
    failed: list[FrameResult] = []
    with progress_bars() as begin:
        progress = SourceProgress(begin("Comparing"), sources)

        def on_result(result: FrameResult) -> None:
            progress(result)
            for note in result.notes:
                LOG.info(f"{result.source}: {note}")
            if result.error is not None:
                failed.append(result)

        similar_faces = find_similar(
            analyzer.pipeline,
            query,
            media,
            face=face,
            max_faces=max_faces,
            on_result=on_result,
        )
    for result in failed:
        LOG.warning("%s: %s", result.source, result.error)
    for each in similar_faces.faces:
        if as_json:
            print(json.dumps({"similarity": each.similarity} | each.prediction.to_row()))
        else:
            typer.echo(_line(each))
    if not similar_faces.faces:
        LOG.info("no other face found; --min-face-px finds smaller ones")
    if out is not None and similar_faces.faces:
        write_image(draw_similarity_grid(similar_faces), out)
        LOG.info(f"wrote {out}")
    if failed:
        raise typer.Exit(1)


def _line(similar: SimilarFace) -> str:
    from mien.media import format_timestamp

    face = similar.prediction
    location = f"face {face.face}"
    if face.timestamp_s is not None and face.track is not None:
        location = f"{format_timestamp(face.timestamp_s)}  person {face.track + 1}"
    return f"{similar.similarity:+.3f}  {expression(face)}  {printable(face.source)}  {location}"
