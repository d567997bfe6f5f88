import io
import re
import struct
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from mien.errors import MediaError
from mien.media import decode_image, read_image
from tests.broken import png_that_declares
from tests.conftest import SAMPLES

RAMP = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (40, 1))  # (40, 64), dark to light
COLOURED = np.stack((RAMP, RAMP[:, ::-1], np.full_like(RAMP, 90)), axis=2)


def saved(path, image, **options):
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tiff", "avif", "gif"])
def test_formats_are_read_as_rgb(tmp_path, suffix):
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(COLOURED))
    frame = read_image(path)
    assert frame.frame_rgb.shape == (40, 64, 3)
    assert frame.source == str(path)
    error = np.abs(frame.frame_rgb.astype(int) - COLOURED)
    assert error.mean() < 12  # lossy codecs and a palette of 256 colours


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("grey", Image.fromarray(RAMP)),
        ("grey with alpha", Image.fromarray(RAMP).convert("LA")),
        ("16-bit", Image.fromarray(RAMP.astype(np.uint16) * 257)),
        ("palette", Image.fromarray(RAMP).convert("P")),
        ("alpha", Image.fromarray(RAMP).convert("RGBA")),
    ],
)
def test_modes_come_out_as_the_same_greys(tmp_path, name, image):
    frame = read_image(saved(tmp_path / f"{name}.png", image))
    np.testing.assert_allclose(frame.frame_rgb[..., 1], RAMP, atol=1)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("float shares", RAMP.astype(np.float32) / 255),
        ("float levels", RAMP.astype(np.float32)),
        ("32-bit", RAMP.astype(np.int32) * 257),
    ],
)
def test_tiff_depths_come_out_as_the_same_greys(tmp_path, name, values):
    frame = read_image(saved(tmp_path / f"{name}.tiff", Image.fromarray(values)))
    # 252 is the ramp's brightest grey, so shares and 32-bit keep their scale.
    np.testing.assert_allclose(frame.frame_rgb[..., 0], RAMP, atol=1)


def test_cmyk_is_read_as_rgb(tmp_path):
    path = saved(tmp_path / "a.jpg", Image.fromarray(COLOURED).convert("CMYK"), quality=95)
    error = np.abs(read_image(path).frame_rgb.astype(int) - COLOURED)
    assert error.mean() < 12


def test_transparent_parts_are_white(tmp_path):
    clear = np.dstack((COLOURED, np.zeros((40, 64), np.uint8)))
    frame = read_image(saved(tmp_path / "a.png", Image.fromarray(clear)))
    assert (frame.frame_rgb == 255).all()


def test_all_turns_of_exif_are_those_of_pillow():
    image = Image.fromarray(RAMP)
    for orientation in range(10):
        exif = Image.Exif()
        exif[0x0112] = orientation
        packed = io.BytesIO()
        image.save(packed, "PNG", exif=exif)
        with Image.open(packed) as stored:
            expected = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
        found = decode_image(packed.getvalue(), "a.png").frame_rgb
        np.testing.assert_array_equal(found, expected)


def test_exif_that_cannot_be_written_again_turns_the_image_all_the_same():
    entries = struct.pack("<HHII", 0x0112, 3, 1, 6) + struct.pack("<HHII", 0x0128, 4, 1, 70_000)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4)
    packed = io.BytesIO()
    Image.fromarray(RAMP).save(packed, "JPEG", exif=exif)
    height, width = RAMP.shape[:2]
    assert decode_image(packed.getvalue(), "a.jpg").frame_rgb.shape == (width, height, 3)


@pytest.mark.parametrize("error", [RuntimeError, TypeError, KeyError, struct.error])
def test_whatever_a_decoder_raises_is_said_of_the_image(tmp_path, monkeypatch, error):
    def broken(*_):
        raise error("Missing dimensions")

    path = saved(tmp_path / "a.png", Image.fromarray(RAMP))
    monkeypatch.setattr(Image.Image, "load", broken)
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", broken)
    with pytest.raises(MediaError, match="Missing dimensions"):
        read_image(path)


def test_exif_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to see it upright
    path = saved(tmp_path / "a.jpg", Image.fromarray(RAMP), exif=exif)
    frame = read_image(path)
    assert frame.frame_rgb.shape == (64, 40, 3)
    assert frame.frame_rgb[:8].mean() < 40 < frame.frame_rgb[-8:].mean()


def test_of_an_animation_the_first_frame_is_read_and_said_so(tmp_path):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue", "green")]
    path = saved(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    frame = read_image(path)
    assert frame.frame_rgb[0, 0].tolist() == [255, 0, 0]
    assert frame.notes == ("has 3 frames, only the first was read",)


def test_a_single_image_has_no_notes(samples):
    assert read_image(samples / "grace_hopper.jpg").notes == ()


def jpeg():
    data = io.BytesIO()
    Image.fromarray(COLOURED).resize((640, 480)).save(data, "JPEG", quality=95)
    return data.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file or folder. Check the path"),
        (b"", "the file is empty"),
        (jpeg()[:5000], "damaged or cut off"),
        (jpeg()[:30], "damaged or cut off"),
        (b"Dear diary, this is no image.\n", "not an image, the file holds text"),
        (b"\x00\x01\x02\x03" * 100, "not an image or video that can be read"),
        (b"\xff\x0a" + bytes(100), "JPEG XL, which is not read"),
        (b"\0\0\0\x18ftypisom" + bytes(100), "a video, not an image"),
        (b"\x1a\x45\xdf\xa3" + bytes(100), "a video, not an image"),
        (png_that_declares(30_000, 30_000), "more than the limit of 100 million pixels"),
        (png_that_declares(1, 1), "only 1 x 1 pixels"),
    ],
)
def test_what_cannot_be_read_says_why_and_what_to_do(tmp_path, content, reason):
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError) as caught:
        read_image(path)
    assert reason in caught.value.reason
    assert caught.value.source == str(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_warnings_of_pillow_are_quiet_unless_a_caller_wants_them(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png_that_declares(11_000, 11_000))
    # In processes of their own: filters of warnings are those of all threads of a process.
    for wanted, reason in (("", "it declares 11000 x 11000"), ("error", "Pillow warns of it: Im")):
        code = f"from mien.media import read_image; import warnings; path = {str(path)!r}\n"
        code += f"if {wanted!r}: warnings.simplefilter({wanted!r})\nread_image(path)"
        command = [sys.executable, "-c", code]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
        assert said.startswith("Traceback")  # and with no warning
        assert reason in said.splitlines()[-1]


def test_reading_in_threads_leaves_the_filters_of_warnings_as_they_are(samples):
    path = samples / "grace_hopper.jpg"
    read_image(path)
    before = warnings.filters.copy()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read_image, [path] * 40))
    assert warnings.filters == before


def test_a_folder_is_no_image(tmp_path):
    with pytest.raises(MediaError, match="a folder, not an image"):
        read_image(tmp_path)


def test_a_file_without_permission_says_so(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(MediaError, match="no permission to read it"):
        read_image(tmp_path / "a.jpg")


def test_the_limit_can_be_lowered(samples):
    with pytest.raises(MediaError, match="limit of 0 million pixels"):
        read_image(samples / "grace_hopper.jpg", max_pixels=1000)


def photo(size=(160, 120), **options):
    packed = io.BytesIO()
    with Image.open(SAMPLES / "eileen_collins.jpg") as image:
        image.resize(size).save(packed, "JPEG", quality=90, **options)
    return packed.getvalue()


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
@pytest.mark.parametrize("missing", [1, 2, 20])
def test_a_jpeg_without_its_last_bytes_is_read_and_it_is_said(options, missing):
    data = photo(**options)
    frame = decode_image(data[:-missing], "a.jpg")
    whole = decode_image(data, "a.jpg")
    np.testing.assert_array_equal(frame.frame_rgb[:100], whole.frame_rgb[:100])
    assert frame.notes == ("cut off: the end of the file is missing",)
    assert whole.notes == ()


def test_how_much_of_a_jpeg_is_missing_is_said():
    data = photo()
    frame = decode_image(data[: len(data) * 9 // 10], "a.jpg")
    (note,) = frame.notes
    assert re.fullmatch(
        r"cut off: the end of the file is missing, and (\d|1\d)% of the image with it", note
    )
    with pytest.raises(MediaError, match=r"damaged or cut off: \d\d% of the image is missing"):
        decode_image(data[: len(data) // 2], "a.jpg")


def test_an_image_that_is_transparent_throughout_is_said():
    packed = io.BytesIO()
    Image.fromarray(np.dstack((COLOURED, np.zeros((40, 64), np.uint8)))).save(packed, "PNG")
    frame = decode_image(packed.getvalue(), "a.png")
    assert frame.notes == ("every pixel is transparent and was taken for white",)


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_a_jpeg_with_zeros_in_its_middle_is_damaged(options):
    data = bytearray(photo((320, 320), **options))
    middle, fifth = len(data) // 2, len(data) // 5
    data[middle : middle + fifth] = bytes(fifth)
    with pytest.raises(MediaError, match=r"^a\.jpg: damaged"):
        decode_image(bytes(data), "a.jpg")


def test_large_areas_of_one_colour_are_no_damage():
    for colour in ("white", "navy"):
        packed = io.BytesIO()
        Image.new("RGB", (3000, 3000), colour).save(packed, "JPEG", optimize=True)
        assert decode_image(packed.getvalue(), "a.jpg").notes == ()
    padded = photo() + bytes(5000)  # some cameras write zeros behind the image
    assert decode_image(padded, "a.jpg").notes == ()


def test_of_jpegs_that_follow_each_other_the_first_is_read_and_that_is_said(samples, tmp_path):
    photo = (samples / "eileen_collins.jpg").read_bytes()
    (tmp_path / "a.mjpeg").write_bytes(50 * photo)
    frame = read_image(tmp_path / "a.mjpeg")
    assert frame.notes == (
        "has 50 frames, only the first was read; save a video as MP4, for example",
    )
    np.testing.assert_array_equal(frame.frame_rgb, decode_image(photo, "one").frame_rgb)
    assert decode_image(photo, "one").notes == ()
