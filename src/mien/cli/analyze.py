"""`mien analyze`: pictures in, one line per face out."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mien.structures import FacePrediction, FrameResult

__all__ = ["analyze"]


def analyze(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Pictures, folders (with all below them), globs; - reads paths from stdin.",
        ),
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON Lines, a face each.")] = False,
    save: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the results into this folder.")
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="Of the saved results: jsonl, csv, parquet.")
    ] = "jsonl",
    draw: Annotated[bool, typer.Option("--draw", help="Save drawn pictures too.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace saved results.")] = False,
    min_face: Annotated[
        int, typer.Option(min=1, metavar="PX", help="Leave out faces with a shorter side.")
    ] = 24,
    model: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Another emotion network (ONNX).")
    ] = None,
    detector: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Another face detector (ONNX).")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of one network run.")] = 1,
) -> None:
    """Find the faces in pictures and say which expression each one shows.

    \b
    Examples:
      mien analyze photo.jpg
      mien analyze holiday/ --save results --format jsonl,csv --draw
      find . -name '*.png' | mien analyze - --json
    """
    if draw and save is None:
        raise typer.BadParameter("--draw needs a folder for the pictures: --save OUT")
    wanted = [name.strip() for name in formats.split(",")]

    from mien.inference import Analyzer
    from mien.media import FORMATS, ResultFolder, find_pictures

    if unknown := [name for name in wanted if name not in FORMATS]:
        known = ", ".join(FORMATS)
        raise typer.BadParameter(f"--format: unknown {', '.join(unknown)}; choose from {known}")
    analyzer = Analyzer(model, detector=detector, min_face_px=min_face, threads=threads)
    found = list(find_pictures(_named(inputs)))
    failed = 0
    with contextlib.ExitStack() as stack:
        folder = None
        if save is not None:
            folder = stack.enter_context(
                ResultFolder(save, formats=wanted, draw=draw, overwrite=overwrite)
            )
        for result in _with_progress(analyzer.analyze_each(found), len(found)):
            failed += result.error is not None
            _print_result(result, as_json=as_json)
            if folder is not None:
                folder.write(result)
    if folder is not None:
        for path in folder.written:
            print(f"wrote {path}", file=sys.stderr)
    if failed:
        raise typer.Exit(1)


def _named(inputs: list[str]) -> Iterator[str]:
    for given in inputs:
        if given == "-":
            yield from (line for line in map(str.strip, sys.stdin) if line)
        else:
            yield given


def _with_progress(results: Iterator[FrameResult], total: int) -> Iterator[FrameResult]:
    """Show a bar on stderr while going through `results`, if a person is watching."""
    if total < 2 or not sys.stderr.isatty():
        yield from results
        return
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(results, "Analysing", total=total, console=console, transient=True)


def _print_result(result: FrameResult, *, as_json: bool) -> None:
    for note in result.notes:
        print(f"{result.source}: {note}", file=sys.stderr)
    if result.error is not None:
        print(f"{result.source}: {result.error}", file=sys.stderr)
    if as_json:
        for row in result.to_rows():
            print(json.dumps(row))
    elif result.error is None and not result.faces:
        typer.echo(f"{result.source}  no face found; --min-face looks for smaller ones")
    else:
        for face in result.faces:
            typer.echo(_line(face))


def _line(face: FacePrediction) -> str:
    from mien.emotions import COLOURS

    red, green, blue = (int(COLOURS[face.emotion][i : i + 2], 16) for i in (1, 3, 5))
    label = typer.style(f"{face.emotion:<8}", fg=(red, green, blue), bold=True)
    left, top, right, bottom = (round(side) for side in face.box_xyxy)
    unsure = "  unsure" if face.unsure else ""
    box = f"box {left},{top} to {right},{bottom}"
    return f"{face.source}  {label} {face.confidence:>4.0%}  {box}{unsure}"
