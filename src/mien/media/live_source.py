"""Cameras and streams: always the newest frame, and another try when they go away."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

from mien.errors import MediaError
from mien.media.films import FilmFrame

__all__ = ["LiveSource", "cameras", "is_live"]

_CAMERA = "camera:"
_STREAMS = ("rtsp://", "rtsps://", "http://", "https://")
_PLATFORMS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
_TIMEOUT_S = 5.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 8.0
_POLL_S = 0.25


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
    return [device.description or device.name for device in devices if _shows_pictures(device)]


def _shows_pictures(device: Any) -> bool:
    kinds = getattr(device, "media_types", None)
    return not kinds or "video" in kinds


def _platform() -> str:
    return _PLATFORMS.get(sys.platform, "v4l2")


class LiveSource:
    """A camera or stream whose newest frame is there when it is asked for.

    Args:
        source: `camera:N` for the Nth camera, or an address.
        give_up_s: How long to try to get a source back that went away; None tries for ever.
        on_gap: Called with a sentence when the source goes away, and with an empty one when it is
            back.
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
        self._on_gap = on_gap or (lambda _: None)
        self._newest: tuple[Any, float] | None = None
        self._failure: MediaError | None = None
        self._changed = threading.Condition()
        self._stop = threading.Event()

    def frames(self) -> Generator[FilmFrame, None, None]:
        """Yield the newest frame again and again; those that nobody waited for are dropped.

        Times are seconds since the first frame by this machine's clock, so that a gap shows.

        Raises:
            MediaError: The source cannot be opened, or did not come back in time.
        """
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        first_s: float | None = None
        number = 0
        try:
            while True:
                with self._changed:
                    while self._newest is None and self._failure is None:
                        self._changed.wait(_POLL_S)
                    if self._newest is None:
                        if self._failure is not None:
                            raise self._failure
                        continue
                    (decoded, at_s), self._newest = self._newest, None
                first_s = at_s if first_s is None else first_s
                yield FilmFrame.of(self.source, number, at_s - first_s, decoded)
                number += 1
        finally:
            self._stop.set()
            reader.join(_TIMEOUT_S)

    def _read(self) -> None:
        """Read until told to stop; after a failure wait, longer each time, and try again."""
        import av

        wait_s, lost_s, ever = _FIRST_WAIT_S, time.monotonic(), False
        while not self._stop.is_set():
            try:
                with contextlib.closing(self._open()) as container:
                    for decoded in container.decode(video=0):
                        if self._stop.is_set():
                            return
                        if not ever or wait_s > _FIRST_WAIT_S:
                            self._on_gap("")
                        ever, wait_s, lost_s = True, _FIRST_WAIT_S, time.monotonic()
                        self._show(decoded)
                reason = "it ended"
            except (av.FFmpegError, OSError, ValueError, IndexError) as error:
                reason = str(getattr(error, "strerror", None) or error)
            away_s = time.monotonic() - lost_s
            if not ever or (self.give_up_s is not None and away_s > self.give_up_s):
                self._fail(reason, ever=ever)
                return
            self._on_gap(f"{self.source} went away ({reason}); trying to get it back")
            self._stop.wait(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _show(self, decoded: Any) -> None:
        with self._changed:
            self._newest = (decoded, time.monotonic())
            self._changed.notify()

    def _fail(self, reason: str, *, ever: bool) -> None:
        what = "did not come back" if ever else "cannot be opened"
        found = ", ".join(cameras()) or "none"
        hint = f"cameras here: {found}" if self.source.startswith(_CAMERA) else "check the address"
        with self._changed:
            self._failure = MediaError(self.source, f"{what}: {reason}. {hint}")
            self._changed.notify()

    def _open(self) -> Any:
        import av

        if not self.source.startswith(_CAMERA):
            options = {"rtsp_transport": "tcp"} if self.source.startswith("rtsp") else {}
            return av.open(self.source, options=options, timeout=_TIMEOUT_S)
        name = self.source.removeprefix(_CAMERA)
        if not name.isdecimal():
            raise ValueError(f"expected camera: and a number, found {self.source!r}")
        platform = _platform()
        if platform == "v4l2":
            return av.open(f"/dev/video{name}", format=platform)
        if platform == "dshow":
            known = cameras()
            if int(name) >= len(known):
                raise OSError(f"there are {len(known)} cameras")
            return av.open(f"video={known[int(name)]}", format=platform)
        return av.open(name, format=platform, options={"framerate": "30"})
