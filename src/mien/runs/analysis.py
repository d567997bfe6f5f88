"""Runs: analyse many inputs and save the results in a folder, resumable after an interruption."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from mien._addresses import without_credentials
from mien._checking import Matching, check_options, check_path
from mien.errors import MediaError, OptionsError
from mien.inference import Analyzer, analyze_media, check_paths, is_image
from mien.media import FORMATS, find_media, is_live
from mien.options import FaceOptions, VideoOptions
from mien.runs.checkpoint import Checkpoint
from mien.runs.complete import failures_of_complete
from mien.runs.fingerprint import fingerprint
from mien.runs.folder import ResultFolder
from mien.runs.journal import JOURNAL, Journal
from mien.structures import FrameResult

__all__ = ["Run", "RunOptions", "analyze_to", "is_interrupted"]

_FORMAT = Matching(" or ".join(FORMATS), "|".join(FORMATS))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a run analyses its inputs, and what it writes.

    Attributes:
        formats: The formats of the results, some of `jsonl`, `csv`, `parquet`.
        draw: Whether images and videos are saved with the results drawn in.
        overwrite: Whether saved results may be replaced.
        resume: Whether to continue an interrupted run in the same folder. Inputs, networks and
            options must be the same, the files unchanged; that holds for a run that has ended, too.
            A drawn video starts again from its beginning. Without an earlier run, a new run starts.
        video: How videos, cameras and streams are analysed.
        faces: Which faces count, and below which confidence an answer is unsure; None takes the
            options of the Analyzer.
        names: Names that replace the paths of sources in the results, by path.

    Raises:
        OptionsError: Two options exclude each other, or a value has another type or is unknown.
    """

    formats: Sequence[Annotated[str, _FORMAT]] = ("jsonl",)
    draw: bool = False
    overwrite: bool = False
    resume: bool = False
    video: VideoOptions = dataclasses.field(default_factory=VideoOptions)
    faces: FaceOptions | None = None
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        check_options(self)
        if not self.formats:
            raise OptionsError(f"formats: expected at least one of {', '.join(FORMATS)}")
        if self.resume and self.overwrite:
            raise OptionsError("resume continues and overwrite starts again; leave out one")
        if self.resume and "jsonl" not in self.formats:
            raise OptionsError("resume: only jsonl can be continued; add it to the formats")


@dataclasses.dataclass(slots=True, eq=False)
class Run:
    """A run, while it goes on and after its end.

    Attributes:
        sources: The inputs, in the order of their results, as the results name them.
        resumed_after: The checkpoint of the interrupted run that this one continues, or None.
        checkpoint: How far the run has come.
        failures: The inputs that could not be read or are damaged, with the last error. Those from
            before an interruption are included.
        with_faces: The inputs before the interruption in which faces were found.
        was_complete: Whether an earlier run had finished, so that there was nothing to do.
        written: The files and folders that were written, empty until the end.
        notes: Remarks on what was written, for example that a video's sound was lost.
        journal: The journal of its checkpoints; None if the run cannot be resumed.
    """

    sources: tuple[str, ...]
    resumed_after: Checkpoint | None = None
    checkpoint: Checkpoint = dataclasses.field(default_factory=Checkpoint)
    failures: dict[str, str] = dataclasses.field(default_factory=dict)
    with_faces: frozenset[str] = frozenset()
    was_complete: bool = False
    written: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    journal: Journal | None = None

    @property
    def can_resume(self) -> bool:
        """Whether another run with `resume` can continue this one."""
        return self.journal is not None and self.journal.saved is not None

    @property
    def resumes_after(self) -> Checkpoint:
        """The checkpoint after which another run with `resume` would continue this one."""
        saved = None if self.journal is None else self.journal.saved
        return Checkpoint() if saved is None else Checkpoint.from_document(saved.position)


def analyze_to(
    folder: str | Path | None,
    inputs: str | Path | Iterable[str | Path],
    *,
    options: RunOptions | None = None,
    analyzer: Analyzer | None = None,
    on_start: Callable[[Run], None] = lambda run: None,
    on_result: Callable[[FrameResult], None] = lambda result: None,
) -> Run:
    """Analyse images, videos, cameras and streams, and save every result in a folder.

    Results are written as they come, under names that end in `.partial` until all is done. A run
    that is interrupted, by an exception of `on_result`, Ctrl-C or a power cut, can be resumed with
    `RunOptions(resume=True)` and ends with the same files as an uninterrupted one.

    Args:
        folder: The folder of the results; it is made if it is missing. None saves nothing.
        inputs: Paths, folders, globs, cameras and streams.
        options: How the inputs are analysed, and what is written.
        analyzer: Networks and settings; None takes the shipped networks.
        on_start: Called once before the first result.
        on_result: Called with each result after it is saved.

    Returns:
        The run.

    Raises:
        InputError: Something among the inputs is no path.
        OptionsError: An option does not fit the inputs.
        OutputError: The results exist already, or cannot be written.
        MissingExtraError: A format needs an extra that is not installed.
    """
    if options is not None and not isinstance(options, RunOptions):
        raise OptionsError(f"options: expected RunOptions, found {type(options).__name__}")
    options = options or RunOptions()
    analyzer = analyzer or Analyzer()
    path = None if folder is None else check_path("folder", folder)
    drawn = () if path is None else (path / "drawn",)
    media = list(find_media(check_paths(inputs), exclude=drawn))
    run = Run(tuple(map(_source, media)))
    _check(path, media, options)
    names = {without_credentials(source): name for source, name in options.names.items()}
    options = dataclasses.replace(options, names=names)
    analyzer.pipeline.baselines(options.video)  # what lacks for them is said before any analysis
    if path is None:
        on_start(run)
        _analyze(run, analyzer, media, options, None, on_result)
        return run
    run.journal = journal = _journal(path, media, analyzer, options)
    if options.resume and (path / "results.jsonl").exists() and not is_interrupted(path):
        run.was_complete = True
        if journal is not None:
            journal.remove()  # a kill may have left a part of it
        names = {source: options.names.get(source, source) for source in run.sources}
        run.failures = failures_of_complete(path, names, formats=options.formats, draw=options.draw)
        if journal is not None:
            journal.check_finished()
        return run
    with ResultFolder(
        path,
        formats=options.formats,
        draw=options.draw,
        overwrite=options.overwrite,
        journal=journal,
        resume=options.resume,
        units=analyzer.unit_model is not None,
    ) as results:
        if results.position is not None:
            baselines = analyzer.pipeline.baselines(options.video)
            run.checkpoint = Checkpoint.from_document(results.position, options.video, baselines)
            # Another one, since the state of the video goes on.
            run.resumed_after = Checkpoint.from_document(results.position)
            run.failures, run.with_faces = results.failures, frozenset(results.with_faces)
            done = run.sources[: run.checkpoint.inputs]
            results.reserve_drawn({path: options.names.get(path, path) for path in done})
        on_start(run)
        _analyze(run, analyzer, media, options, results, on_result)
    run.written, run.notes = tuple(results.written), tuple(results.notes)
    return run


def _analyze(
    run: Run,
    analyzer: Analyzer,
    media: Sequence[str | MediaError],
    options: RunOptions,
    results: ResultFolder | None,
    on_result: Callable[[FrameResult], None],
) -> None:
    steps = analyze_media(
        analyzer.pipeline.with_options(options.faces),
        media,
        options.video,
        workers=analyzer.workers,
        inputs=run.checkpoint.inputs,
        video=run.checkpoint.video,
        album=run.checkpoint.album,
    )
    with contextlib.closing(steps):
        for step in steps:
            result = _renamed(step.result, options.names)
            checkpoint = Checkpoint.after(step)
            if results is not None:
                if options.draw and checkpoint.video is not None:
                    # What a drawn video has so far cannot be continued: it starts again.
                    checkpoint = _before_video(checkpoint, run, results)
                results.write(result, path=step.result.source)
                if checkpoint.is_complete and checkpoint is not run.checkpoint:
                    results.save_position(checkpoint.to_document)
            if result.error is not None:
                run.failures[result.source] = result.error
            on_result(result)
            run.checkpoint = checkpoint
    run.checkpoint = Checkpoint(inputs=len(media))
    if results is not None:
        results.finish_video()
        results.save_position(run.checkpoint.to_document, is_complete=True)


def _before_video(checkpoint: Checkpoint, run: Run, results: ResultFolder) -> Checkpoint:
    """Return the checkpoint before the video that is being drawn; save it at its first frame."""
    if run.checkpoint.inputs == checkpoint.inputs:
        return run.checkpoint
    results.finish_video()
    before = Checkpoint(inputs=checkpoint.inputs, album=checkpoint.album)
    results.save_position(before.to_document)
    return before


def _check(path: Path | None, media: Sequence[str | MediaError], options: RunOptions) -> None:
    """Check that the options fit the inputs, before anything is written."""
    sources = {each if isinstance(each, str) else each.source for each in media}
    if unknown := options.names.keys() - sources:
        raise OptionsError(f"names: {min(unknown)!r} is none of the inputs")
    baseline = options.video.baseline
    if baseline is not None and baseline.people == "tracks" and media and all(map(is_image, media)):
        raise OptionsError(
            "baseline: images have no tracks; one-person takes all faces in them for one person's"
        )
    if path is None and (options.draw or options.resume):
        raise OptionsError("draw and resume need a folder for the results")
    if options.draw and any(is_live(str(each)) for each in media):
        raise OptionsError("draw does not work for a camera or stream; record it with `mien live`")


def is_interrupted(folder: str | Path) -> bool:
    """Return whether a folder holds the results of an interrupted run that can be resumed."""
    return (Path(folder) / JOURNAL).exists()


def _journal(
    path: Path, media: Sequence[str | MediaError], analyzer: Analyzer, options: RunOptions
) -> Journal | None:
    """Return the journal of a run; None if it cannot be resumed, as with a camera."""
    if "jsonl" not in options.formats or any(
        isinstance(each, str) and is_live(each) for each in media
    ):
        return None
    faces = options.faces or analyzer.pipeline.options
    return Journal(
        path,
        {
            "draw": options.draw,
            **_networks(analyzer),
            **dataclasses.asdict(options.video),
            **dataclasses.asdict(faces),
        },
        {
            each if isinstance(each, str) else each.source: fingerprint(each)
            if isinstance(each, str)
            else None
            for each in media
        },
    )


def _networks(analyzer: Analyzer) -> dict[str, str | None]:
    """Return the hash of each model file; for a detector without a file, its type's name."""
    detector, units = analyzer.detector, analyzer.unit_model
    path = getattr(detector, "path", None)
    return {
        "emotion model": _hash(analyzer.model.path),
        "face detector": _hash(path) if isinstance(path, Path) else type(detector).__qualname__,
        "unit model": None if units is None else _hash(units.path),
    }


def _hash(path: Path) -> str:
    return f"SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _source(each: str | MediaError) -> str:
    return without_credentials(each) if isinstance(each, str) else each.source


def _renamed(result: FrameResult, names: Mapping[str, str]) -> FrameResult:
    """Return the result with the name of its source replaced, if `names` has another."""
    name = names.get(result.source)
    if name is None:
        return result
    faces = tuple(dataclasses.replace(face, source=name) for face in result.faces)
    changes: dict[str, Any] = {"source": name, "faces": faces}
    if result.error is not None:
        changes["error"] = result.error.replace(result.source, name)
    return dataclasses.replace(result, **changes)
