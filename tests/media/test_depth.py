"""Levels of 8 to 14 bits in 16: the same image as in 8 bits, and a note."""

import io
import struct
import zlib

import av
import numpy as np
import pytest
from PIL import Image

from mien.errors import MediaError
from mien.media import LiveSource, Video, as_frame, decode_image
from tests.conftest import SAMPLES
from tests.media.test_demuxing import site

with Image.open(SAMPLES / "eileen_collins.jpg") as photo:
    RGB = np.asarray(photo.convert("RGB").resize((64, 48)))
GREY = np.asarray(Image.fromarray(RGB).convert("L"))
GREYS = np.dstack([GREY] * 3)


def deep(levels, bits):
    return (levels.astype(float) * (2**bits - 1) / 255).round().astype(np.uint16)


def png(pixels, *, significant_bits=None):
    """Encode 16-bit pixels `(H, W, C)`; Pillow writes no colours of 16 bits."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width, count = pixels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[count]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    bits = b"" if significant_bits is None else chunk(b"sBIT", bytes([significant_bits] * count))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
        + bits
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def tiff(pixels, *, order="<", sample_format=1, photometric=None, extra=()):
    """Encode 16-bit pixels `(H, W, C)` without compression."""
    height, width, count = pixels.shape
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    photometric = (2 if count == 3 else 1) if photometric is None else photometric
    tags = [
        (256, [width]), (257, [height]), (258, [16] * count), (259, [1]), (262, [photometric]),
        (273, [None]), (277, [count]), (278, [height]), (279, [len(data)]), *extra,
        (339, [sample_format] * count),
    ]  # fmt: skip
    tags.sort()
    after = 8 + 2 + 12 * len(tags) + 4
    beyond, entries = b"", b""
    for tag, values in tags:
        kind, letter = (4, "I") if tag in (273, 279) else (3, "H")
        if len(values) > 2:
            packed = struct.pack(f"{order}{len(values)}{letter}", *values)
            field = struct.pack(f"{order}I", after + len(beyond))
            beyond += packed + b"\0" * (len(packed) % 2)
        elif values == [None]:
            field = b"DATA"
        else:
            field = struct.pack(f"{order}{len(values)}{letter}", *values).ljust(4, b"\0")
        entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + field
    entries = entries.replace(b"DATA", struct.pack(f"{order}I", after + len(beyond)))
    magic = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    count_of_tags = struct.pack(f"{order}H", len(tags))
    return magic + count_of_tags + entries + bytes(4) + beyond + data


def said(bits):
    return (
        ()
        if bits == 16
        else (f"holds {bits}-bit levels, scaled by their range of 0 to {2**bits - 1}",)
    )


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["grey", "colour", "grey with alpha", "colour with alpha"])
def test_a_png_of_16_bits_is_scaled_by_the_range_that_it_uses(kind, bits):
    levels = GREY[..., None] if "grey" in kind else RGB
    pixels = deep(levels, bits)
    if "alpha" in kind:
        pixels = np.dstack((pixels, np.full_like(GREY, 2**bits - 1, dtype=np.uint16)))
    frame = decode_image(png(pixels), "a.png")
    expected = GREYS if "grey" in kind else RGB
    np.testing.assert_allclose(frame.frame_rgb.astype(int), expected, atol=1)
    assert frame.notes == said(bits)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("levels", [GREY[..., None], RGB], ids=["grey", "colour"])
def test_a_tiff_of_16_bits_is_scaled_by_the_range_that_it_uses(levels, order, bits):
    frame = decode_image(tiff(deep(levels, bits), order=order), "a.tiff")
    expected = GREYS if levels.shape[2] == 1 else RGB
    np.testing.assert_allclose(frame.frame_rgb.astype(int), expected, atol=1)
    assert frame.notes == said(bits)


def test_what_pillow_has_opened_is_scaled_alike():
    for pixels, expected in ((deep(RGB, 12), RGB), (deep(GREY[..., None], 12), GREYS)):
        with Image.open(io.BytesIO(png(pixels))) as image:
            frame = as_frame(image)
            np.testing.assert_array_equal(frame.frame_rgb, expected)
            assert frame.notes == said(12)
    loaded = Image.fromarray(deep(GREY, 12))
    np.testing.assert_array_equal(as_frame(loaded).frame_rgb, GREYS)


def test_declared_bits_count_where_an_image_is_dark():
    dark = deep(GREY // 8, 12)
    assert dark.max() < 1024
    expected = np.dstack([GREY // 8] * 3)
    for data in (
        png(dark[..., None], significant_bits=12),
        tiff(dark[..., None], extra=[(281, [4095])]),
        tiff(dark[..., None], extra=[(341, [4095])]),
    ):
        frame = decode_image(data, "a")
        np.testing.assert_allclose(frame.frame_rgb, expected, atol=1)
        assert frame.notes == said(12)
    full = decode_image(png(deep(GREY // 8, 16)[..., None], significant_bits=16), "a.png")
    np.testing.assert_allclose(full.frame_rgb, expected, atol=1)
    assert full.notes == ()


def test_a_dark_image_of_16_bits_stays_dark():
    frame = decode_image(png(deep(GREY // 2, 16)[..., None]), "a.png")
    np.testing.assert_allclose(frame.frame_rgb, np.dstack([GREY // 2] * 3), atol=1)
    assert frame.notes == ()


def test_a_tiff_whose_zero_is_white_is_turned_round():
    inverted = 4095 - deep(GREY[..., None], 12)
    frame = decode_image(tiff(inverted, photometric=0), "a.tiff")
    np.testing.assert_allclose(frame.frame_rgb, GREYS, atol=1)


def test_negative_numbers_are_stretched_and_it_is_said():
    signed = deep(GREY[..., None], 12).astype(np.int16) - 1000
    frame = decode_image(tiff(signed, sample_format=2), "a.tiff")
    low, high = signed.min(), signed.max()
    assert frame.notes == (
        f"its values go from {low} to {high}, scaled so that these are black and white",
    )
    assert (frame.frame_rgb.min(), frame.frame_rgb.max()) == (0, 255)


@pytest.mark.parametrize(
    ("values", "note"),
    [
        (GREY.astype(np.float32) / 255, None),
        (GREY.astype(np.float32), None),
        (GREY.astype(np.float32) / 200, "its values go from 0 to"),
        (GREY.astype(np.float32) * 8, "its values go from 0 to"),
        (GREY.astype(np.float32) / 127.5 - 1, "its values go from -"),
        (GREY.astype(np.int32) * 65793, "holds 24-bit levels"),
    ],
)
def test_fractions_and_large_numbers_are_never_black(values, note):
    packed = io.BytesIO()
    Image.fromarray(values).save(packed, "TIFF")
    frame = decode_image(packed.getvalue(), "a.tiff")
    difference = np.abs(frame.frame_rgb[..., 0].astype(int) - GREY)
    assert difference.max() <= (1 if note is None or "bit" in note else 25)
    assert len(frame.notes) == (note is not None)
    assert note is None or frame.notes[0].startswith(note)


def test_transparent_white_of_few_bits_stays_transparent():
    alpha = np.full_like(GREY, 4095, dtype=np.uint16)
    alpha[:10] = 0
    frame = decode_image(png(np.dstack((deep(RGB, 12), alpha))), "a.png")
    assert (frame.frame_rgb[:10] == 255).all()
    np.testing.assert_allclose(frame.frame_rgb[10:], RGB[10:], atol=1)


def test_what_cannot_be_scaled_is_refused():
    pixels = np.dstack((deep(RGB, 12), np.full_like(GREY, 4095, dtype=np.uint16)))
    data = tiff(pixels, photometric=2, extra=[(338, [1])])
    with pytest.raises(MediaError, match="use a part of their range"):
        decode_image(data, "a.tiff")


def test_numbered_images_whose_levels_ffmpeg_would_not_scale_are_refused(tmp_path):
    for number in range(2):
        (tmp_path / f"shot_{number:02}.png").write_bytes(png(deep(GREY[..., None], 12)))
    with pytest.raises(MediaError, match=r"each image holds 12-bit levels\. Save them with 8 bits"):
        Video(tmp_path / "shot_%02d.png")
    for number in range(2):
        (tmp_path / f"shot_{number:02}.png").write_bytes(png(deep(GREY[..., None], 16)))
    with Video(tmp_path / "shot_%02d.png") as video:
        found = next(video.frames()).rgb().astype(int)
    np.testing.assert_allclose(found, GREYS, atol=2)


def test_the_preview_of_a_raw_photo_is_said():
    data = tiff(deep(RGB, 16), extra=[(254, [1])])
    assert decode_image(data, "a.dng").notes == (
        "its first image is a small preview, only that was read; export the photo as JPEG",
    )


def deep_video(path, frames, pixel_format):
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=10)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        for pixels in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, pixel_format)))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("picture", "pixel_format"), [(GREY, "gray16le"), (RGB, "rgb48le")])
def test_videos_whose_levels_ffmpeg_would_not_scale_are_refused(tmp_path, picture, pixel_format):
    wanted = "gray16le" if picture is GREY else "gbrp16le"
    dark = deep_video(tmp_path / "a.mkv", [deep(picture, 10)] * 3, pixel_format)
    with av.open(str(dark)) as opened:
        assert opened.streams.video[0].format.name in (wanted, pixel_format)
    with pytest.raises(MediaError, match=r"10-bit levels in 16 bits\. Save the video with 8 bits"):
        Video(dark)
    with (
        site({"/a": ("video/x-matroska", dark.read_bytes())}) as (address, _),
        pytest.raises(MediaError, match="10-bit levels in 16 bits"),
    ):
        list(LiveSource(f"{address}/a").frames())
    # It begins in the dark.
    bright = [deep(picture, 16) // 8, deep(picture, 16)]
    with Video(deep_video(tmp_path / "b.mkv", bright, pixel_format)) as video:
        found = [frame.rgb().astype(int) for frame in video.frames()]
    np.testing.assert_allclose(found[1], RGB if picture is RGB else GREYS, atol=2)
