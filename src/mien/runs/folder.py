"""The folder that `mien analyze --save` fills: result files, and drawn images."""

from __future__ import annotations

import contextlib
import errno
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mien.errors import InputError, MediaError, OutputError
from mien.media.drawing import draw_result
from mien.media.drawn_video import DrawnFilm
from mien.media.image_writer import write_image
from mien.media.images import read_image
from mien.media.sources import is_video
from mien.media.writers import FORMATS, JsonlWriter, ResultWriter, open_writer
from mien.runs.journal import Journal
from mien.structures import FrameResult

__all__ = ["ResultFolder"]

_ROWS_COPIED_AT_ONCE = 1000
_LONGEST_STEM = 220
"""Bytes of a name that file systems take, 255, less what is added to it."""

_EVERYBODYS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO))
"""What hinders all files of a folder, not one."""


class ResultFolder:
    """Writes results in several formats at once, and the images with the results drawn in.

    Args:
        path: The folder; it is made if it is missing.
        formats: Names out of `FORMATS`; each gives `results.<format>`.
        draw: Whether drawn images go into `drawn/`.
        overwrite: Whether existing files may be replaced.
        journal: Keeps how far the results are sure, so that another run can go on with them; it
            needs the format `jsonl`.
        resume: Whether to go on where the journal says; if it says nothing, this is a first run.

    Attributes:
        position: Where the interrupted run stopped, as it was given to `keep`; None for a first
            run.
        notes: What a person should know of what was drawn, for example that sound was lost.

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
        self._video: DrawnFilm | None = None
        self._video_source = ""
        self._undrawn = ""
        self._journal = journal if "jsonl" in formats else None
        self.position: dict[str, Any] | None = None
        self._unreadable: set[str] = set()
        self._writers: list[ResultWriter] = []
        self._open = contextlib.ExitStack()
        if self._journal is not None and not overwrite:
            found = self._journal.read()
            if found is not None and not resume:
                raise OutputError(
                    f"{path}: holds an interrupted analysis. Go on with --resume, or start anew "
                    "with --overwrite"
                )
            if found is not None:
                length, self.position = found
                self._go_on(formats, length)
                return
        if draw and not overwrite and any((path / "drawn").glob("*")):
            raise OutputError(
                f"{path / 'drawn'}: has images already. Choose another place or pass --overwrite"
            )
        with contextlib.ExitStack() as undoing:
            for name in dict.fromkeys(formats):
                writer = open_writer(path / f"results.{name}", overwrite=overwrite)
                undoing.callback(writer.discard)
                self._writers.append(writer)
            undoing.pop_all()
        if self._journal is not None:
            self._journal.end()
        for writer in self._writers:
            self._open.enter_context(writer)

    def _go_on(self, formats: Sequence[str], length: int) -> None:
        """Open the JSON Lines where they are sure, and write the other formats anew from them."""
        lines = JsonlWriter.resumed(self.path / "results.jsonl", length)
        self._writers.append(lines)
        self._open.enter_context(lines)
        others = []
        for name in dict.fromkeys(formats):
            if name != "jsonl":
                # The journal says whose results these are, and that they were to be replaced.
                writer = open_writer(self.path / f"results.{name}", overwrite=True)
                self._writers.append(self._open.enter_context(writer))
                others.append(writer)
        rows = lines.rows()
        while some := list(itertools.islice(rows, _ROWS_COPIED_AT_ONCE)):
            self._unreadable.update(row["source"] for row in some if "error" in row)
            for writer in others:
                writer.write_rows(some)

    def drawn_before(self, sources: Iterable[str]) -> None:
        """Name the images that an interrupted run was done with; their drawn copies stay."""
        if self._draw:
            for source in sources:
                if source not in self._unreadable:
                    self._free_name(Path(source).stem, "jpg")

    def keep(self, position: Callable[[], Mapping[str, Any]]) -> None:
        """Note that what was written so far is all up to a position; written once a second.

        Raises:
            OutputError: The disk is full or the folder went away.
        """
        if self._journal is not None:
            lines = next(each for each in self._writers if isinstance(each, JsonlWriter))
            self._journal.keep(lambda: lines.length, position)

    @property
    def written(self) -> list[Path]:
        """The result files, and the folder of drawn images if there are any."""
        drawn = [self.path / "drawn"] if self._drawn else []
        return [writer.path for writer in self._writers] + drawn

    def write(self, result: FrameResult) -> None:
        """Add one frame's rows, and draw it if that was asked for.

        Raises:
            OutputError: The disk is full or the folder went away.
        """
        for writer in self._writers:
            writer.write(result)
        if self._draw and result.error is None and result.source != self._undrawn:
            try:
                self._draw_result(result)
            except (MediaError, OutputError) as error:
                if _is_everybodys(error):
                    raise
                if self._video is not None and self._video_source == result.source:
                    self._video.discard()
                    self._video = None
                self._undrawn = result.source
                self.notes.append(f"{result.source}: is not drawn: {error}")

    def _draw_result(self, result: FrameResult) -> None:
        if not is_video(result.source):
            image = draw_result(read_image(result.source).frame_rgb, result)
            write_image(image, self._free_name(Path(result.source).stem, "jpg"))
            return
        if self._video is None or self._video_source != result.source:
            self._finish_video()
            path = self._free_name(Path(result.source).stem, "mp4")
            self._video, self._video_source = DrawnFilm(result.source, path), result.source
        self._video.write(result)

    def _finish_video(self) -> None:
        if self._video is not None:
            video, self._video = self._video, None
            video.close()
            self.notes += video.notes

    def _free_name(self, stem: str, suffix: str) -> Path:
        """Name what is drawn after its source; a second of that name gets a number."""
        number = 1
        # Room for a number and for what tells an unfinished file.
        stem = stem.encode(errors="surrogateescape")[:_LONGEST_STEM].decode(errors="ignore")
        while True:
            ending = f"-{number}.{suffix}" if number > 1 else f".{suffix}"
            path = self.path / "drawn" / (stem + ending)
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
                # Not whole: it keeps its partial name, and a resumed run goes on with it.
                for writer in self._writers:
                    writer.abandon()
            else:
                self._open.__exit__(kind, exception, traceback)
        if kind is None and self._journal is not None:
            self._journal.end()


def _is_everybodys(error: Exception) -> bool:
    """Say whether an error is one that the next file would meet as well."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _EVERYBODYS
