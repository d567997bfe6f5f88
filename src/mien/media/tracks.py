"""Choosing the track of a container that holds its video, and not its cover."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.container import InputContainer

__all__ = ["TrackError", "pixel_aspect", "read_packets", "video_packets"]

_PROBED_PACKETS = 1000
"""Packets in which a second image of a track is looked for; in most files the first few have it."""


_MAX_PIXEL_ASPECT = 4.0
"""A pixel aspect ratio beyond this is taken for an error in the file, and pixels for square."""


class TrackError(ValueError):
    """A container holds no track that can be read as a video; the message says why."""


def read_packets(container: InputContainer) -> Iterator[Any]:
    """Read the packets of all tracks, and at the end an empty one of each.

    Tracks that begin later, as containers without a header allow, are left out: PyAV does not know
    them, and raises IndexError for them when all others are read.
    """
    with contextlib.suppress(IndexError):
        yield from container.demux()


def video_packets(container: InputContainer) -> tuple[Any, Iterator[Any]]:
    """Choose the video track of a container.

    Attached images (covers, thumbnails) are no videos. Of several tracks the one that is marked as
    the default counts, else the first, and one with a single image only if no other has more.

    Args:
        container: Open for reading, at its beginning.

    Returns:
        The track, and the packets of all tracks from the beginning on.

    Raises:
        TrackError: There is no such track, or none that can be decoded.
    """
    from av.stream import Disposition

    pictures = Disposition.attached_pic | Disposition.timed_thumbnails
    videos = [track for track in container.streams.video if not track.disposition & pictures]
    if not videos:
        if container.streams.video:
            raise TrackError("has no video track, only a cover image. Give a video")
        raise TrackError("has no video track. Give a video")
    tracks = [track for track in videos if track.codec_context is not None]
    if not tracks:
        raise TrackError("its video codec is not known. Convert it to H.264, for example")
    tracks.sort(key=lambda track: not track.disposition & Disposition.default)
    packets = read_packets(container)
    if len(tracks) == 1:
        return tracks[0], packets
    probed: list[Any] = []
    counts: Counter[int] = Counter()
    for packet in itertools.islice(packets, _PROBED_PACKETS):
        probed.append(packet)
        counts[packet.stream.index] += packet.size > 0
        if counts[tracks[0].index] > 1:
            break
    moving = [track for track in tracks if counts[track.index] > 1]
    return (moving or tracks)[0], itertools.chain(probed, packets)


def pixel_aspect(track: Any) -> float:
    """Return how wide the pixels of a video track are, in heights."""
    aspect = float(track.sample_aspect_ratio or 1)
    return aspect if 1 / _MAX_PIXEL_ASPECT <= aspect <= _MAX_PIXEL_ASPECT else 1.0
