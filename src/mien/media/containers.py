"""Recognising video files by their first bytes."""

from __future__ import annotations

__all__ = ["is_container"]

_MP4_BOXES = frozenset((b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"))
"""The first box of an MP4 or MOV file, after four bytes of length (ISO/IEC 14496-12)."""

_SIGNATURES = (b"\x1a\x45\xdf\xa3", b"OggS", b"FLV\x01", b"\x47\x40", b"\x00\x00\x01\xba")
"""Matroska and WebM, Ogg, Flash, MPEG transport and program streams."""


def is_container(start: bytes) -> bool:
    """Return whether a file's first bytes, 16 or more, are those of a video container.

    Play lists, which make FFmpeg open other files and addresses, are not.
    """
    return (
        start[4:8] in _MP4_BOXES
        or start.startswith(_SIGNATURES)
        or (start.startswith(b"RIFF") and start[8:12] == b"AVI ")
    )
