"""Cameras and streams: always the newest frame, and a new connection when one is lost."""

from __future__ import annotations

import contextlib
import errno
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

from mien._addresses import without_credentials
from mien.errors import MediaError
from mien.media.demuxing import open_camera, open_stream, read_address, reason_of
from mien.media.depth import SAVE_LEVELS, partial_levels
from mien.media.images import decode_image
from mien.media.reading import Reading, is_endless
from mien.media.tracks import pixel_aspect, video_packets
from mien.media.videos import VideoFrame
from mien.structures import FrameResult

__all__ = ["LiveSource", "cameras", "is_camera", "is_live"]

_CAMERA = "camera:"
_STREAMS = ("rtsp://", "rtsps://", "http://", "https://")
_PLATFORMS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
_TIMEOUT_S = 5.0
_FIRST_WAIT_S, _MAX_WAIT_S = 0.5, 8.0
_POLL_S = 0.25

_IMAGE_FORMATS = frozenset(
    ("bmp_pipe", "gif", "gif_pipe", "image2", "jpeg_pipe", "png_pipe", "tiff_pipe", "webp_pipe")
)
"""FFmpeg's names for an image at an address: it does not go on."""

_IMAGE_BRANDS = frozenset(("avif", "avis", "heic", "heix", "mif1", "msf1"))
"""Images in the boxes of an MP4, by the brand that FFmpeg tells."""

_CUT_OFF = "cut off: the end of the file is missing"

_MAX_DAMAGED_PACKETS = 100
"""After more packets in a row that cannot be decoded a stream is opened again."""


def is_live(source: str) -> bool:
    """Return whether a source is a camera (`camera:0`) or a stream (`rtsp://`, `http://`)."""
    return source.lower().startswith((_CAMERA, *_STREAMS))


def is_camera(source: str) -> bool:
    """Return whether a source is a camera of this machine (`camera:0`)."""
    return source.lower().startswith(_CAMERA)


def cameras() -> list[str]:
    """List the cameras of this machine as the system names them; `camera:N` is the Nth."""
    import av

    try:
        devices = av.enumerate_input_devices(_platform())
    except (av.FFmpegError, ValueError, OSError):
        return []
    return [device.description or device.name for device in devices if _shows_images(device)]


def _shows_images(device: Any) -> bool:
    kinds = getattr(device, "media_types", None)
    return not kinds or "video" in kinds


def _platform() -> str:
    return _PLATFORMS.get(sys.platform, "v4l2")


class _SameAgainError(Exception):
    """A new connection brings the same video from its beginning."""


class LiveSource:
    """A camera or stream that always gives its newest frame.

    A video that is served at an `http://` address plays at its own pace and ends.

    Args:
        source: `camera:N` for the Nth camera, or an address.
        give_up_s: How long to try to reconnect after the last frame; None tries for ever.
        on_gap: Called with a sentence when the connection is lost, and with an empty one when
            frames arrive again.
        clock: The seconds that frames are timed by.

    Attributes:
        source: As given, with the user, password and keys in an address hidden.
        began_s: When the first frame arrived, by `clock`.
        gap: How long no frames arrived before the newest one, and why; empty if there was no such
            gap.
        notes: What a reader should know of an image at an address, as in `read_image`.
    """

    def __init__(
        self,
        source: str,
        *,
        give_up_s: float | None = 30.0,
        on_gap: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        scheme, separator, rest = source.partition(":")
        self._address = scheme.lower() + separator + rest  # FFmpeg knows small letters only
        self.source = without_credentials(source)
        self.give_up_s = give_up_s
        self.gap = ""
        self.notes: tuple[str, ...] = ()
        self.began_s = 0.0
        self._on_gap = on_gap or (lambda _: None)
        self._clock = clock
        self._newest: tuple[Any, int, float] | None = None
        self._frame_count = 0
        self._reading: Reading | None = None
        self._aspect = 1.0
        self._lost: tuple[float, str] | None = None
        self._gap_before = ""
        self._first_packet: tuple[int, bytes] | None = None
        self._failure: MediaError | None = None
        self._ended = False
        self._changed = threading.Condition()
        self._stop = threading.Event()

    def frames(self, *, per_second: float | None = None) -> Generator[VideoFrame, None, None]:
        """Yield the newest frame again and again; frames that arrive in between are dropped.

        Times are seconds since the first frame by this machine's clock, so that gaps are part of
        them; the frames' numbers count the dropped ones, too.

        Args:
            per_second: Yield at most this many frames a second; None yields all that are not
                dropped.

        Raises:
            MediaError: The source cannot be opened, or could not be reconnected in time.
        """
        reader = threading.Thread(target=self._run, daemon=True)
        reader.start()
        due_s = 0.0
        try:
            while (newest := self._wait_for_frame()) is not None:
                decoded, number, arrived_s = newest
                self.began_s = self.began_s or arrived_s
                timestamp_s = arrived_s - self.began_s
                if per_second is not None and not self.gap:
                    if timestamp_s < due_s:
                        continue
                    due_s = max(due_s + 1 / per_second, timestamp_s)
                yield VideoFrame.of(self.source, number, timestamp_s, decoded, aspect=self._aspect)
        finally:
            self._stop.set()
            reader.join(_TIMEOUT_S)

    def gap_before(self, frame: VideoFrame) -> FrameResult | None:
        """Return the gap before the newest frame as a result with `error`; None without a gap."""
        if not self.gap:
            return None
        return FrameResult(
            source=self.source, frame=frame.frame, timestamp_s=frame.timestamp_s, error=self.gap
        )

    def _wait_for_frame(self) -> tuple[Any, int, float] | None:
        """Wait for the next frame; None at the end of a video."""
        with self._changed:
            while self._newest is None and self._failure is None and not self._ended:
                self._changed.wait(_POLL_S)
            newest, self._newest = self._newest, None
            if newest is None and self._failure is not None:
                raise self._failure
            self.gap, self._gap_before = self._gap_before, ""
            return newest

    def _run(self) -> None:
        try:
            self._read()
        except Exception as error:  # in this thread nobody would see it, and frames() would wait
            self._fail(f"cannot be read: {error or type(error).__name__}")

    def _read(self) -> None:
        """Read until told to stop; after a failure wait, longer each time, and reconnect."""
        import av

        wait_s, last_s = _FIRST_WAIT_S, self._clock()
        while not self._stop.is_set():
            is_whole = False
            try:
                with contextlib.closing(self._open()) as container:
                    is_image, is_file = self._is_image(container), _is_file(container)
                    if not is_image:
                        for decoded in self._decoded(container):
                            self._publish(decoded)
                            wait_s, last_s = _FIRST_WAIT_S, self._clock()
                        is_whole = is_file
                if is_image:
                    self._read_image()
                    return
                ended = "the stream ended" if self._frame_count else "the stream sent no frame"
                error: Exception = OSError(ended)
            except _SameAgainError:
                self._end()
                return
            except MediaError as raised:
                self._fail(raised.reason)
                return
            except (av.FFmpegError, OSError, ValueError, IndexError) as raised:
                error = raised
            if self._stop.is_set():
                return
            if self._frame_count and self._ends_here(is_whole=is_whole):
                return
            lost_s = self._clock() - last_s
            if not self._frame_count or (self.give_up_s is not None and lost_s > self.give_up_s):
                self._fail(self._why_lost(error))
                return
            self._lost = self._lost or (last_s, reason_of(error))
            self._on_gap(f"{self.source}: connection lost ({reason_of(error)}). Reconnecting")
            self._stop.wait(wait_s)
            wait_s = min(2 * wait_s, _MAX_WAIT_S)

    def _is_image(self, container: Any) -> bool:
        if is_camera(self.source):
            return False
        brand = container.metadata.get("major_brand", "")
        return container.format.name in _IMAGE_FORMATS or brand in _IMAGE_BRANDS

    def _read_image(self) -> None:
        """Read an image at the address as that of a file is read.

        A decoder of videos would not know its range, and not miss its end.
        """
        import av

        data, is_whole = read_address(self._address, timeout_s=_TIMEOUT_S)
        frame = decode_image(data, self.source)
        self.notes = frame.notes
        if not is_whole and not any(note.startswith(_CUT_OFF) for note in frame.notes):
            self.notes += (_CUT_OFF,)
        self._publish(av.VideoFrame.from_ndarray(frame.frame_rgb, "rgb24"))
        self._end()

    def _decoded(self, container: Any) -> Iterator[Any]:
        """Decode packets and skip damaged ones; a video is read at its own pace."""
        import av

        track, packets = video_packets(container)
        self._aspect = pixel_aspect(track)
        self._reading = reading = Reading(container, track)
        is_timed = not is_camera(self.source) and not is_endless(container)
        begin_s, first_s, damaged, is_first = self._clock(), None, 0, True
        for packet in _until_lost(packets):
            if packet is not None:
                reading.add_packet(packet)
                if packet.stream is not track:
                    continue
                if is_first and is_timed and packet.pts is not None:
                    self._check_first(packet)
                is_first = False
            try:
                frames = track.decode(packet)
            except av.error.InvalidDataError as error:
                reading.add_error(reason_of(error), packet)
                damaged += 1
                if damaged > _MAX_DAMAGED_PACKETS:
                    raise
                continue
            for decoded in frames:
                damaged = 0
                if packet is None:
                    decoded.time_base = track.time_base
                reading.add_frame(decoded)
                if not self._frame_count and (reason := partial_levels(decoded)) is not None:
                    raise MediaError(self.source, f"{reason}. {SAVE_LEVELS}")
                if reading.ends and decoded.time is not None:
                    first_s = decoded.time if first_s is None else first_s
                    position_s = decoded.time - first_s
                    self._stop.wait(max(0.0, begin_s + position_s - self._clock()))
                if self._stop.is_set():
                    return
                yield decoded

    def _check_first(self, packet: Any) -> None:
        """Compare the first packet of a connection with that of the first connection.

        Raises:
            _SameAgainError: They are the same: this is a video, and it was read to its end.
        """
        first = (packet.pts, bytes(packet))
        if self._first_packet is None:
            self._first_packet = first
        elif self._first_packet == first:
            raise _SameAgainError

    def _ends_here(self, *, is_whole: bool) -> bool:
        """End a video that was read as far as it goes; at any other end a connection is lost.

        Args:
            is_whole: Whether all was read that is at the address.
        """
        reading = self._reading
        if reading is None or not reading.ends:
            return False
        fault = reading.fault
        if fault is None and not is_whole and (reading.duration_s is None or reading.ends_early):
            fault = _CUT_OFF
        if fault is None:
            self._end()
        else:
            # Another connection would bring the same again.
            self._fail(f"{fault}. The frames before were read")
        return True

    def _publish(self, decoded: Any) -> None:
        """Make a frame the newest one."""
        now = self._clock()
        connected = self._lost is not None or not self._frame_count
        with self._changed:
            if self._lost is not None:
                since_s, reason = self._lost
                self._gap_before = f"no frames for {now - since_s:.1f} s: {reason}"
                self._lost = None
            self._newest = (decoded, self._frame_count, now)
            self._frame_count += 1
            self._changed.notify()
        if connected:
            self._on_gap("")

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _fail(self, reason: str) -> None:
        with self._changed:
            self._failure = MediaError(self.source, reason)
            self._changed.notify()

    def _why_lost(self, error: Exception) -> str:
        what = "cannot be reconnected" if self._frame_count else "cannot be opened"
        found = ", ".join(cameras()) or "none"
        hint = (
            f"Cameras of this machine: {found}"
            if is_camera(self.source)
            else "Check the address, or save the video and give the file"
        )
        if getattr(error, "errno", None) == errno.EBUSY:
            hint = "Close the program that uses the camera"
        return f"{what}: {reason_of(error)}. {hint}"

    def _open(self) -> Any:
        if not is_camera(self.source):
            return open_stream(self._address, timeout_s=_TIMEOUT_S)
        name = self._address.removeprefix(_CAMERA)
        if not name.isdecimal():
            raise ValueError(f"expected camera: and a number, found {self.source!r}")
        platform, options = _platform(), dict[str, str]()
        if platform == "v4l2":
            name = f"/dev/video{name}"
        elif platform == "dshow":
            known = cameras()
            if int(name) >= len(known):
                raise OSError(f"this machine has {len(known)} cameras")
            name = f"video={known[int(name)]}"
        else:
            options["framerate"] = "30"
        return open_camera(name, platform=platform, options=options)


def _until_lost(packets: Iterator[Any]) -> Iterator[Any]:
    """Yield packets; when the connection is lost None, so that the decoder gives what it holds."""
    import av

    try:
        yield from packets
    except (av.FFmpegError, OSError):
        yield None
        raise


def _is_file(container: Any) -> bool:
    """Return whether there is as much to read as the server says, and then no more."""
    return bool(not is_endless(container) and container.size > 0)
