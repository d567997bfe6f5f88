"""The window itself: it shows the newest frame and handles keys."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from pathlib import Path
from typing import Any

from mien.errors import MienError, MissingExtraError
from mien.live.canvas import View, render
from mien.live.feed import Feed, LiveFrame
from mien.live.recording import Recording, save_snapshot
from mien.media import is_camera
from mien.options import SmoothingOptions

__all__ = ["KEYS", "run_window"]

KEYS = {
    "space": "pause",
    "s": "snapshot",
    "r": "record video and rows",
    "m": "mirror",
    "f": "full screen",
    "t": "smoothing on or off",
    "n": "this is my neutral face",
    "h": "this help",
    "q": "quit",
}
"""The window's keys and what they do."""

_FIRST_SIZE = (1280, 720)
_MESSAGE_MS = 2500
_TICKS_PER_S = 60
_MAX_LATENCIES = 1000


def run_window(
    feed: Feed,
    *,
    mirror: bool | None = None,
    out: Path = Path(),
    smoothing: SmoothingOptions | None = None,
) -> list[float]:
    """Show a feed until the window is closed or the source is over.

    Args:
        feed: A feed that has been started.
        mirror: Whether the image is mirrored, as people expect of an image of themselves; None
            mirrors cameras, and neither videos nor streams.
        out: The folder of snapshots and recordings.
        smoothing: What the key `t` switches on and off.

    Returns:
        For each of the last thousand frames the milliseconds from its arrival until it was on the
        screen.

    Raises:
        MissingExtraError: pygame-ce is not installed.
        MediaError: The source failed for good.
    """
    try:
        import pygame
    except ImportError as error:
        raise MissingExtraError("the live window", "live") from error
    pygame.display.init()
    pygame.display.set_caption(f"mien · {feed.source}")
    screen = pygame.display.set_mode(_FIRST_SIZE, pygame.RESIZABLE)
    mirror = is_camera(feed.source) if mirror is None else mirror
    window = _Window(pygame, screen, feed, mirror=mirror, out=out, smoothing=smoothing)
    clock = pygame.time.Clock()
    try:
        while window.running:
            for event in pygame.event.get():
                window.handle(event)
            if not window.update():
                clock.tick(_TICKS_PER_S)
            window.draw()
            pygame.display.flip()
            window.note_latency()
    except KeyboardInterrupt:
        pass
    finally:
        try:
            window.stop_recording()
        finally:
            pygame.quit()
    if feed.failure is not None and window.shown is None:
        raise feed.failure
    return list(window.latencies_ms)


class _Window:
    """State and drawing of the window."""

    def __init__(
        self,
        pygame: Any,
        screen: Any,
        feed: Feed,
        *,
        mirror: bool,
        out: Path,
        smoothing: SmoothingOptions | None,
    ) -> None:
        self._pygame, self._screen, self._feed = pygame, screen, feed
        self._mirror, self._out = mirror, out
        self._smoothing = smoothing or SmoothingOptions()
        self._smooth = self._smoothing.time_constant_s > 0
        self._paused = self._help = False
        self._recording: Recording | None = None
        self._message, self._message_until = "h  help", pygame.time.get_ticks() + _MESSAGE_MS
        self._drawn: View | None = None
        self._measured: LiveFrame | None = None
        self.latencies_ms: deque[float] = deque(maxlen=_MAX_LATENCIES)
        self.shown: LiveFrame | None = None
        self.running = True

    def handle(self, event: Any) -> None:
        """React to a key or to the window's own buttons."""
        pygame = self._pygame
        if event.type == pygame.QUIT:
            self.running = False
        elif event.type == pygame.KEYDOWN:
            name = pygame.key.name(event.key)
            try:
                self._press("q" if name == "escape" else name)
            except MienError as error:
                self._show_message(str(error))

    def _press(self, key: str) -> None:
        if key == "q":
            self.running = False
        elif key == "space":
            self._paused = not self._paused
        elif key == "s" and self.shown is not None:
            self._show_message(f"saved {save_snapshot(self.shown, self._out).name}")
        elif key == "r":
            self._toggle_recording()
        elif key == "m":
            self._mirror = not self._mirror
        elif key == "f":
            self._pygame.display.toggle_fullscreen()
        elif key == "t":
            self._smooth = not self._smooth
            seconds = self._smoothing.time_constant_s or 0.4
            chosen = seconds if self._smooth else 0.0
            self._feed.smooth(dataclasses.replace(self._smoothing, time_constant_s=chosen))
            self._show_message("smoothing on" if self._smooth else "smoothing off")
        elif key == "n":
            self._feed.set_neutral()
            self._show_message("noted: the largest face is neutral")
        elif key == "h":
            self._help = not self._help

    def _toggle_recording(self) -> None:
        if self._recording is not None:
            self.stop_recording()
        elif self.shown is not None:
            self._recording = Recording(self._out, self.shown)
            self._show_message("recording")

    def stop_recording(self) -> None:
        """Finish the recording, if there is one."""
        if self._recording is not None:
            recording, self._recording = self._recording, None
            recording.close()
            self._show_message(f"saved {recording.path.name}")

    def update(self) -> bool:
        """Take the newest frame and record it; wait a moment for one, unless paused.

        Returns:
            Whether it waits for frames; if not, the caller has to.
        """
        waits = not (self._paused or self._feed.over)
        newest = self._feed.newest(after=self.shown, wait_s=1 / _TICKS_PER_S if waits else 0.0)
        if newest is not None and not self._paused:
            self.shown = newest
            self._record(newest)
        if self._feed.over and self.shown is None:
            self.running = False
        return waits

    def _record(self, newest: LiveFrame) -> None:
        gaps, recording = self._feed.gaps, self._recording
        try:
            while gaps:
                gap = gaps.popleft()
                if recording is not None:
                    recording.write_gap(gap)
            if recording is not None:
                recording.write(newest)
        except MienError as error:
            self._recording = None
            if recording is not None:
                recording.abandon()
            self._show_message(str(error))

    def note_latency(self) -> None:
        """Note the latency of the frame that is on the screen now."""
        if self.shown is not None and self.shown is not self._measured:
            self._measured = self.shown
            self.latencies_ms.append(1000 * (time.monotonic() - self.shown.captured_s))

    def draw(self) -> None:
        """Draw everything, if anything has changed."""
        view = self._view()
        if view != self._drawn:
            canvas = render(view)
            image = self._pygame.image.frombuffer(canvas.tobytes(), canvas.size, "RGB")
            self._screen.blit(image, (0, 0))
            self._drawn = view

    def _view(self) -> View:
        problem = self._feed.message
        if self._feed.failure is not None:
            problem = str(self._feed.failure)
        elif not problem and self.shown is None:
            problem = f"waiting for {self._feed.source}"
        fresh = self._pygame.time.get_ticks() < self._message_until
        return View(
            size_wh=self._screen.get_size(),
            shown=self.shown,
            mirror=self._mirror,
            status=self._status(),
            recording=self._recording is not None,
            message=self._message if fresh else "",
            problem=problem,
            keys=tuple(KEYS.items()) if self._help else (),
        )

    def _status(self) -> tuple[str, ...]:
        if self.shown is None:
            return ()
        states = ("paused" if self._paused else "", "" if self._smooth else "not smoothed")
        rate = f"{self.shown.frames_per_second:.0f} fps"
        return (rate, f"{self._latency_ms():.0f} ms", *filter(None, states))

    def _latency_ms(self) -> float:
        """Return the median of the last second, which is steadier than the newest value."""
        recent = sorted(list(self.latencies_ms)[-_TICKS_PER_S:])
        return recent[len(recent) // 2] if recent else 0.0

    def _show_message(self, message: str) -> None:
        self._message = message
        self._message_until = self._pygame.time.get_ticks() + _MESSAGE_MS
