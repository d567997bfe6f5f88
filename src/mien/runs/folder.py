"""The folder of results, `mien analyze --out`: result files and drawn images and videos."""

from __future__ import annotations

import contextlib
import errno
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mien.drawing import write_image
from mien.errors import InputError, MediaError, OutputError
from mien.media.drawn_video import DrawnVideo
from mien.media.images import read_image
from mien.media.sources import is_video
from mien.media.writers import FORMATS, JsonlWriter, ResultWriter, open_writer
from mien.runs.journal import Journal
from mien.structures import FrameResult

__all__ = ["ResultFolder"]

_ROWS_PER_COPY = 1000
_MAX_STEM_BYTES = 220
"""File systems allow 255 bytes for a name; the rest is for a number and suffixes."""

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

    Attributes:
        position: The last checkpoint of the interrupted run, as passed to `save_position`; None for
            a new run.
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
    ) -> None:
        unknown = [name for name in formats if name not in FORMATS]
        if unknown or not formats:
            raise InputError(
                f"unknown format {', '.join(unknown)!r}, expected some of {', '.join(FORMATS)}"
            )
        self.path = path
        self._draw, self._overwrite = draw, overwrite
        self._drawn: set[Path] = set()
        self.notes: list[str] = []
        self._video: DrawnVideo | None = None
        self._video_source = ""
        self._skipped_source = ""
        self._journal = journal if "jsonl" in formats else None
        self.position: dict[str, Any] | None = None
        self._unreadable: set[str] = set()
        self._writers: list[ResultWriter] = []
        self._open = contextlib.ExitStack()
        if self._journal is not None and not overwrite:
            checkpoint = self._journal.read()
            if checkpoint is not None and not resume:
                raise OutputError(
                    f"{path}: holds an interrupted analysis. Continue with resume=True, or "
                    "start again with overwrite=True"
                )
            if checkpoint is not None:
                length, self.position = checkpoint
                self._resume(formats, length)
                return
        if draw and not overwrite and any((path / "drawn").glob("*")):
            raise OutputError(
                f"{path / 'drawn'}: has images already. Choose another folder or pass "
                "overwrite=True"
            )
        with contextlib.ExitStack() as cleanup:
            for name in dict.fromkeys(formats):
                writer = open_writer(path / f"results.{name}", overwrite=overwrite)
                cleanup.callback(writer.discard)
                self._writers.append(writer)
            cleanup.pop_all()
        if self._journal is not None:
            self._journal.remove()
        for writer in self._writers:
            self._open.enter_context(writer)

    def _resume(self, formats: Sequence[str], length: int) -> None:
        """Continue the JSON Lines at the checkpoint, and write the other formats from them."""
        lines = JsonlWriter.resumed(self.path / "results.jsonl", length)
        self._writers.append(lines)
        self._open.enter_context(lines)
        others = []
        for name in dict.fromkeys(formats):
            if name != "jsonl":
                # The journal shows that these files belong to the interrupted run.
                writer = open_writer(self.path / f"results.{name}", overwrite=True)
                self._writers.append(self._open.enter_context(writer))
                others.append(writer)
        rows = lines.rows()
        while block := list(itertools.islice(rows, _ROWS_PER_COPY)):
            self._unreadable.update(row["source"] for row in block if "error" in row)
            for writer in others:
                writer.write_rows(block)

    def reserve_drawn(self, sources: Iterable[str]) -> None:
        """Reserve the names of the copies that the interrupted run has drawn, so that they stay."""
        if self._draw:
            for source in sources:
                if source not in self._unreadable:
                    self._free_name(Path(source).stem, "jpg")

    def save_position(self, position: Callable[[], Mapping[str, Any]]) -> None:
        """Save a checkpoint in the journal, at most once a second.

        Args:
            position: Returns the position of the analysis; all its results have been written.

        Raises:
            OutputError: The disk is full or the folder has been removed.
        """
        if self._journal is not None:
            lines = next(each for each in self._writers if isinstance(each, JsonlWriter))
            self._journal.save(lambda: lines.length, position)

    @property
    def written(self) -> list[Path]:
        """The result files, and the folder of drawn images if there are any."""
        drawn = [self.path / "drawn"] if self._drawn else []
        return [writer.path for writer in self._writers] + drawn

    def write(self, result: FrameResult) -> None:
        """Add the rows of one frame, and draw the frame if `draw` is set.

        Raises:
            OutputError: The disk is full or the folder has been removed.
        """
        for writer in self._writers:
            writer.write(result)
        if self._draw and result.error is None and result.source != self._skipped_source:
            try:
                self._draw_result(result)
            except (MediaError, OutputError) as error:
                if _affects_all_files(error):
                    raise
                if self._video is not None and self._video_source == result.source:
                    self._video.discard()
                    self._video = None
                self._skipped_source = result.source
                self.notes.append(f"{result.source}: is not drawn: {error}")

    def _draw_result(self, result: FrameResult) -> None:
        if not is_video(result.source):
            image = result.plot(frame_rgb=read_image(result.source).frame_rgb)
            write_image(image, self._free_name(Path(result.source).stem, "jpg"))
            return
        if self._video is None or self._video_source != result.source:
            self._finish_video()
            path = self._free_name(Path(result.source).stem, "mp4")
            self._video, self._video_source = DrawnVideo(result.source, path), result.source
        self._video.write(result)

    def _finish_video(self) -> None:
        if self._video is not None:
            video, self._video = self._video, None
            video.close()
            self.notes += video.notes

    def _free_name(self, stem: str, suffix: str) -> Path:
        """Return the path of a drawn copy; a number is added if the name is in use."""
        number = 1
        stem = stem.encode(errors="surrogateescape")[:_MAX_STEM_BYTES].decode(errors="ignore")
        while True:
            end = f"-{number}.{suffix}" if number > 1 else f".{suffix}"
            path = self.path / "drawn" / (stem + end)
            if path not in self._drawn:
                self._drawn.add(path)
                return path
            number += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish_video()
            elif self._video is not None and issubclass(kind, KeyboardInterrupt):
                self._video.abandon()
            elif self._video is not None:
                self._video.discard()
        finally:
            if kind is not None and self._journal is not None and self._journal.path.exists():
                # The files keep their partial names; a resumed run continues them.
                for writer in self._writers:
                    writer.abandon()
            else:
                self._open.__exit__(kind, exception, traceback)
        if kind is None and self._journal is not None:
            self._journal.remove()


def _affects_all_files(error: Exception) -> bool:
    """Return whether an error would occur for the next file as well."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _FOLDER_ERRORS
