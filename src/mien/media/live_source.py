"""Cameras and streams: always the newest frame, and another try when they go away."""

from __future__ import annotations

import contextlib
import errno
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

from mien.errors import MediaError
from mien.media.demuxing import open_camera, open_stream
from mien.media.videos import VideoFrame
from mien.structures import FrameResult

__all__ = ["LiveSource", "cameras", "is_live"]

_CAMERA = "camera:"
_STREAMS = ("rtsp://", "rtsps://", "http://", "https://")
_PLATFORMS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
_TIMEOUT_S = 5.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 8.0
_POLL_S = 0.25

_MICROSECONDS = 1_000_000
"""FFmpeg's unit of a container's times, in a second."""

_NEAR_THE_END_S = 2.0
"""A connection that ends so near to a video's end ends with it."""

_MOST_DAMAGED = 100
"""After so many packets in a row that cannot be decoded a stream is opened anew."""


def is_live(source: str) -> bool:
    """Say whether a source is a camera (`camera:0`) or a stream (`rtsp://`, `http://`)."""
    return source.startswith((_CAMERA, *_STREAMS))


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


class LiveSource:
    """A camera or stream whose newest frame is there when it is asked for.

    A video that is served at an `http://` address plays at its own pace and ends.

    Args:
        source: `camera:N` for the Nth camera, or an address.
        give_up_s: How long to try to get a source back that went away; None tries for ever.
        on_gap: Called with a sentence when the source goes away, and with an empty one when it is
            back.

    Attributes:
        began_s: When the first frame came, by `time.monotonic`.
        gap: How long the source was away before the frame that came last, and why; empty if it
            was not.
    """

    def __init__(
        self,
        source: str,
        *,
        give_up_s: float | None = 30.0,
        on_gap: Callable[[str], None] | None = None,
    ) -> None:
        self.source = source
        self.give_up_s = give_up_s
        self.gap = ""
        self.began_s = 0.0
        self._on_gap = on_gap or (lambda _: None)
        self._newest: tuple[Any, int, float] | None = None
        self._arrived = 0
        self._length_s: float | None = None
        self._shown_s = 0.0
        self._lost: tuple[float, str] | None = None
        self._gap_before = ""
        self._failure: MediaError | None = None
        self._ended = False
        self._changed = threading.Condition()
        self._stop = threading.Event()

    def frames(self, *, per_second: float | None = None) -> Generator[VideoFrame, None, None]:
        """Yield the newest frame again and again; those that nobody waited for are dropped.

        Times are seconds since the first frame by this machine's clock, so that a gap shows; the
        frames' numbers count those that were dropped, too.

        Args:
            per_second: Give at most so many frames a second; None gives what there is.

        Raises:
            MediaError: The source cannot be opened, or did not come back in time.
        """
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        due_s = 0.0
        try:
            while (taken := self._take()) is not None:
                decoded, number, at_s = taken
                self.began_s = self.began_s or at_s
                passed_s = at_s - self.began_s
                if per_second is not None and not self.gap:
                    if passed_s < due_s:
                        continue
                    due_s = max(due_s + 1 / per_second, passed_s)
                yield VideoFrame.of(self.source, number, passed_s, decoded)
        finally:
            self._stop.set()
            reader.join(_TIMEOUT_S)

    def gap_before(self, frame: VideoFrame) -> FrameResult | None:
        """Return the gap before the newest frame as a result with `error`, if there was one."""
        if not self.gap:
            return None
        return FrameResult(
            source=self.source, frame=frame.frame, timestamp_s=frame.timestamp_s, error=self.gap
        )

    def _take(self) -> tuple[Any, int, float] | None:
        """Wait for the next frame; None at the end of a video."""
        with self._changed:
            while self._newest is None and self._failure is None and not self._ended:
                self._changed.wait(_POLL_S)
            taken, self._newest = self._newest, None
            if taken is None and self._failure is not None:
                raise self._failure
            self.gap, self._gap_before = self._gap_before, ""
            return taken

    def _read(self) -> None:
        """Read until told to stop; after a failure wait, longer each time, and try again."""
        import av

        wait_s, seen_s = _FIRST_WAIT_S, time.monotonic()
        while not self._stop.is_set():
            try:
                with contextlib.closing(self._open()) as container:
                    for decoded in self._decoded(container):
                        self._show(decoded)
                        wait_s, seen_s = _FIRST_WAIT_S, time.monotonic()
                error: Exception = OSError("it ended" if self._arrived else "it sent no frame")
            except (av.FFmpegError, OSError, ValueError, IndexError) as raised:
                error = raised
            if self._stop.is_set():
                return
            if self._arrived and self._over:
                self._end()
                return
            away_s = time.monotonic() - seen_s
            if not self._arrived or (self.give_up_s is not None and away_s > self.give_up_s):
                self._fail(error)
                return
            self._lost = self._lost or (seen_s, _reason(error))
            self._on_gap(f"{self.source} went away ({_reason(error)}); trying to get it back")
            self._stop.wait(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _decoded(self, container: Any) -> Iterator[Any]:
        """Decode what comes, without what is damaged; a video keeps its own pace."""
        import av

        self._length_s, self._shown_s = _length_s(container), 0.0
        begin_s, first_s, damaged = time.monotonic(), None, 0
        for packet in container.demux(video=0):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                damaged += 1
                if damaged > _MOST_DAMAGED:
                    raise
                continue
            for decoded in frames:
                damaged = 0
                if self._length_s is not None and decoded.time is not None:
                    if first_s is None:
                        # A video's clock need not begin at 0; Matroska counts its length from 0.
                        first_s = decoded.time
                        if "matroska" in container.format.name:
                            self._length_s -= first_s
                    self._shown_s = decoded.time - first_s
                    self._stop.wait(max(0.0, begin_s + self._shown_s - time.monotonic()))
                if self._stop.is_set():
                    return
                yield decoded

    @property
    def _over(self) -> bool:
        """Say whether a video has come to its end, rather than its connection."""
        return self._length_s is not None and self._length_s - self._shown_s < _NEAR_THE_END_S

    def _show(self, decoded: Any) -> None:
        now = time.monotonic()
        back = self._lost is not None or not self._arrived
        with self._changed:
            if self._lost is not None:
                since_s, reason = self._lost
                self._gap_before, self._lost = f"away for {now - since_s:.1f} s: {reason}", None
            self._newest = (decoded, self._arrived, now)
            self._arrived += 1
            self._changed.notify()
        if back:
            self._on_gap("")

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _fail(self, error: Exception) -> None:
        what = "did not come back" if self._arrived else "cannot be opened"
        found = ", ".join(cameras()) or "none"
        hint = f"Cameras here: {found}" if self.source.startswith(_CAMERA) else "Check the address"
        if getattr(error, "errno", None) == errno.EBUSY:
            hint = "Close the program that uses it"
        with self._changed:
            self._failure = MediaError(self.source, f"{what}: {_reason(error)}. {hint}")
            self._changed.notify()

    def _open(self) -> Any:
        if not self.source.startswith(_CAMERA):
            return open_stream(self.source, timeout_s=_TIMEOUT_S)
        name = self.source.removeprefix(_CAMERA)
        if not name.isdecimal():
            raise ValueError(f"expected camera: and a number, found {self.source!r}")
        platform, options = _platform(), dict[str, str]()
        if platform == "v4l2":
            name = f"/dev/video{name}"
        elif platform == "dshow":
            known = cameras()
            if int(name) >= len(known):
                raise OSError(f"there are {len(known)} cameras")
            name = f"video={known[int(name)]}"
        else:
            options["framerate"] = "30"
        return open_camera(name, platform=platform, options=options)


def _length_s(container: Any) -> float | None:
    """Return how long a video at an address is; None of what has no end."""
    length = getattr(container, "duration", None)
    return None if length is None else float(length) / _MICROSECONDS


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
