import io
import re
import sys
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from mien.errors import FrameError, InputError, MediaError
from mien.media import as_frame, read_image
from mien.structures import Frame

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (40, 60, 3)).astype(np.uint8)
GREY = RGB[..., 0]
ALPHA = RNG.integers(1, 256, (40, 60, 1)).astype(np.uint8)
TENSOR = torch.from_numpy(RGB.transpose(2, 0, 1).copy())


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path)
    return path


def pixels(image, **options):
    return as_frame(image, **options).frame_rgb


def test_every_form_of_a_file_is_the_same_image(path):
    with path.open("rb") as file, Image.open(path) as opened:
        forms = (str(path), path, path.read_bytes(), bytearray(path.read_bytes()), file, opened)
        for form in forms:
            np.testing.assert_array_equal(pixels(form), RGB)
    np.testing.assert_array_equal(pixels(io.BytesIO(path.read_bytes())), RGB)


@pytest.mark.parametrize(
    ("array", "channels"),
    [
        (RGB, None),
        (RGB, "rgb"),
        (RGB[..., ::-1], "bgr"),
        (np.dstack([RGB, np.full_like(GREY, 255)]), None),
        (np.dstack([RGB, np.full_like(GREY, 255)]), "rgba"),
        (np.dstack([RGB[..., ::-1], np.full_like(GREY, 255)]), "bgra"),
    ],
)
def test_channels_are_brought_into_order(array, channels):
    found = pixels(array, channels=channels)
    np.testing.assert_array_equal(found, RGB)


@pytest.mark.parametrize("array", [GREY, GREY[..., None]])
@pytest.mark.parametrize("channels", [None, "grey"])
def test_grey_arrays_are_repeated(array, channels):
    np.testing.assert_array_equal(pixels(array, channels=channels), np.dstack([GREY] * 3))


def test_transparent_parts_become_white_as_in_files(tmp_path):
    rgba = np.concatenate((RGB, ALPHA), axis=2)
    Image.fromarray(rgba, "RGBA").save(tmp_path / "a.png")
    np.testing.assert_array_equal(pixels(rgba), read_image(tmp_path / "a.png").frame_rgb)
    clear = rgba.copy()
    clear[:20, :, 3] = 0
    assert (pixels(clear)[:20] == 255).all()


def test_an_array_that_is_transparent_throughout_is_refused():
    bgra = np.concatenate((RGB[..., ::-1], np.zeros_like(ALPHA)), axis=2)
    with pytest.raises(FrameError, match=r"image\[\.\.\., :3\] with channels='bgr'"):
        as_frame(bgra, channels="bgra")
    np.testing.assert_array_equal(pixels(bgra[..., :3], channels="bgr"), RGB)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize(
    ("levels", "options"), [(GREY, {}), (RGB, {}), (RGB[..., ::-1], {"channels": "bgr"})]
)
def test_arrays_of_16_bits_are_scaled_by_the_range_that_they_use(bits, levels, options):
    top = 2**bits - 1
    array = (levels.astype(float) * top / 255).round().astype(np.uint16)
    frame = as_frame(array, **options)
    expected = np.dstack([GREY] * 3) if levels is GREY else RGB
    np.testing.assert_array_equal(frame.frame_rgb, expected)
    said = f"holds {bits}-bit levels, scaled by their range of 0 to {top}"
    assert frame.notes == (() if bits == 16 else (said,))


def test_shares_that_were_cast_to_levels_are_said():
    frame = as_frame((RGB / 255).astype(np.uint8))
    assert "multiply them by 255" in frame.notes[0]
    assert as_frame(np.zeros_like(RGB)).notes == ()


def test_tensors_come_channels_first():
    np.testing.assert_array_equal(pixels(TENSOR), RGB)
    np.testing.assert_array_equal(pixels(TENSOR.flip(0), channels="bgr"), RGB)
    np.testing.assert_array_equal(pixels(TENSOR[:1]), np.dstack([GREY] * 3))
    with pytest.raises(InputError, match="'bgra' means 4 of them, the image has 3"):
        as_frame(TENSOR, channels="bgra")


def test_a_tensor_on_another_device_is_fetched():
    class Elsewhere(torch.Tensor):
        def numpy(self, **_):
            raise TypeError("can't convert cuda:0 device type tensor to numpy")

        def cpu(self):
            return TENSOR

    np.testing.assert_array_equal(pixels(TENSOR.as_subclass(Elsewhere)), RGB)


def test_torch_is_not_asked_for_where_it_is_not_loaded(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    np.testing.assert_array_equal(pixels(RGB), RGB)
    assert "torch" not in sys.modules


UNIT = RGB / 255
CONVERTED = [
    UNIT,
    UNIT.astype(np.float32),
    UNIT.astype(np.float16),
    np.float64(RGB),
    np.float32(RGB) + np.float32(0.3) * (RGB < 255),
    np.int64(RGB),
    np.uint16(RGB.transpose(2, 0, 1)) * 257,
    np.int32(RGB) * 16 + np.int32(RGB) // 16,
    np.int32(RGB) * 257,
    RGB.transpose(2, 0, 1),
    UNIT.transpose(2, 0, 1),
    RGB[None],
    UNIT[None].transpose(0, 3, 1, 2),
    np.dstack([RGB, np.full_like(GREY, 255)]).transpose(2, 0, 1),
]


def convert_as_told(image, **names):
    """Return what the code in the message makes of an image."""
    with pytest.raises(FrameError) as raised:
        as_frame(image)
    told = re.search(r"[Cc]onvert it: (.+)$", str(raised.value))
    assert told is not None, raised.value
    return eval(told[1], {"image": image, **names})  # noqa: S307 - what a reader would do


@pytest.mark.parametrize("array", CONVERTED, ids=lambda array: f"{array.dtype}-{array.shape}")
def test_following_the_advice_on_an_array_gives_the_image(array):
    np.testing.assert_array_equal(pixels(convert_as_told(array, np=np)), RGB)


TENSORS = [
    TENSOR / 255,
    (TENSOR / 255).bfloat16().float(),
    TENSOR.float(),
    TENSOR.long(),
    TENSOR.int() * 257,
    TENSOR[None],
    TENSOR.permute(1, 2, 0),
    TENSOR.permute(1, 2, 0) / 255,
    torch.cat((TENSOR, torch.full((1, 40, 60), 255, dtype=torch.uint8))),
    (TENSOR / 255).requires_grad_(),
]


@pytest.mark.parametrize("tensor", TENSORS, ids=lambda each: f"{each.dtype}-{tuple(each.shape)}")
def test_following_the_advice_on_a_tensor_gives_the_image(tensor):
    found = pixels(convert_as_told(tensor, torch=torch)).astype(int)
    assert abs(found - RGB).max() <= (1 if tensor is TENSORS[1] else 0)


def test_following_the_advice_on_masks_and_grey_tensors_gives_them():
    mask = GREY > 128
    expected = np.dstack([mask * np.uint8(255)] * 3)
    np.testing.assert_array_equal(pixels(convert_as_told(mask, np=np)), expected)
    np.testing.assert_array_equal(pixels(convert_as_told(np.int8(mask), np=np)), expected)
    tensor = torch.from_numpy(mask)
    np.testing.assert_array_equal(pixels(convert_as_told(tensor, torch=torch)), expected)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (UNIT * 2 - 1, r"values go from -1 to 1\. Bring them to 0 \(black\) to 255"),
        (np.int16(RGB) - 128, r"values go from -128 to 127"),
        (np.int32(RGB) * 16, r"from 0 to 4080\. If 4095 is white, convert it: \(image \* \(255"),
        (UNIT * 1.2, r"values go from 0 to 1\.2\. Bring them to 0 \(black\) to 255"),
        (
            np.uint32(RGB) << 20,
            r"values go from 0 to 2\.\d+e\+08\. Bring them to 0 \(black\) to 255",
        ),
        (np.where(RGB > 9, UNIT, np.nan), "not finite numbers"),
        (TENSOR * np.inf, "not finite numbers"),
        (np.stack([RGB, RGB]), "a batch. Give one image at a time"),
        (torch.stack([TENSOR, TENSOR]), "a batch. Give one image at a time"),
        (np.zeros((5, 40, 60), np.uint8), "one image, row by row, channels last"),
        (torch.zeros((5, 40, 60)), "one image, channels first"),
        (np.frombuffer(b"\xff\xd8\xff", np.uint8), r"give image\.tobytes\(\)"),
        (np.zeros((0, 60, 3), np.uint8), "no pixels"),
        (np.zeros((0, 60, 3)), "no pixels"),
        (torch.zeros((3, 0, 60)), "no pixels"),
        (np.full((40, 60, 3), "a"), "numbers of 0 to 255"),
        (UNIT * 1j, "numbers of 0 to 255"),
        (TENSOR * 1j, "numbers of 0 to 255"),
    ],
)
def test_what_cannot_be_converted_without_knowing_more_is_told_what_was_found(image, message):
    with pytest.raises(FrameError, match=message):
        as_frame(image)


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (RGB, {"channels": "RGB"}, "channels: expected one of rgb, bgr, grey, rgba, bgra"),
        (RGB, {"channels": "rgba"}, "'rgba' means 4 of them, the image has 3.*Give rgb or bgr"),
        (GREY, {"channels": "bgr"}, "'bgr' means 3 of them, the image has 1.*Give grey"),
        ("a.png", {"channels": "bgr"}, "only arrays and tensors need it, found it with a str"),
        ([RGB, RGB], {}, "found list. Give one image at a time"),
        (None, {}, "expected a path.*found NoneType"),
        (3, {}, "a numpy array or a torch tensor, found int"),
    ],
)
def test_what_is_no_image_is_told_what_is_taken(image, options, message):
    with pytest.raises(InputError, match=message):
        as_frame(image, **options)


def test_file_objects_say_what_is_wrong_with_them(path):
    with path.open("rb") as file:
        file.read()
        with pytest.raises(MediaError, match=r"a\.png: the file was read .* file\.seek\(0\)"):
            as_frame(file)
        file.seek(0)
        np.testing.assert_array_equal(pixels(file), RGB)
    with pytest.raises(MediaError, match="closed file"):
        as_frame(file)
    with pytest.raises(MediaError, match="open for reading text"):
        as_frame(io.StringIO("text"))
    with pytest.raises(MediaError, match="file: the file is empty"):
        as_frame(io.BytesIO())


@pytest.mark.parametrize("source", ["camera:0", "rtsp://door.local/stream"])
def test_cameras_are_no_single_image(source):
    with pytest.raises(MediaError, match=r"Use Analyzer\.stream"):
        as_frame(source)


def test_a_frame_says_where_it_comes_from(path):
    frame = Frame(frame_rgb=RGB, source="mine", frame=3, timestamp_s=0.5)
    assert as_frame(frame) is frame
    named = as_frame(frame, source="other")
    assert (named.source, named.frame, named.timestamp_s) == ("other", 3, 0.5)
    with path.open("rb") as file:
        sources = [as_frame(each).source for each in (path, str(path), file)]
        assert sources == [str(path)] * 3
    assert as_frame(path.read_bytes()).source == "bytes"
    assert as_frame(RGB).source == "array"
    assert as_frame(TENSOR).source == "tensor"
    assert as_frame(Image.fromarray(RGB)).source == "image"
    for each in (path, path.read_bytes(), RGB, TENSOR, Image.fromarray(RGB)):
        assert as_frame(each, source="door").source == "door"
    with pytest.raises(MediaError, match=r"^door: not an image"):
        as_frame(b"text", source="door")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "P", "PA", "RGBA", "RGBa", "CMYK", "HSV"])
def test_every_mode_of_pillow_is_taken(mode):
    source = Image.fromarray(RGB // 64 * 64).convert("L").convert("RGB")
    through = {"La": source.convert("LA"), "RGBa": source.convert("RGBA")}
    image = source.quantize() if mode in ("P", "PA") else through.get(mode, source)
    image = image.convert(mode)
    expected = 255 * (np.asarray(source) > 127) if mode == "1" else np.asarray(source)
    found = pixels(image).astype(int)
    if mode == "1":
        assert set(np.unique(found)) == {0, 255}
    else:
        np.testing.assert_allclose(found, expected, atol=2)


def test_arrays_of_every_class_become_plain_ones(tmp_path):
    with_header = np.memmap(tmp_path / "a.raw", np.uint8, "w+", shape=GREY.shape)
    with_header[:] = GREY
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy advises against it
        matrix = np.asmatrix(GREY)
    for array in (matrix, with_header, GREY.view(np.recarray), np.asfortranarray(GREY)):
        found = pixels(array)
        assert type(found) is np.ndarray
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, np.dstack([GREY] * 3))
    given = Frame(frame_rgb=RGB[:, ::-1].view(np.recarray), source="a").frame_rgb
    assert type(given) is np.ndarray
    assert given.flags.c_contiguous


def test_a_masked_array_is_refused_with_what_to_do():
    masked = np.ma.masked_array(RGB, RGB > 200)
    for refused in (lambda: as_frame(masked), lambda: Frame(frame_rgb=masked, source="a")):
        with pytest.raises(FrameError, match=r"masked.*\.filled\(0\)"):
            refused()
    assert pixels(masked.filled(0)).max() <= 200


def test_arrays_and_frames_too_small_for_a_face_are_refused_as_files_are():
    small = np.zeros((1, 1, 3), np.uint8)
    for image in (small, np.zeros((4, 200), np.uint8), Frame(frame_rgb=small, source="a")):
        with pytest.raises(FrameError, match="pixels, expected at least 8 on each side"):
            as_frame(image)
