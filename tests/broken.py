"""Files that no program should be given, and that every program is given."""

import struct
import zlib


def png_that_declares(width: int, height: int) -> bytes:
    """A grey PNG whose header promises pixels that the file does not hold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")
