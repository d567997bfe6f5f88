"""Telling videos by how their files begin."""

from __future__ import annotations

__all__ = ["is_container"]

_BOXES = frozenset((b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"))
"""What an MP4 or MOV file begins with, behind four bytes of length (ISO/IEC 14496-12)."""

_BEGINNINGS = (b"\x1a\x45\xdf\xa3", b"OggS", b"FLV\x01", b"\x47\x40", b"\x00\x00\x01\xba")
"""Matroska and WebM, Ogg, Flash, MPEG transport and program streams."""


def is_container(start: bytes) -> bool:
    """Say whether a file's first 16 bytes or more are those of a video.

    Play lists and the like, which make FFmpeg open other files and addresses, are none.
    """
    return (
        start[4:8] in _BOXES
        or start.startswith(_BEGINNINGS)
        or (start.startswith(b"RIFF") and start[8:12] == b"AVI ")
    )
