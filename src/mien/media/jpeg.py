"""Damage in the middle of a JPEG, over which decoders go without a word."""

from __future__ import annotations

from typing import IO

__all__ = ["has_zeroed_part"]

_ZEROS = bytes(256)
"""So many zeros in a row are those of a damaged copy, or of a large area of one colour."""

_START_OF_SCAN = 0xDA


def has_zeroed_part(file: IO[bytes]) -> bool:
    """Return whether a part of a JPEG's pixels was replaced by zeros.

    That is how a file looks whose copying or download was interrupted in the middle. The pixels
    behind such a part are wrong.

    Args:
        file: The JPEG; its position is left as it is.
    """
    position = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(position)
    return data.find(_ZEROS, _first_scan(data)) >= 0 and not _decodes(data)


def _first_scan(data: bytes) -> int:
    """Return where the first scan begins, behind the headers (ITU-T T.81, annex B)."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        if data[position + 1] == _START_OF_SCAN:
            break
        position += 2 + int.from_bytes(data[position + 2 : position + 4])
    return position


def _decodes(data: bytes) -> bool:
    """Return whether FFmpeg, which is stricter than Pillow, decodes a JPEG."""
    import av

    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.options = {"err_detect": "explode+bitstream+buffer"}
    try:
        decoder.decode(av.Packet(data))
    except av.FFmpegError:
        return False
    return True
