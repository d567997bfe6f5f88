"""The folder of results, `mien analyze --out`: result files and drawn images and videos."""

from __future__ import annotations

import contextlib
import errno
import itertools
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mien._output import cannot_write, check_output
from mien.columns import COLUMNS
from mien.drawing import write_image
from mien.errors import InputError, MediaError, OutputError
from mien.media.drawn_video import DrawnVideo
from mien.media.images import read_image
from mien.media.recognition import has_rows_of
from mien.media.sources import is_video
from mien.media.writers import FORMATS, JsonlWriter, ResultWriter, open_writer
from mien.runs.checkpoint import Checkpoint
from mien.runs.journal import JOURNAL, Journal, SavedPosition, forget_finished, forget_unfinished
from mien.structures import FrameResult

__all__ = ["ResultFolder"]

_ROWS_PER_COPY = 1000
_MAX_STEM_BYTES = 220
"""File systems allow 255 bytes for a name; the rest is for a number and suffixes."""

_NO_FILE_NAME = re.compile(r'[\x00-\x1f<>:"/\\|?*]')

_FOLDER_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO))
"""Errors that affect all files of a folder and not only one."""


class ResultFolder:
    """Writes results in several formats at once, and the images with the results drawn in.

    Args:
        path: The folder; it is made if it is missing.
        formats: Names out of `FORMATS`; each gives `results.<format>`.
        draw: Whether drawn images go into `drawn/`.
        overwrite: Whether existing files may be replaced.
        journal: Saves the checkpoints, so that another run can resume; it needs the format `jsonl`.
        resume: Whether to continue from the checkpoint in the journal, if there is one.
        units: Whether the results have expression units.

    Attributes:
        position: The last checkpoint of the interrupted run, as passed to `save_position`; None for
            a new run.
        failures: The inputs with an error in the results of the interrupted run, with the last one.
        with_faces: The inputs with a face in the results of the interrupted run.
        notes: Remarks on what was drawn, for example that a video's sound was lost.

    Raises:
        InputError: A format is unknown.
        OutputError: A file exists already or the folder cannot be written.
        MissingExtraError: A format needs an extra that is not installed.
    """

    def __init__(
        self,
        path: Path,
        *,
        formats: Sequence[str] = ("jsonl",),
        draw: bool = False,
        overwrite: bool = False,
        journal: Journal | None = None,
        resume: bool = False,
        units: bool = False,
    ) -> None:
        unknown = [name for name in formats if name not in FORMATS]
        if unknown or not formats:
            raise InputError(
                f"unknown format {', '.join(unknown)!r}, expected some of {', '.join(FORMATS)}"
            )
        self.path = path
        self._draw, self._replaces, self._units = draw, overwrite, units
        self._drawn: dict[str, Path] = {}
        self.notes: list[str] = []
        self._not_drawn: list[str] = []
        self._video: DrawnVideo | None = None
        self._video_path = self._video_source = ""
        self._journal = journal if "jsonl" in formats else None
        self.position: Mapping[str, Any] | None = None
        self.failures: dict[str, str] = {}
        self.with_faces: set[str] = set()
        self._has_results = False
        self._writers: list[ResultWriter] = []
        self._open = contextlib.ExitStack()
        saved = None if self._journal is None or overwrite else self._journal.read()
        if not overwrite and not resume and (path / JOURNAL).exists():
            raise OutputError(
                f"{path}: holds an interrupted analysis. Continue with resume=True, or start again "
                "with overwrite=True"
            )
        if saved is not None:
            self._resume(formats, saved)
            return
        if draw and not overwrite and self._other_drawn():
            raise OutputError(
                f"{path / 'drawn'}: has images already. Choose another folder or pass "
                "overwrite=True"
            )
        self._start(formats)

    def _other_drawn(self) -> int:
        """Return how many files the folder of drawn copies has that this run has not drawn."""
        try:
            return len(set((self.path / "drawn").iterdir()) - set(self._drawn.values()))
        except (FileNotFoundError, NotADirectoryError):
            return 0
        except OSError as error:
            raise cannot_write(self.path / "drawn", error) from error

    def _start(self, formats: Sequence[str]) -> None:
        """Open the files of a new run, and save that nothing is done yet."""
        names = [self.path / f"results.{name}" for name in dict.fromkeys(formats)]
        for name in names:
            check_output(name, overwrite=self._replaces)
        with contextlib.ExitStack() as cleanup:
            if self._journal is not None:
                # Before all else: what lies in the folder after a kill is known by it.
                cleanup.callback(self._journal.remove)
                self._make_folder()
                start = SavedPosition(position=Checkpoint().to_document(), replaces=self._replaces)
                self._journal.save(start, now=True)
            for name in names:
                writer = open_writer(name, overwrite=self._replaces, units=self._units)
                cleanup.callback(writer.discard)
                self._writers.append(writer)
            cleanup.pop_all()
        for writer in self._writers:
            self._open.enter_context(writer)

    def _remove_replaced(self) -> None:
        """Remove what is left of the run that this one replaces: it would be taken for this one's.

        Files that no run has made stay.
        """
        own = {writer.path for writer in self._writers}
        if self._journal is None and (self._replaces or self.path / "results.jsonl" in own):
            forget_finished(self.path)
        if not self._replaces:
            return
        if self._journal is None:
            forget_unfinished(self.path, "results.jsonl")
        for path in (self.path / f"results.{name}" for name in FORMATS):
            if path in own or not path.exists():
                continue
            if not has_rows_of(path, COLUMNS):
                self.notes.append(f"{path}: stays, though it is not of this run")
                continue
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise cannot_write(path, error) from error
        if others := self._other_drawn():
            self.notes.append(
                f"{self.path / 'drawn'}: {others} of its files are not of this run. Remove them if "
                "they are not needed"
            )

    def _make_folder(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _resume(self, formats: Sequence[str], saved: SavedPosition) -> None:
        """Continue the JSON Lines at the checkpoint, and write the other formats from them."""
        self._has_results = True
        self.position = saved.position
        self._replaces = saved.replaces
        self.notes = list(saved.notes)
        self._not_drawn = list(saved.not_drawn)
        lines = JsonlWriter.resumed(
            self.path / "results.jsonl",
            length=saved.length,
            crc32=saved.crc32,
            is_complete=saved.is_complete,
        )
        self._writers.append(self._open.enter_context(lines))
        others = []
        for name in dict.fromkeys(formats):
            if name != "jsonl":
                # The journal shows that these files belong to the interrupted run.
                path = self.path / f"results.{name}"
                writer = open_writer(path, overwrite=True, units=self._units)
                self._writers.append(self._open.enter_context(writer))
                others.append(writer)
        rows = lines.rows()
        while block := list(itertools.islice(rows, _ROWS_PER_COPY)):
            for row in block:
                self._count(row)
            for writer in others:
                writer.write_rows(block)

    def _count(self, row: Mapping[str, Any]) -> None:
        if "error" in row:
            self.failures[row["source"]] = row["error"]
        else:
            self.with_faces.add(row["source"])

    def reserve_drawn(self, sources: Mapping[str, str]) -> None:
        """Reserve the names of the copies that the interrupted run has drawn, so that they stay.

        Args:
            sources: The names of its sources in the results, by path.
        """
        if not self._draw:
            return
        for path, source in sources.items():
            is_unreadable = source in self.failures and not is_video(path)
            if not is_unreadable and path not in self._not_drawn:
                self._reserve(source, path)

    def save_position(
        self, position: Callable[[], Mapping[str, Any]], *, is_complete: bool = False
    ) -> None:
        """Save a checkpoint in the journal, at most once a second, and at an interruption.

        Args:
            position: Returns the position of the analysis; all its results have been written.
            is_complete: Whether all inputs are done.

        Raises:
            OutputError: The disk is full or the folder has been removed.
        """
        if self._journal is None:
            return
        lines = self._lines()
        is_due = self._journal.is_due
        if is_due:
            for writer in self._writers:
                writer.check()
            lines.sync()
        self._journal.save(
            SavedPosition(
                length=lines.length,
                crc32=lines.crc32,
                position=position(),
                notes=tuple(self.notes),
                not_drawn=tuple(self._not_drawn),
                replaces=self._replaces,
                is_complete=is_complete,
            ),
            now=is_due,
        )

    def _lines(self) -> JsonlWriter:
        return next(each for each in self._writers if isinstance(each, JsonlWriter))

    @property
    def written(self) -> list[Path]:
        """The result files, and the folder of drawn images if there are any."""
        drawn = [self.path / "drawn"] if self._drawn else []
        return [writer.path for writer in self._writers] + drawn

    def write(self, result: FrameResult, *, path: str | None = None) -> None:
        """Add the rows of one frame, and draw the frame if `draw` is set.

        Args:
            result: The result of the frame.
            path: The file of the frame, if the results call it by another name.

        Raises:
            OutputError: The disk is full or the folder has been removed.
        """
        self._has_results = True
        for writer in self._writers:
            writer.write(result)
        if not self._draw:
            return
        path = path or result.source
        if path != self._video_path:
            self.finish_video()
        if result.error is not None:
            if is_video(path) and path != self._video_path:
                self._not_drawn.append(path)
        elif path not in self._not_drawn[-1:]:
            try:
                self._draw_result(result, path)
            except (MediaError, OutputError) as error:
                if self._video is not None:
                    self._drop(self._video)
                    self._video = None
                self._note_failure(result.source, path, error)

    def _note_failure(self, source: str, path: str, error: MediaError | OutputError) -> None:
        """Note that an input is not drawn, unless the next one could not be drawn either."""
        if _affects_all_files(error):
            raise error
        self._not_drawn.append(path)
        self.notes.append(f"{source}: is not drawn: {str(error).replace(path, source)}")

    def _draw_result(self, result: FrameResult, path: str) -> None:
        if not is_video(path):
            image = result.plot(frame_rgb=read_image(path).frame_rgb)
            drawn = self._reserve(result.source, path)
            try:
                write_image(image, drawn)
            except OutputError:
                self._release(drawn)
                raise
            return
        if self._video is None:
            drawn = self._reserve(result.source, path)
            self._video_path, self._video_source = path, result.source
            try:
                self._video = DrawnVideo(path, drawn)
            except (MediaError, OutputError):
                self._release(drawn)
                raise
        self._video.write(result)

    def finish_video(self) -> None:
        """Finish the drawn copy of the last video, if there is one.

        Raises:
            OutputError: The disk is full or the folder has been removed.
        """
        video, path, source = self._video, self._video_path, self._video_source
        self._video, self._video_path = None, ""
        if video is None:
            return
        try:
            video.close()
        except OutputError as error:
            self._drop(video)
            self._note_failure(source, path, error)
        self.notes += [note.replace(path, source) for note in video.notes]

    def _drop(self, video: DrawnVideo) -> None:
        video.discard()
        self._release(video.path)

    def _reserve(self, source: str, path: str) -> Path:
        """Return the path of a drawn copy; a number is added if the name is in use."""
        number, suffix = 1, "mp4" if is_video(path) else "jpg"
        stem = Path(source).stem if source == path else _as_file_name(source, Path(path).suffix)
        encoded = stem.encode(errors="surrogateescape")
        name = encoded[:_MAX_STEM_BYTES].decode(errors="ignore")
        while True:
            end = f"-{number}.{suffix}" if number > 1 else f".{suffix}"
            drawn = self.path / "drawn" / (name + end)
            if _folded(drawn) not in self._drawn:
                self._drawn[_folded(drawn)] = drawn
                return drawn
            number += 1

    def _release(self, drawn: Path) -> None:
        self._drawn.pop(_folded(drawn), None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._stop(kind)
            return
        try:
            self.finish_video()
            if self._journal is not None:
                self._lines().sync()
                self._journal.flush()
        except BaseException as error:
            self._stop(type(error))
            raise
        # A kill between two of these leaves the journal, by which a resumed run ends the work.
        self._open.__exit__(None, None, None)
        self._remove_replaced()
        if self._journal is not None:
            self._journal.finish()

    def _stop(self, kind: type[BaseException]) -> None:
        """Close the files of an interrupted run; a new one without a result leaves none."""
        if self._video is not None and issubclass(kind, KeyboardInterrupt):
            self._video.abandon()
        elif self._video is not None:
            self._video.discard()
        for writer in self._writers:
            writer.abandon() if self._has_results else writer.discard()
        if self._journal is not None:
            with contextlib.suppress(OutputError):  # the last checkpoint in the file holds
                self._journal.flush() if self._has_results else self._journal.remove()


def _folded(path: Path) -> str:
    """Return the name of a file as file systems compare it that know no case."""
    return unicodedata.normalize("NFC", path.name).casefold()


def _as_file_name(name: str, suffix: str) -> str:
    """Return a name for a file without an ending, as every file system takes it."""
    return _NO_FILE_NAME.sub("_", name.removesuffix(suffix)) or "_"


def _affects_all_files(error: Exception) -> bool:
    """Return whether an error would occur for the next file as well."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _FOLDER_ERRORS
