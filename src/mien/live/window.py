"""The window itself: the newest frame, and keys."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mien.errors import MienError, MissingExtraError
from mien.inference import SmoothingOptions
from mien.live.feed import Feed, Shown
from mien.live.recording import Recording, save_snapshot
from mien.media import draw_result
from mien.structures import FacePrediction, FrameResult

__all__ = ["KEYS", "run_window"]

KEYS = {
    "space": "pause",
    "s": "snapshot",
    "r": "record film and rows",
    "m": "mirror",
    "f": "full screen",
    "t": "smoothing on or off",
    "h": "this help",
    "q": "quit",
}
"""The window's keys and what they do."""

_FIRST_SIZE = (1280, 720)
_BACKGROUND = (17, 20, 26)
_PANEL = (17, 20, 26, 215)
_INK = (240, 242, 245)
_QUIET = (160, 168, 178)
_RED = (226, 62, 62)
_TOAST_MS = 2500
_TICKS_PER_S = 60
_KEPT_TEXTS = 200
_KEPT_LATENCIES = 1000


def run_window(
    feed: Feed,
    *,
    mirror: bool = True,
    out: Path = Path(),
    smoothing: SmoothingOptions | None = None,
) -> list[float]:
    """Show a feed until the window is closed or the source is over.

    Args:
        feed: A feed that has been started.
        mirror: Whether the picture is shown as in a mirror, as people expect of themselves.
        out: Where snapshots and recordings go.
        smoothing: What the key `t` switches on and off.

    Returns:
        For each of the last thousand frames the milliseconds from its being there to its being on
        the screen.

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
            window.has_flipped()
    except KeyboardInterrupt:
        pass
    finally:
        window.stop_recording()
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
        self._toast, self._toast_until = "h  help", pygame.time.get_ticks() + _TOAST_MS
        self._texts: dict[tuple[str, int, tuple[int, int, int]], Any] = {}
        self._picture_of: tuple[Shown, tuple[int, int], bool] | None = None
        self._surface: Any = None
        self._flipped: Shown | None = None
        self.latencies_ms: deque[float] = deque(maxlen=_KEPT_LATENCIES)
        self.shown: Shown | None = None
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
                self._say(str(error))

    def _press(self, key: str) -> None:
        if key == "q":
            self.running = False
        elif key == "space":
            self._paused = not self._paused
        elif key == "s" and self.shown is not None:
            self._say(f"saved {save_snapshot(self.shown, self._out).name}")
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
            self._say("smoothing on" if self._smooth else "smoothing off")
        elif key == "h":
            self._help = not self._help

    def _toggle_recording(self) -> None:
        if self._recording is not None:
            self.stop_recording()
        elif self.shown is not None:
            self._recording = Recording(self._out, self.shown)
            self._say("recording")

    def stop_recording(self) -> None:
        """Finish the recording, if there is one."""
        if self._recording is not None:
            recording, self._recording = self._recording, None
            recording.close()
            self._say(f"saved {recording.path.name}")

    def update(self) -> bool:
        """Take the newest frame, and record it; wait for it a moment, unless paused.

        Returns:
            Whether it waited if there was nothing new; else the caller has to.
        """
        waits = not (self._paused or self._feed.over)
        newest = self._feed.newest(after=self.shown, wait_s=1 / _TICKS_PER_S if waits else 0.0)
        if newest is not None and not self._paused:
            self.shown = newest
            self._record(newest)
        if self._feed.over and self.shown is None:
            self.running = False
        return waits

    def _record(self, newest: Shown) -> None:
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
            self._say(str(error))

    def has_flipped(self) -> None:
        """Note how long the frame that is on the screen now took to get there."""
        if self.shown is not None and self.shown is not self._flipped:
            self._flipped = self.shown
            self.latencies_ms.append(1000 * (time.monotonic() - self.shown.there_s))

    def draw(self) -> None:
        """Draw everything."""
        self._screen.fill(_BACKGROUND)
        if self.shown is None:
            self._centred(self._feed.message or f"waiting for {self._feed.source}")
        else:
            self._picture(self.shown)
            self._status(self.shown)
        if self._help:
            self._help_panel()
        notice = self._feed.message
        if self._feed.failure is not None:
            notice = str(self._feed.failure)
        if not notice and self._pygame.time.get_ticks() < self._toast_until:
            notice = self._toast
        if notice and self.shown is not None:
            self._banner(notice)

    def _picture(self, shown: Shown) -> None:
        """Fit the frame into the window, and draw the results at the window's sharpness."""
        width, height = self._screen.get_size()
        picture_of = (shown, (width, height), self._mirror)
        if picture_of != self._picture_of:
            self._picture_of, self._surface = picture_of, self._drawn(shown, width, height)
        left = (width - self._surface.get_width()) // 2
        self._screen.blit(self._surface, (left, (height - self._surface.get_height()) // 2))

    def _drawn(self, shown: Shown, width: int, height: int) -> Any:
        rows, columns = shown.frame_rgb.shape[:2]
        scale = min(width / columns, height / rows)
        size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
        picture = Image.fromarray(shown.frame_rgb).resize(size, Image.Resampling.BILINEAR)
        if self._mirror:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        result = _placed(shown.result, scale, size[0] if self._mirror else None)
        drawn = draw_result(np.asarray(picture), result)
        return self._pygame.image.frombuffer(drawn.tobytes(), drawn.size, "RGB")

    def _latency_ms(self) -> float:
        """Return the median of late, which a person can read, unlike the newest."""
        lately = sorted(list(self.latencies_ms)[-_TICKS_PER_S:])
        return lately[len(lately) // 2] if lately else 0.0

    def _status(self, shown: Shown) -> None:
        parts = [f"{shown.frames_per_second:.0f} fps", f"{self._latency_ms():.0f} ms"]
        if self._paused:
            parts.append("paused")
        if not self._smooth:
            parts.append("not smoothed")
        text = self._text("   ".join(parts), 15, _INK)
        width = text.get_width() + (44 if self._recording else 24)
        panel = self._panel(width, 30)
        if self._recording is not None:
            self._pygame.draw.circle(panel, _RED, (18, 15), 6)
        panel.blit(text, (width - text.get_width() - 12, 15 - text.get_height() // 2))
        self._screen.blit(panel, (16, self._screen.get_height() - 46))

    def _help_panel(self) -> None:
        panel = self._panel(330, 34 + 30 * len(KEYS))
        for row, (key, meaning) in enumerate(KEYS.items()):
            y = 18 + 30 * row
            panel.blit(self._text(key, 16, _INK), (24, y))
            panel.blit(self._text(meaning, 16, _QUIET), (110, y))
        self._screen.blit(panel, (16, 16))

    def _banner(self, message: str) -> None:
        text = self._text(message, 15, _INK)
        width = min(text.get_width() + 32, self._screen.get_width() - 32)
        panel = self._panel(width, 34)
        panel.blit(text, (16, 17 - text.get_height() // 2))
        self._screen.blit(panel, ((self._screen.get_width() - width) // 2, 16))

    def _centred(self, message: str) -> None:
        text = self._text(message, 18, _QUIET)
        place = text.get_rect(center=self._screen.get_rect().center)
        self._screen.blit(text, place)

    def _panel(self, width: int, height: int) -> Any:
        panel = self._pygame.Surface((width, height), self._pygame.SRCALPHA)
        self._pygame.draw.rect(panel, _PANEL, panel.get_rect(), border_radius=10)
        return panel

    def _say(self, message: str) -> None:
        self._toast = message
        self._toast_until = self._pygame.time.get_ticks() + _TOAST_MS

    def _text(self, message: str, size: int, colour: tuple[int, int, int]) -> Any:
        """Render text in the typeface of the labels in the picture."""
        key = (message, size, colour)
        if key not in self._texts:
            if len(self._texts) > _KEPT_TEXTS:
                self._texts.clear()
            font = ImageFont.load_default(size)
            left, _, right, _ = font.getbbox(message or " ")
            picture = Image.new("RGBA", (round(right - left) + 2, round(1.5 * size)), (*colour, 0))
            middle = picture.height / 2
            ImageDraw.Draw(picture).text((1, middle), message, (*colour, 255), font, anchor="lm")
            self._texts[key] = self._pygame.image.frombuffer(
                picture.tobytes(), picture.size, "RGBA"
            )
        return self._texts[key]


def _placed(result: FrameResult, scale: float, mirrored_width: int | None) -> FrameResult:
    """Bring a result into the window's pixels."""

    def x(value: float) -> float:
        return scale * value if mirrored_width is None else mirrored_width - scale * value

    def face(each: FacePrediction) -> FacePrediction:
        left, top, right, bottom = each.box_xyxy
        ends = sorted((x(left), x(right)))
        return dataclasses.replace(
            each,
            box_xyxy=(ends[0], scale * top, ends[1], scale * bottom),
            landmarks_xy=tuple((x(a), scale * b) for a, b in each.landmarks_xy),
        )

    return dataclasses.replace(result, faces=tuple(face(each) for each in result.faces))
