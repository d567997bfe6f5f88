"""`mien analyze`: find faces in images and videos and classify their expressions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien._output import REPORT_SUFFIXES, check_output
from mien.cli.defaults import PythonDefault
from mien.cli.edge import raise_interruption
from mien.cli.formatting import expression, own_classes, unit_line
from mien.cli.messages import LOG, printable, refuse_ignored, was_given
from mien.cli.options import (
    FACE_DEFAULTS,
    VIDEO_DEFAULTS,
    Baseline,
    DetectEvery,
    DetectorFile,
    Device,
    EmotionFile,
    FacesAsJson,
    MaxFps,
    MinDurationS,
    MinFacePx,
    MinScore,
    NeutralImage,
    SmoothingS,
    Threads,
    UnitFile,
    WithUnits,
    baseline_options,
    named_inputs,
)
from mien.cli.progress import SourceProgress, progress_bars
from mien.cli.study import parse_shard, run_study
from mien.errors import OutputError
from mien.options import (
    MAX_WORKERS,
    EventOptions,
    FaceOptions,
    SmoothingOptions,
    VideoOptions,
)

if TYPE_CHECKING:
    from mien.inference import Analyzer, Pipeline
    from mien.reports import AnalysisDescription
    from mien.runs import Checkpoint, Run, RunOptions
    from mien.structures import FacePrediction, FrameResult
    from mien.study.options import TableFormat

__all__ = ["analyze"]

_EVENT_DEFAULTS = EventOptions()

_NO_FACE = "no face found; --min-face-px finds smaller ones"


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
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Save the results in this folder.")
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Make a study: tables of frames, people, events (mien[tables])."
        ),
    ] = None,
    formats: Annotated[
        str,
        typer.Option(
            "--format", help="Formats of the results: jsonl, csv, parquet; of a study one."
        ),
    ] = "jsonl",
    draw: Annotated[
        bool, typer.Option("--draw", help="Save images and videos with the results drawn in.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Write a report on one video (needs mien[tables])."),
    ] = None,
    with_faces: Annotated[
        bool, typer.Option("--with-faces/--without-faces", help="Show small faces in the report.")
    ] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace saved results.")] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", "--skip-done", help="Continue an interrupted run in the same folder."
        ),
    ] = False,
    covariates: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv", help="Compare groups in a study: columns video, condition, ..."
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            max=MAX_WORKERS,
            default_factory=PythonDefault("mien.study:StudyOptions", "workers"),
            help="Processes of a study, each with networks of its own.",
        ),
    ],
    shard: Annotated[
        str | None,
        typer.Option(metavar="N/OF", help="Analyse a part of a study; then: mien study merge."),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Make the study on this Ray cluster, or on `local`; --workers on all machines "
            "together, else as many as there is room for.",
        ),
    ] = None,
    gpus: Annotated[
        float,
        typer.Option(
            min=0.0,
            default_factory=PythonDefault("mien.cluster.study:ray_unit_runner", "gpus"),
            help="GPUs of each worker on Ray, or a share such as 0.25.",
        ),
    ],
    min_event_s: Annotated[
        float,
        typer.Option(
            "--min-event", min=0.0, metavar="SECONDS", help="Shortest episode of a study."
        ),
    ] = _EVENT_DEFAULTS.min_duration_s,
    max_event_gap_s: Annotated[
        float,
        typer.Option(
            "--max-event-gap",
            min=0.0,
            metavar="SECONDS",
            help="Longest gap within an episode of a study.",
        ),
    ] = _EVENT_DEFAULTS.max_gap_s,
    min_face_px: MinFacePx = FACE_DEFAULTS.min_face_px,
    min_score: MinScore = FACE_DEFAULTS.min_score,
    detect_every: DetectEvery = VIDEO_DEFAULTS.detect_every,
    max_fps: MaxFps = VIDEO_DEFAULTS.max_fps,
    smoothing_s: SmoothingS = VIDEO_DEFAULTS.smoothing.time_constant_s,
    min_duration_s: MinDurationS = VIDEO_DEFAULTS.min_duration_s,
    baseline: Baseline = None,
    neutral: NeutralImage = None,
    units: WithUnits = False,
    model: EmotionFile = None,
    detector: DetectorFile = None,
    unit_model: UnitFile = None,
    device: Device,
    threads: Threads,
) -> None:
    """Find the faces in images and videos and say which expression each one shows.

    For a video, a line is printed when the expression of a person changes. The saved results and
    --json have every face of every frame.

    \b
    Examples:
      mien analyze photo.jpg
      mien analyze video.mp4 --out results --draw
      mien analyze holiday/ --out results --format jsonl,csv --draw
      mien analyze interview.mp4 --neutral passport.jpg
      mien analyze photo.jpg --units
      mien analyze interviews/ --study study --covariates groups.csv --workers 4
      find . -name '*.png' | mien analyze - --json
    """
    _check_usage(out=out, study=study, draw=draw, resume=resume, overwrite=overwrite, report=report)
    from mien.inference import Analyzer
    from mien.media import FORMATS
    from mien.runs import RunOptions, analyze_to

    format_names = tuple(dict.fromkeys(name.strip() for name in formats.split(",")))
    if unknown := [name for name in format_names if name not in FORMATS]:
        found, choices = ", ".join(map(repr, unknown)), ", ".join(FORMATS)
        raise typer.BadParameter(f"--format: unknown {found}; choose from {choices}")
    if study is None and resume and "jsonl" not in format_names:
        raise typer.BadParameter("--resume: only jsonl can be continued; add it to --format")
    faces = FaceOptions(min_face_px=min_face_px, min_score=min_score)
    if not units:
        refuse_ignored("without --units", "unit_model")
    analyzer = Analyzer(
        model,
        detector=detector,
        face_options=faces,
        units=unit_model or units,
        threads=threads,
        device=device,
    )
    video = VideoOptions(
        detect_every=detect_every,
        max_fps=max_fps,
        smoothing=SmoothingOptions(time_constant_s=smoothing_s),
        baseline=baseline_options(baseline, neutral, analyzer),
        min_duration_s=min_duration_s,
    )
    if study is not None:
        from mien.study import StudyOptions

        study_options = StudyOptions(
            format=_study_format(format_names),
            overwrite=overwrite,
            resume=resume,
            video=video,
            faces=faces,
            events=EventOptions(min_duration_s=min_event_s, max_gap_s=max_event_gap_s),
            workers=workers if ray is None else 1,
            shard=parse_shard(shard),
            covariates=covariates,
        )
        runner = None
        if ray is not None:
            from mien.cluster import ray_unit_runner

            actors = workers if was_given("workers") else None
            runner = ray_unit_runner(ray, actors=actors, gpus=gpus)
        run_study(study, list(named_inputs(inputs)), study_options, analyzer, runner)
        return
    options = RunOptions(
        formats=format_names,
        draw=draw,
        overwrite=overwrite,
        resume=resume,
        video=video,
        faces=faces,
    )
    reporter = (
        None if report is None else _Reporter(report, overwrite=overwrite, with_faces=with_faces)
    )
    printer = _Printer(as_json=as_json)
    run: Run | None = None
    with progress_bars() as begin:
        progress: SourceProgress | None = None

        def on_start(started: Run) -> None:
            nonlocal run, progress
            run, progress = started, SourceProgress(begin("Analysing"), started.sources)
            if reporter is not None:
                reporter.check(started.sources)
            if started.resumed_after is not None:
                done = _describe(started.resumed_after, started.sources)
                LOG.info(f"{out}: continuing after {done}")
                printer.add_earlier(started)

        def on_result(result: FrameResult) -> None:
            raise_interruption()
            if progress is not None:
                progress(result)
            printer.print(result)
            if reporter is not None:
                reporter.add(result)

        try:
            run = analyze_to(
                out,
                named_inputs(inputs),
                options=options,
                analyzer=analyzer,
                on_start=on_start,
                on_result=on_result,
            )
            printer.finish()
        except KeyboardInterrupt:
            _print_interruption(run, out)
            raise typer.Exit(130) from None
        except OutputError:
            if run is not None and run.can_resume:
                _print_interruption(run, out)
            raise
    _print_end(run, out, printer)
    if reporter is not None:
        reporter.write(analyzer, options)
    if run.failures:
        raise typer.Exit(1)


def _study_format(names: tuple[str, ...]) -> TableFormat:
    if not was_given("formats"):
        return "parquet"
    if len(names) != 1 or names[0] == "jsonl":
        raise typer.BadParameter("--format: the tables of a study are parquet or csv; name one")
    return "csv" if names[0] == "csv" else "parquet"


def _check_usage(
    *,
    out: Path | None,
    study: Path | None,
    draw: bool,
    resume: bool,
    overwrite: bool,
    report: Path | None,
) -> None:
    if not was_given("ray"):
        refuse_ignored("without --ray ADDRESS", "gpus")
    if study is not None:
        refuse_ignored(
            "with --study, which has tables and a report of its own",
            *("out", "as_json", "draw", "report", "with_faces"),
        )
        if resume and overwrite:
            raise typer.BadParameter(
                "--resume continues and --overwrite starts again; leave out one"
            )
        return
    refuse_ignored(
        "without --study FOLDER",
        *("covariates", "workers", "shard", "ray", "min_event_s", "max_event_gap_s"),
    )
    if out is None:
        refuse_ignored("without --out FOLDER", "formats")
    if report is None:
        refuse_ignored("without --report FILE.html", "with_faces")
    if out is None and report is None:
        refuse_ignored("without --out FOLDER", "overwrite")
    if draw and out is None:
        raise typer.BadParameter("--draw needs a folder for the drawn copies; add --out FOLDER")
    if resume and out is None:
        raise typer.BadParameter(
            "--resume needs the folder of the interrupted run; add --out FOLDER"
        )
    if resume and report is not None:
        raise typer.BadParameter("--report needs the whole video; leave out --resume")
    if resume and overwrite:
        raise typer.BadParameter("--resume continues and --overwrite starts again; leave out one")


def _describe(checkpoint: Checkpoint, sources: tuple[str, ...]) -> str:
    """Return how far a run has come, in words."""
    done = f"{checkpoint.inputs} of {len(sources)}"
    if checkpoint.frame is None:
        return done
    return f"{done} and frame {checkpoint.frame} of {sources[checkpoint.inputs]}"


def _print_interruption(run: Run | None, out: Path | None) -> None:
    if run is None:
        LOG.info("stopped before the first result")
    elif run.can_resume:
        done = _describe(run.resumes_after, run.sources)
        LOG.info(f"stopped after {done}; continue with --resume")
    else:
        advice = "" if out is None else f"; the results stay in {out}"
        LOG.info(f"stopped after {_describe(run.checkpoint, run.sources)}{advice}")


def _print_end(run: Run, out: Path | None, printer: _Printer) -> None:
    if run.was_complete:
        LOG.info(f"{out}: the run is complete already")
        _print_failures(run)
        return
    for note in run.notes:
        LOG.info(note)
    for path in run.written:
        LOG.info(f"wrote {path}")
    if len(run.sources) > 1:
        LOG.info(printer.summary())


def _print_failures(run: Run) -> None:
    for source, error in run.failures.items():
        LOG.warning("%s: %s", source, error)


class _Reporter:
    """Collects the results of one video for its report."""

    def __init__(self, path: Path, *, overwrite: bool, with_faces: bool) -> None:
        from mien.reports import VideoSummary, require_charts

        require_charts()
        check_output(path, overwrite=overwrite, suffixes=REPORT_SUFFIXES)
        self._path, self._overwrite, self._with_faces = path, overwrite, with_faces
        self._summary = VideoSummary()

    def check(self, sources: tuple[str, ...]) -> None:
        """Check that the only input is a video."""
        from mien.media import is_live, is_video

        if len(sources) != 1 or is_live(sources[0]) or not is_video(sources[0]):
            found = sources[0] if len(sources) == 1 else f"{len(sources)} inputs"
            raise typer.BadParameter(f"--report: expected one video, found {found}")
        check_output(self._path, overwrite=self._overwrite, inputs=sources)

    def add(self, result: FrameResult) -> None:
        """Add the result of one frame."""
        self._summary.add(result)

    def write(self, analyzer: Analyzer, options: RunOptions) -> None:
        """Write the report, if a frame was read."""
        from mien.reports import video_report

        if not self._summary.frames:
            return
        video_report(
            self._summary,
            self._path,
            analysis=_describe_analysis(analyzer.pipeline, options),
            with_faces=self._with_faces,
            overwrite=self._overwrite,
        )
        LOG.info(f"wrote {self._path}")


def _describe_analysis(pipeline: Pipeline, options: RunOptions) -> AnalysisDescription:
    """Collect the networks and settings for the report."""
    from mien.detect import OnnxDetector
    from mien.reports import AnalysisDescription, NetworkDescription

    pipeline = pipeline.with_options(options.faces)
    model, detector = pipeline.model, pipeline.detector
    of_file = NetworkDescription.of_file
    return AnalysisDescription(
        model=of_file(model.spec.name, model.path),
        detector=(
            of_file(detector.spec.name, detector.path)
            if isinstance(detector, OnnxDetector)
            else None
        ),
        unsure_below=pipeline.unsure_below,
        min_face_px=pipeline.options.min_face_px,
        smoothing_s=options.video.smoothing.time_constant_s,
        detect_every=options.video.detect_every,
        max_fps=options.video.max_fps,
        baseline=options.video.baseline,
        min_score=pipeline.options.min_score,
        min_duration_s=options.video.min_duration_s,
        unit_model=(
            None
            if pipeline.unit_model is None
            else of_file(pipeline.unit_model.spec.name, pipeline.unit_model.path)
        ),
    )


class _Printer:
    """Prints results: every face of an image, every change of expression in a video."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._labels: dict[tuple[str, int | None], str] = {}
        self._video = ""
        self._sources: set[str] = set()
        self._with_faces: set[str] = set()
        self._failed: set[str] = set()

    def add_earlier(self, run: Run) -> None:
        """Count what a run had done before it was interrupted, and repeat its errors."""
        done = run.sources[: run.checkpoint.inputs]
        self._sources.update(done)
        self._with_faces.update(run.with_faces)
        _print_failures(run)
        self._failed.update(run.failures)

    def print(self, result: FrameResult) -> None:
        """Print the faces of an image, or the changes in a frame of a video."""
        if self._video and result.source != self._video:
            self.finish()
        self._count(result)
        for note in result.notes:
            LOG.info(f"{result.source}: {note}")
        if result.error is not None:
            LOG.warning("%s: %s", result.source, result.error)
        if self._as_json:
            for row in result.to_rows():
                print(json.dumps(row))
        elif result.timestamp_s is not None:
            self._video = result.source
            self._print_changes(result)
        elif result.error is None and not result.faces:
            typer.echo(f"{printable(result.source)}  {_NO_FACE}")
        else:
            for face in result.faces:
                typer.echo(_line(face))
                if (said := unit_line(face)) is not None:
                    typer.echo(f"  {said}")

    def finish(self) -> None:
        """Print a line for the last video if it had no face."""
        if self._video and self._video not in self._with_faces | self._failed:
            typer.echo(f"{printable(self._video)}  {_NO_FACE}")
        self._video = ""

    def summary(self) -> str:
        """Return how many inputs were read, and how many of them have a face."""
        read = len(self._sources - self._failed)
        faces = f"{len(self._with_faces)} with faces" if self._with_faces else "none with a face"
        failed = f", {len(self._failed)} not read or damaged" if self._failed else ""
        return f"{read} read, {faces}{failed}"

    def _count(self, result: FrameResult) -> None:
        self._sources.add(result.source)
        if result.faces:
            self._with_faces.add(result.source)
        if result.error is not None:
            self._failed.add(result.source)

    def _print_changes(self, result: FrameResult) -> None:
        from mien.media import format_timestamp

        for face in result.faces:
            person = (face.source, face.track)
            if face.track is not None and self._labels.get(person) != face.emotion:
                self._labels[person] = face.emotion
                time = format_timestamp(face.timestamp_s or 0.0, decimals=2)
                shown = f"{expression(face)}{own_classes(face)}{_unsure(face)}"
                change = f"{time}  person {face.track + 1}  {shown}"
                typer.echo(f"{printable(face.source)}  {change}")


def _line(face: FacePrediction) -> str:
    left, top, right, bottom = (round(side) for side in face.box_xyxy)
    box = f"box {left},{top} to {right},{bottom}"
    shown = f"{expression(face)}{own_classes(face)}"
    return f"{printable(face.source)}  {shown}  {box}{_unsure(face)}"


def _unsure(face: FacePrediction) -> str:
    return "  unsure" if face.unsure else ""
