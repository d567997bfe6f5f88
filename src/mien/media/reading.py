"""Whether a video was read whole: its contents against what it declares, and gaps in them."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.container import InputContainer

__all__ = ["MICROSECONDS", "Reading", "declared_duration_s", "is_endless"]

MICROSECONDS = 1_000_000
"""FFmpeg's unit of a container's times, in a second."""

_DECLARE_DURATION = frozenset(("avi", "flv", "matroska", "mov", "mp4", "ogg", "webm"))
"""Containers that declare their duration; for others FFmpeg estimates it."""

_ENDLESS_FORMATS = frozenset(("hls", "mpjpeg"))
"""Streams, whatever length the server says that they have."""

_MISSING_TOLERANCE_S, _MISSING_TOLERANCE_SHARE = 0.25, 0.03
"""A video is cut off if more is missing than both: declared durations are often a little wrong."""

_GAP_FRAMES = 2.5
"""Frames that are farther apart than this many intervals have a gap between them."""

_MIN_LOST_BYTES = 1000
"""Bytes in a row that belong to no packet: in intact files fewer are headers and padding."""

_LOST_SHARE = 0.5
"""Share of the bytes of a gap's time that has to be lost for damage: frames of a video may be far
apart without one, but then nothing lies between them."""

_LOST_PACKETS = 3
"""Packets of the video before a gap among which its lost bytes are: the last ones before it may be
completed only after it."""

_RESTART_S = 0.5
"""Times that go back by more than this start a new recording; by less they are inexact."""

_NAMED_GAPS = 2


def declared_duration_s(container: InputContainer, track: Any) -> float | None:
    """Return how long a video says that it is, in seconds; None if it does not say.

    For some containers it is an estimate; an AVI without its index still declares its frames.
    """
    duration = getattr(container, "duration", None)
    duration_s = float(duration) / MICROSECONDS if duration else None
    if container.format.name == "avi" and track.frames and track.time_base:
        return max(duration_s or 0.0, float(track.frames * track.time_base))
    return duration_s


def is_endless(container: InputContainer) -> bool:
    """Return whether a container is a stream by its format, whatever length it seems to have."""
    return container.format.name in _ENDLESS_FORMATS


@dataclasses.dataclass(frozen=True, slots=True)
class _Span:
    begin_s: float
    end_s: float

    def meets(self, other: _Span) -> bool:
        return self.begin_s <= other.end_s and other.begin_s <= self.end_s

    def name(self, zero_s: float) -> str:
        """Return it in words, in seconds since a time."""
        begin, end = f"{self.begin_s - zero_s:.1f}", f"{self.end_s - zero_s:.1f}"
        return f"around {begin} s" if begin == end else f"from {begin} to {end} s"


class Reading:
    """What reading a container has found so far.

    Where there is no end, gaps are not kept: nothing would ask for them, and they would fill the
    memory.

    Args:
        container: Open for reading.
        track: Its video track.

    Attributes:
        duration_s: As declared by the container, or estimated; None if unknown.
        ends: Whether the container says that it ends, by its length in seconds or in bytes.
        restarts: How often the times of the video began anew, as in recordings that were joined.
        end_s: Where the contents of all tracks end, in seconds from the beginning.
    """

    def __init__(self, container: InputContainer, track: Any) -> None:
        self.end_s = 0.0
        self._track = track
        names = set(container.format.name.split(","))
        self.duration_s = declared_duration_s(container, track)
        self._is_declared = bool(names & _DECLARE_DURATION)
        # Matroska counts its length from 0, wherever its contents begin.
        starts_at_zero = "matroska" in names or not container.start_time
        self._start_s = 0.0 if starts_at_zero else (container.start_time or 0) / MICROSECONDS
        rate = track.average_rate
        self._frame_s = 1 / float(rate) if rate else 0.04
        self._size = max(0, container.size)
        self.ends = self.duration_s is not None or (self._size > 0 and not is_endless(container))
        self._longest_s = self._frame_s
        self._covered = self._frame_count = self.restarts = 0
        self._lost_bytes: deque[int] = deque([0], maxlen=_LOST_PACKETS)
        self._last_packet_s: float | None = None
        self._first_frame_s: float | None = None
        self._last_frame_s: float | None = None
        self._damage: str | None = None
        self._suspect: list[_Span] = []
        self._gaps: list[_Span] = []

    def add_packet(self, packet: Any) -> None:
        """Take the next packet of any track."""
        if packet.pos is not None and packet.pos >= 0:
            if self._covered and packet.pos - self._covered >= _MIN_LOST_BYTES:
                self._lost_bytes[-1] += packet.pos - self._covered
            # Several packets that lie in one of the container's share its place.
            self._covered = max(self._covered, packet.pos) + packet.size
        if packet.time_base is None or packet.pts is None:
            return
        begin_s = float(packet.pts * packet.time_base) - self._start_s
        is_video = packet.stream is self._track
        duration_s = float((packet.duration or 0) * packet.time_base)
        self.end_s = max(self.end_s, begin_s + (duration_s or self._frame_s * is_video))
        if is_video:
            ticks = packet.pts if packet.dts is None else packet.dts
            self._add_time(float(ticks * packet.time_base) - self._start_s, duration_s)

    def _add_time(self, time_s: float, duration_s: float) -> None:
        """Compare a packet of the video with the one before it."""
        last_s, self._last_packet_s = self._last_packet_s, time_s
        lost_bytes = sum(self._lost_bytes)
        self._lost_bytes.append(0)
        if last_s is None:
            return
        if time_s < last_s - _RESTART_S:
            self.restarts += 1
        apart_s = time_s - last_s
        if apart_s > _GAP_FRAMES * self._frame_s and self._are_lost(lost_bytes, apart_s):
            self._keep(self._suspect, _Span(last_s, time_s))
            self._lost_bytes.clear()
            self._lost_bytes.append(0)
        else:
            self._longest_s = max(self._longest_s, apart_s, duration_s)

    def _are_lost(self, lost_bytes: int, apart_s: float) -> bool:
        """Return whether so many bytes without a packet are what a time would hold."""
        per_s = self._size / max(self.duration_s or 0.0, self.end_s, self._frame_s)
        return lost_bytes > _LOST_SHARE * per_s * apart_s

    def add_frame(self, frame: Any) -> None:
        """Take the next decoded frame."""
        if frame.is_corrupt and self._frame_count:
            self.add_error(f"parts of frame {self._frame_count} are lost", frame)
        self._frame_count += 1
        if frame.time is None:
            return
        last_s, self._last_frame_s = self._last_frame_s, frame.time - self._start_s
        if self._first_frame_s is None:
            self._first_frame_s = self._last_frame_s
        if last_s is not None and self._last_frame_s - last_s > _GAP_FRAMES * self._frame_s:
            self._keep(self._gaps, _Span(last_s + self._frame_s, self._last_frame_s))

    def add_error(self, reason: str, where: Any = None) -> None:
        """Note that something cannot be read or decoded; the first reason is told.

        Args:
            reason: What is wrong.
            where: The packet or frame, if it is known.
        """
        if self._damage is None:
            self._damage = f"after {self._frame_count} frames, {reason}"
        if where is not None and where.pts is not None and where.time_base is not None:
            time_s = float(where.pts * where.time_base) - self._start_s
            self._keep(self._suspect, _Span(time_s, time_s))

    def _keep(self, spans: list[_Span], span: _Span) -> None:
        if self.ends:
            spans.append(span)

    @property
    def fault(self) -> str | None:
        """What is damaged or missing, once everything was read; None for an intact video."""
        gaps = _merged(
            gap for gap in self._gaps if any(gap.meets(each) for each in self._suspect)
        ) or _merged(each for each in self._suspect if each.end_s > each.begin_s)
        parts = [self._damage] if self._damage is not None else []
        if gaps:
            first_s = self._first_frame_s or 0.0
            named = [gap.name(first_s) for gap in gaps[:_NAMED_GAPS]]
            more = [f"{len(gaps) - len(named)} more times"] if len(gaps) > len(named) else []
            parts.append(f"no images {', '.join(named + more)}")
        if self._is_declared and self.ends_early:
            parts.append(f"ends after {self.end_s:.1f} of {self.duration_s:.1f} seconds")
            if len(parts) == 1:
                return f"cut off: {parts[0]}"
        return f"damaged: {'; '.join(parts)}" if parts else None

    @property
    def ends_early(self) -> bool:
        """Whether the contents of all tracks end well before the duration; False if unknown."""
        if self.duration_s is None:
            return False
        return self.duration_s - self.end_s > max(
            _MISSING_TOLERANCE_S,
            _MISSING_TOLERANCE_SHARE * self.duration_s,
            _GAP_FRAMES * self._longest_s,
        )


def _merged(spans: Iterable[_Span]) -> list[_Span]:
    """Return spans in their order, and those that meet as one: some images come out late."""
    merged: list[_Span] = []
    for span in sorted(spans, key=lambda each: each.begin_s):
        if merged and merged[-1].meets(span):
            last = merged.pop()
            span = _Span(last.begin_s, max(last.end_s, span.end_s))
        merged.append(span)
    return merged
