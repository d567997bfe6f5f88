"""A film with the results drawn in: H.264, the original's times and sound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mien.errors import OutputError
from mien.media.drawing import draw_result
from mien.media.film_writer import FilmWriter
from mien.media.films import Film
from mien.structures import FrameResult

if TYPE_CHECKING:
    import av

__all__ = ["DrawnFilm"]

_MP4_SOUND = ("aac", "ac3", "alac", "eac3", "flac", "mp3", "opus", "libopus")
"""How the names of the decoders begin whose packets an MP4 can take as they are."""


class DrawnFilm:
    """Draws the results of a film into a copy of it, frame by frame as they come.

    The film is decoded once more for that, so that nobody has to keep its frames.

    Args:
        source: The film that is being analysed.
        path: Where the copy goes, an `.mp4`; it gets its name when it is whole.

    Attributes:
        path: Where the finished film will be.
        notes: What a person should know, for example that the sound could not be kept.

    Raises:
        MediaError: The source cannot be read.
        OutputError: The copy cannot be written.
    """

    def __init__(self, source: str | Path, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self._film = Film(source)
        self._frames = self._film.frames()
        size = (self._film.height, self._film.width)
        rate = self._film.frames_per_second or 25.0
        try:
            self._writer = FilmWriter(path, size_hw=size, frames_per_second=rate)
        except OutputError:
            self._film.close()
            raise
        self._sound = _Sound(self._film.source, self._writer.container, self.notes)

    def write(self, result: FrameResult) -> None:
        """Draw one frame's result; results come in the order of their frames.

        Raises:
            OutputError: The disk is full or the folder went away.
        """
        if result.error is not None:
            return
        frame = next((each for each in self._frames if each.frame >= result.frame), None)
        if frame is None:
            return
        self._writer.write(np.asarray(draw_result(frame.rgb(), result)), frame.timestamp_s)
        self._sound.write_until(frame.timestamp_s)

    def close(self) -> None:
        """Finish the film and give it its name.

        Raises:
            OutputError: The disk is full or the folder went away.
        """
        try:
            self._sound.write_until(float("inf"))
            self._writer.close()
        finally:
            self._sound.close()
            self._film.close()

    def discard(self) -> None:
        """Stop writing and leave nothing behind."""
        self._writer.discard()
        self._sound.close()
        self._film.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, KeyboardInterrupt):
            self.close()
        else:
            self.discard()


class _Sound:
    """Copies the first sound track's packets, if the new film can hold them."""

    def __init__(self, source: str, out: Any, notes: list[str]) -> None:
        import av

        self._out = out
        self._packets: Iterator[Any] = iter(())
        self._held: Any = None
        self._container: av.container.InputContainer = av.open(source)
        if not self._container.streams.audio:
            return
        track = self._container.streams.audio[0]
        name = track.codec_context.name
        if not name.startswith(_MP4_SOUND):
            notes.append(f"{source}: the drawn copy is silent, an MP4 cannot hold its {name} sound")
            return
        self._copy = out.add_stream_from_template(track)
        self._packets = (p for p in self._container.demux(track) if p.dts is not None)

    def write_until(self, time_s: float) -> None:
        """Copy the packets up to a time."""
        import av

        while True:
            packet = self._held if self._held is not None else next(self._packets, None)
            self._held = None
            if packet is None:
                return
            if float(packet.dts * packet.time_base) > time_s:
                self._held = packet
                return
            packet.stream = self._copy
            try:
                self._out.mux(packet)
            except (OSError, av.FFmpegError) as error:
                raise OutputError(f"the drawn film's sound cannot be written: {error}") from error

    def close(self) -> None:
        self._container.close()
