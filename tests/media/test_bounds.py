"""Small files that would keep a decoder busy for minutes."""

from __future__ import annotations

import io
import re
import struct
import time

import pytest
from PIL import Image

from mien.errors import MediaError
from mien.media import decode_image
from mien.media.bounds import MAX_COUNTED_PAGES, MAX_SCANS
from tests.server.conftest import PORTRAIT

_LAST_SCAN = re.compile(rb"\xff\xda(?!.*\xff\xda).*(?=\xff\xd9)", re.DOTALL)


def progressive(scans, side=64, **options):
    """A progressive JPEG whose last scan is repeated until it has so many."""
    data = io.BytesIO()
    Image.new("RGB", (side, side), "grey").save(data, "JPEG", progressive=True, **options)
    jpeg = data.getvalue()
    last = _LAST_SCAN.search(jpeg)
    more = scans - jpeg.count(b"\xff\xda")
    return jpeg[: last.end()] + last[0] * more + jpeg[last.end() :]


def pages(count):
    """A TIFF of small pages that share their pixels."""
    data = io.BytesIO()
    Image.new("L", (16, 16)).save(data, "TIFF")
    tiff = bytearray(data.getvalue())
    (start,) = struct.unpack_from("<I", tiff, 4)
    (entries,) = struct.unpack_from("<H", tiff, start)
    link = start + 2 + 12 * entries
    page = bytes(tiff[start:link])
    for _ in range(count - 1):
        struct.pack_into("<I", tiff, link, len(tiff))
        link = len(tiff) + len(page)
        tiff += page + bytes(4)
    return bytes(tiff)


def test_a_jpeg_with_hundreds_of_scans_is_refused_before_it_is_decoded():
    started = time.monotonic()
    with pytest.raises(MediaError, match=f"more than {MAX_SCANS} scans"):
        decode_image(progressive(MAX_SCANS + 1), "image")
    with pytest.raises(MediaError, match="more than 62 scans"):
        decode_image(progressive(63, side=4000), "image")
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("scans", [12, MAX_SCANS])
def test_a_jpeg_with_as_many_scans_as_allowed_is_read(scans):
    assert decode_image(progressive(scans), "image").width == 64


def test_the_scans_of_other_images_in_a_jpeg_do_not_count():
    exif = b"Exif\0\0" + b"\xff\xda" * (MAX_SCANS + 1)
    data = PORTRAIT.read_bytes()
    with_exif = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    assert decode_image(with_exif, "image").width == 512
    assert decode_image(data + data * (MAX_SCANS + 1), "image").width == 512


@pytest.mark.parametrize(
    ("count", "notes"),
    [
        (1, ()),
        (2, ("has 2 frames, only the first was read",)),
        (MAX_COUNTED_PAGES, (f"has {MAX_COUNTED_PAGES} frames, only the first was read",)),
        (40_000, (f"has more than {MAX_COUNTED_PAGES} frames, only the first was read",)),
    ],
)
def test_the_pages_of_a_tiff_are_counted_up_to_a_limit(count, notes):
    started = time.monotonic()
    frame = decode_image(pages(count), "image")
    assert (frame.notes, frame.width) == (notes, 16)
    assert time.monotonic() - started < 1
