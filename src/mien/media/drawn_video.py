"""A copy of a video with the results drawn in: H.264, with the original's times and sound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mien._output import cannot_write
from mien.errors import MediaError, OutputError
from mien.media.demuxing import open_video
from mien.media.sequences import is_sequence
from mien.media.video_writer import VideoWriter
from mien.media.videos import Video
from mien.structures import FrameResult

if TYPE_CHECKING:
    import av

__all__ = ["DrawnVideo"]

_MP4_SOUND = frozenset({"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"})
"""The codecs whose packets an MP4 can take as they are."""


class DrawnVideo:
    """Draws results into a copy of their video, frame by frame.

    The video is decoded a second time, so that its frames need not be kept in memory.

    Args:
        source: The video that is being analysed.
        path: Where the copy goes, an `.mp4`; it gets its name when it is complete.

    Attributes:
        path: Where the finished video will be.
        notes: What the user should know, for example that the sound could not be copied.

    Raises:
        MediaError: The source cannot be read.
        OutputError: The copy cannot be written.
    """

    def __init__(self, source: str | Path, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self._video = Video(source)
        self._frames = self._video.frames()
        size = (self._video.height, self._video.width)
        rate = self._video.frames_per_second or 25.0
        try:
            self._writer = VideoWriter(path, size_hw=size, frames_per_second=rate)
        except OutputError:
            self._video.close()
            raise
        try:
            self._sound = _Sound(self._video, self._writer, self.notes)
        except BaseException:
            self._writer.discard()
            self._video.close()
            raise

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
        self._writer.write(np.asarray(result.plot(frame_rgb=frame.rgb())), frame.timestamp_s)
        self._sound.write_until(frame.timestamp_s)

    def close(self) -> None:
        """Finish the video and give it its name.

        Raises:
            OutputError: The disk is full or the folder went away.
        """
        try:
            self._sound.write_until(float("inf"))
            self._writer.close()
        finally:
            self._sound.close()
            self._video.close()

    def abandon(self) -> None:
        """Stop writing; what was written can be played and stays under its partial name."""
        self._writer.abandon()
        self._sound.close()
        self._video.close()

    def discard(self) -> None:
        """Stop writing and leave nothing behind."""
        self._writer.discard()
        self._sound.close()
        self._video.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        elif issubclass(kind, KeyboardInterrupt):
            self.abandon()
        else:
            self.discard()


class _Sound:
    """Copies the first sound track: unchanged if an MP4 can hold its codec, else as AAC.

    Its times are shifted to start at the video's first frame, as those of the copy's frames do;
    sound before that frame is left out.
    """

    def __init__(self, video: Video, writer: VideoWriter, notes: list[str]) -> None:
        import av

        source, out = video.source, writer.container
        self._source, self._out, self._notes = source, out, notes
        self._path = writer.path
        self._first_s = video.first_s
        self._packets: Iterator[Any] = iter(())
        self._pending: Any = None
        self._container: av.container.InputContainer | None = None
        if is_sequence(source):
            return
        try:
            self._container = open_video(source)
        except MediaError as error:
            notes.append(f"{error.source}: the drawn copy has no sound: {error.reason}")
            return
        if not self._container.streams.audio:
            return
        track = self._container.streams.audio[0]
        name = track.codec_context.codec.canonical_name
        if name in _MP4_SOUND:
            self._copy = out.add_stream_from_template(track)
            self._packets = self._from_first_frame(self._container.demux(track))
            return
        # One or two channels may have no named layout, which the encoder needs.
        layout = {1: "mono", 2: "stereo"}.get(track.channels, track.layout.name)
        try:
            # Once added, a track that cannot be encoded would make the whole video unusable.
            trial: Any = av.CodecContext.create("aac", "w")
            trial.rate, trial.layout, trial.format = track.rate, layout, "fltp"
            trial.open()
        except (av.FFmpegError, ValueError) as error:
            notes.append(
                f"{source}: the drawn copy has no sound, {name} cannot become AAC: {error}"
            )
            return
        self._copy = out.add_stream("aac", rate=track.rate, layout=layout)
        self._packets = self._from_first_frame(self._encoded(self._container, track))

    def _encoded(self, container: av.container.InputContainer, track: Any) -> Iterator[Any]:
        import av

        sound = self._copy.codec_context
        resampler = av.AudioResampler("fltp", sound.layout, sound.rate)
        for frame in container.decode(track):
            for part in resampler.resample(frame):
                yield from self._copy.encode(part)
        for part in resampler.resample(None):
            yield from self._copy.encode(part)
        yield from self._copy.encode(None)

    def _from_first_frame(self, packets: Iterator[Any]) -> Iterator[Any]:
        for packet in packets:
            if packet.dts is None or packet.pts is None:
                continue
            offset = round(self._first_s / packet.time_base)
            packet.pts, packet.dts = packet.pts - offset, packet.dts - offset
            if packet.pts >= 0:
                yield packet

    def write_until(self, time_s: float) -> None:
        """Copy the packets up to a time."""
        import av

        while True:
            packet, self._pending = self._pending, None
            try:
                packet = packet if packet is not None else next(self._packets, None)
            except av.FFmpegError as error:
                self._notes.append(f"{self._source}: the sound ends early in the copy: {error}")
                self._packets = iter(())
            if packet is None:
                return
            if float(packet.dts * packet.time_base) > time_s:
                self._pending = packet
                return
            packet.stream = self._copy
            try:
                self._out.mux(packet)
            except OSError as error:
                raise cannot_write(self._path, error) from error
            except av.FFmpegError as error:
                # Most likely times that go back: the video goes on without sound.
                self._notes.append(f"{self._source}: the sound ends early in the copy: {error}")
                self._packets = iter(())

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
