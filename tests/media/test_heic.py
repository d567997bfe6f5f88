"""HEIC: read where the extra `heif` is installed, and named with what to do where it is not."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import mien
from mien.errors import MediaError
from mien.media import as_frame, read_image
from tests.conftest import SAMPLES

PHOTO = SAMPLES / "eileen_collins.jpg"


@pytest.fixture(scope="module")
def heic(tmp_path_factory):
    pillow_heif = pytest.importorskip("pillow_heif")
    path = tmp_path_factory.mktemp("heic") / "photo.heic"
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(PHOTO) as image:
        turned = image.convert("RGB").transpose(Image.Transpose.ROTATE_90)
        pillow_heif.from_pillow(turned).save(path, quality=90, exif=exif.tobytes())
    return path


def test_a_heic_is_read_upright_in_every_form(heic):
    with Image.open(PHOTO) as image:
        expected = np.asarray(image.convert("RGB")).astype(int)
    for form in (heic, heic.read_bytes(), io.BytesIO(heic.read_bytes())):
        found = as_frame(form).frame_rgb.astype(int)
        assert found.shape == expected.shape
        assert np.abs(found - expected).mean() < 4
    (face,) = mien.analyze(heic).faces
    (same,) = mien.analyze(PHOTO).faces
    assert face.emotion == same.emotion


def test_nothing_is_registered_with_pillow(heic):
    code = (
        "import sys\n"
        "from PIL import Image\n"
        "from mien.media import read_image\n"
        "assert 'pillow_heif' not in sys.modules\n"
        f"read_image({str(heic)!r})\n"
        "assert 'pillow_heif' in sys.modules\n"
        "assert 'HEIF' not in Image.OPEN\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_extra_the_command_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = tmp_path / "photo.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(MediaError) as caught:
        read_image(path)
    assert caught.value.reason == (
        "HEIC, which needs the extra 'heif'. Install it with: "
        'pip install ".[heif]" in the folder of mien\'s source, '
        "or use a JPEG, PNG, WebP, BMP, GIF, TIFF or AVIF file"
    )


def test_a_heic_that_is_cut_off_is_an_error(heic):
    with pytest.raises(MediaError, match="damaged or cut off"):
        as_frame(heic.read_bytes()[:3000])


def test_the_limit_of_pixels_holds_before_decoding(heic):
    with pytest.raises(MediaError, match="limit of 0 million pixels"):
        read_image(heic, max_pixels=1000)


def test_a_damaged_heic_is_said():
    pytest.importorskip("pillow_heif")
    with pytest.raises(MediaError, match="damaged or cut off"):
        as_frame(b"\0\0\0\x18ftypheic" + bytes(100))
