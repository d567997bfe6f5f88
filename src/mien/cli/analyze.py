"""`mien analyze`: images in, one line per face out."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.formatting import expression
from mien.cli.options import DetectorFile, EmotionFile, FacesAsJson, MinFace, named_inputs
from mien.cli.progress import SourceProgress, progress_bars
from mien.errors import OutputError

if TYPE_CHECKING:
    from mien.errors import MediaError
    from mien.runs import Journal
    from mien.structures import FacePrediction, FrameResult

__all__ = ["analyze"]

_NOBODY = "no face found; --min-face looks for smaller ones"


def analyze(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Images, videos, folders (with all below them), globs; - reads paths from stdin.",
        ),
    ],
    *,
    as_json: FacesAsJson = False,
    save: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the results into this folder.")
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="Of the saved results: jsonl, csv, parquet.")
    ] = "jsonl",
    draw: Annotated[
        bool, typer.Option("--draw", help="Save drawn images and videos, too.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace saved results.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the saved results of an interrupted run.")
    ] = False,
    min_face: MinFace = 24,
    model: EmotionFile = None,
    detector: DetectorFile = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of one network run.")] = 1,
    every: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Look for faces in every Nth frame of a video."),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(min=0.01, help="Analyse at most so many frames a second of a video."),
    ] = None,
    smooth: Annotated[
        float, typer.Option(min=0.0, metavar="SECONDS", help="Smooth videos over time; 0: not.")
    ] = 0.4,
    report: Annotated[
        Path | None,
        typer.Option(metavar="OUT.html", help="Write a report on one video (needs mien[data])."),
    ] = None,
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Show small faces in the report.")
    ] = True,
) -> None:
    """Find the faces in images and videos and say which expression each one shows.

    For a video, a line is printed whenever a person's expression changes; the saved results and
    --json have every face of every frame.

    \b
    Examples:
      mien analyze photo.jpg
      mien analyze video.mp4 --save results --draw
      mien analyze holiday/ --save results --format jsonl,csv --draw
      find . -name '*.png' | mien analyze - --json
    """
    if draw and save is None:
        raise typer.BadParameter("--draw needs a folder for the images: --save OUT")
    if resume and save is None:
        raise typer.BadParameter("--resume needs the folder of the interrupted run: --save OUT")
    if resume and report is not None:
        raise typer.BadParameter("--resume: a report needs the whole video; leave out one of them")
    if resume and overwrite:
        raise typer.BadParameter("--resume goes on and --overwrite starts anew; leave out one")
    wanted = [name.strip() for name in formats.split(",")]
    if resume and "jsonl" not in wanted:
        raise typer.BadParameter("--resume: only jsonl can be continued; add it to --format")

    from mien.detect import OnnxDetector
    from mien.inference import Analyzer, Checkpoint, VideoOptions
    from mien.media import FORMATS, find_media, is_live, is_video
    from mien.runs import ResultFolder
    from mien.track import SmoothingOptions

    if unknown := [name for name in wanted if name not in FORMATS]:
        known = ", ".join(FORMATS)
        raise typer.BadParameter(f"--format: unknown {', '.join(unknown)}; choose from {known}")
    if report is not None:
        from mien.reports import VideoSummary, require_charts, video_report

        require_charts()
        _check_report(report, overwrite=overwrite)
    faces = OnnxDetector(detector, threads=threads)
    analyzer = Analyzer(model, detector=faces, min_face_px=min_face, threads=threads)
    drawn = save / "drawn" if save is not None else None
    found = list(find_media(named_inputs(inputs), exclude=drawn))
    options = VideoOptions(
        every=every, per_second=fps, smoothing=SmoothingOptions(time_constant_s=smooth)
    )
    if report is not None and not (len(found) == 1 and is_video(str(found[0]))):
        raise typer.BadParameter("--report: expected one video")
    if (draw or report is not None) and any(is_live(str(path)) for path in found):
        raise typer.BadParameter("a camera or stream cannot be drawn; `mien live` records it")
    settings = {"--min-face": min_face, "--every": every, "--fps": fps, "--smooth": smooth}
    summary = VideoSummary() if report is not None else None
    if resume and draw and any(is_video(str(path)) for path in found):
        raise typer.BadParameter("--resume: a drawn video cannot be continued; leave out --draw")
    journal = None
    if save is not None:
        journal = _journal(save, found, (analyzer.model.path, faces.path), settings)
        if resume and (save / "results.jsonl").exists() and not (journal and journal.path.exists()):
            print(f"{save}: is done already", file=sys.stderr)
            return
    shown = _Shown(as_json=as_json)
    position = Checkpoint()
    done = position.done
    folder = None
    try:
        with contextlib.ExitStack() as stack:
            if save is not None:
                folder = stack.enter_context(
                    ResultFolder(
                        save,
                        formats=wanted,
                        draw=draw,
                        overwrite=overwrite,
                        journal=journal,
                        resume=resume,
                    )
                )
                if folder.position is not None:
                    position = Checkpoint.from_document(folder.position, options)
                    folder.drawn_before(map(str, found[: position.inputs]))
                    done = position.done
                    print(f"{save}: going on after {_so_far(*done, found)}", file=sys.stderr)
            long = len(found) > 1 or any(is_video(str(path)) for path in found)
            begin = stack.enter_context(progress_bars(shown=long))
            progress = SourceProgress(begin("Analysing"), found)
            for result in analyzer.analyze_each(found, options=options, position=position):
                progress(result)
                shown.print(result)
                if summary is not None:
                    summary.add(result)
                if folder is not None:
                    folder.write(result)
                    if position.complete:
                        folder.keep(position.to_document)
                done = position.done
            shown.finish()
    except KeyboardInterrupt:
        advice = ""
        if save is not None:
            kept = journal is not None and "jsonl" in wanted and journal.path.exists()
            advice = "; go on with --resume" if kept else f"; what was done stays in {save}"
        print(f"stopped after {_so_far(*done, found)}{advice}", file=sys.stderr)
        raise typer.Exit(130) from None
    if folder is not None:
        for note in folder.notes:
            print(note, file=sys.stderr)
        for path in folder.written:
            print(f"wrote {path}", file=sys.stderr)
    if report is not None and summary is not None and summary.frames:
        video_report(
            summary,
            report,
            analyzer=analyzer,
            options=options,
            images=images,
            overwrite=overwrite,
        )
        print(f"wrote {report}", file=sys.stderr)
    if len(found) > 1:
        print(shown.summary(), file=sys.stderr)
    if shown.unread:
        raise typer.Exit(1)


def _check_report(path: Path, *, overwrite: bool) -> None:
    """Look before the work whether a report can be written after it."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder, expected the name of a file")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already. Choose another name or pass --overwrite")
    there = next(parent for parent in path.absolute().parents if parent.exists())
    if not there.is_dir():
        raise OutputError(f"{path}: {there} is a file, so nothing can be in it")


def _journal(
    save: Path,
    found: list[str | MediaError],
    networks: tuple[Path, Path],
    settings: dict[str, float | None],
) -> Journal | None:
    """Say what a run that goes on must have in common with this one; a camera's cannot."""
    from mien.media import is_live
    from mien.runs import Journal

    if any(isinstance(path, str) and is_live(path) for path in found):
        return None
    listed = "\n".join(path if isinstance(path, str) else path.source for path in found)
    return Journal(
        save,
        {
            "inputs": hashlib.sha256(listed.encode(errors="surrogateescape")).hexdigest(),
            "networks": [hashlib.sha256(path.read_bytes()).hexdigest() for path in networks],
            **settings,
        },
    )


def _so_far(inputs: int, frame: int | None, found: list[str | MediaError]) -> str:
    done = f"{inputs} of {len(found)}"
    return done if frame is None else f"{done} and frame {frame} of {found[inputs]}"


class _Shown:
    """Prints results: every face of an image, every change of expression in a video.

    Attributes:
        unread: How many results had an error.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._labels: dict[tuple[str, int | None], str] = {}
        self._video = ""
        self._sources: set[str] = set()
        self._with_faces: set[str] = set()
        self._failed: set[str] = set()
        self.unread = 0

    def print(self, result: FrameResult) -> None:
        """Print what is new in a result."""
        if self._video and result.source != self._video:
            self.finish()
        self._count(result)
        for note in result.notes:
            print(f"{result.source}: {note}", file=sys.stderr)
        if result.error is not None:
            print(f"{result.source}: {result.error}", file=sys.stderr)
        if self._as_json:
            for row in result.to_rows():
                print(json.dumps(row))
        elif result.timestamp_s is not None:
            self._video = result.source
            self._print_changes(result)
        elif result.error is None and not result.faces:
            typer.echo(f"{result.source}  {_NOBODY}")
        else:
            for face in result.faces:
                typer.echo(_line(face))

    def finish(self) -> None:
        """Say of the last video if nobody was in it."""
        if self._video and self._video not in self._with_faces | self._failed:
            typer.echo(f"{self._video}  {_NOBODY}")
        self._video = ""

    def summary(self) -> str:
        """Return how many inputs were read, and how many of them have a face."""
        read = len(self._sources - self._failed)
        said = f"{len(self._with_faces)} with faces" if self._with_faces else "none with a face"
        failed = f", {len(self._failed)} not read or damaged" if self._failed else ""
        return f"{read} read, {said}{failed}"

    def _count(self, result: FrameResult) -> None:
        self._sources.add(result.source)
        if result.faces:
            self._with_faces.add(result.source)
        if result.error is not None:
            self._failed.add(result.source)
            self.unread += 1

    def _print_changes(self, result: FrameResult) -> None:
        from mien.media import format_timestamp

        for face in result.faces:
            person = (face.source, face.track)
            if self._labels.get(person) != face.emotion:
                self._labels[person] = face.emotion
                time = format_timestamp(face.timestamp_s or 0.0, decimals=2)
                said = f"{time}  person {face.track}  {expression(face)}{_unsure(face)}"
                typer.echo(f"{face.source}  {said}")


def _line(face: FacePrediction) -> str:
    left, top, right, bottom = (round(side) for side in face.box_xyxy)
    where = f"box {left},{top} to {right},{bottom}"
    return f"{face.source}  {expression(face)}  {where}{_unsure(face)}"


def _unsure(face: FacePrediction) -> str:
    return "  unsure" if face.unsure else ""
