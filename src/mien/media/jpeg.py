"""What decoders of JPEG go over without a word: damage in the middle, and further images."""

from __future__ import annotations

from typing import IO

__all__ = ["all_bytes", "count_images", "has_zeroed_part"]

_ZEROS = bytes(256)
"""So many zeros in a row are those of a damaged copy, or of a large area of one colour."""

_END_AND_START = b"\xff\xd9\xff\xd8\xff"
"""Where one image ends and the next begins. Within compressed pixels this does not occur."""

_START_OF_SCAN = 0xDA


def has_zeroed_part(file: IO[bytes]) -> bool:
    """Return whether a part of a JPEG's pixels was replaced by zeros.

    That is how a file looks whose copying or download was interrupted in the middle. The pixels
    behind such a part are wrong.

    Args:
        file: The JPEG; its position is left as it is.
    """
    data = all_bytes(file)
    return data.find(_ZEROS, _first_scan(data)) >= 0 and not _decodes(data)


def count_images(file: IO[bytes]) -> int:
    """Return how many JPEGs follow each other in a file, as in the raw video of a camera.

    Args:
        file: Begins with a JPEG; its position is left as it is.
    """
    data = all_bytes(file)
    return 1 + data.count(_END_AND_START, _first_scan(data))


def all_bytes(file: IO[bytes]) -> bytes:
    """Return all bytes of a file, whose position is left as it is."""
    position = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(position)
    return data


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
