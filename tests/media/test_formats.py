"""Exactly the promised image formats are opened, wherever an image comes from."""

import io

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image
from typer.testing import CliRunner

import mien
from mien.cli import app
from mien.errors import MediaError
from mien.media import decode_image, read_image

PROMISED = {"JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"}
IMAGE = Image.fromarray(np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))).convert("RGB")
Image.init()


def encoded(kind, mode="RGB", **options):
    data = io.BytesIO()
    IMAGE.convert(mode).save(data, kind, **options)
    return data.getvalue()


EPS = encoded("EPS")


@pytest.fixture
def ghostscript(monkeypatch):
    """Stand in for Ghostscript; gives the list of times that it was started."""
    started = []

    def start(*given, **_):
        started.append(given)
        raise OSError("started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", start)
    return started


@pytest.mark.parametrize("kind", sorted(PROMISED))
def test_each_promised_format_is_read(kind):
    frame = decode_image(encoded(kind), "a")
    assert np.abs(frame.frame_rgb.astype(int) - np.asarray(IMAGE)).mean() < 12


def test_a_phones_jpeg_with_a_second_image_in_it_is_read():
    data = encoded("MPO", save_all=True, append_images=[IMAGE])
    frame = decode_image(data, "a.jpg")
    assert frame.frame_rgb.shape == (64, 64, 3)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.format == "MPO"
        assert mien.Analyzer().analyze(opened).width == 64


@pytest.mark.filterwarnings("ignore:IM image format")
def test_whatever_else_pillow_writes_and_opens_is_not():
    refused = 0
    for kind in sorted(Image.OPEN.keys() & Image.SAVE.keys() - PROMISED):
        for mode in ("RGB", "L", "1"):
            try:
                data = encoded(kind, mode)
                Image.open(io.BytesIO(data)).close()
            except (OSError, ValueError, KeyError):
                continue
            with pytest.raises(MediaError, match="Use a JPEG, PNG, WebP, BMP, GIF, TIFF or AVIF"):
                decode_image(data, kind)
            refused += 1
            break
    assert refused >= 10


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (EPS, "PostScript (EPS)"),
        (b"\xc5\xd0\xd3\xc6" + bytes(40), "PostScript (EPS)"),
        (b"%PDF-1.7\n" + bytes(40), "PDF"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"<svg viewBox='0 0 1 1'></svg>", "SVG"),
        (b"<!doctype html><svg></svg>", "HTML"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "JPEG XL"),
        (encoded("JPEG2000"), "JPEG 2000"),
        (b"8BPS\0\x01" + bytes(40), "Photoshop (PSD)"),
        (encoded("ICO"), "Windows icon (ICO)"),
        (encoded("PPM"), "PPM or PGM"),
        (encoded("PCX"), "PCX"),
        (encoded("SGI"), "SGI"),
        (b"PK\x03\x04" + bytes(40), "ZIP archive"),
    ],
)
def test_the_error_names_what_came_and_what_is_promised(tmp_path, data, name):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(data)
    with pytest.raises(MediaError) as caught:
        read_image(path)
    given = "Use a JPEG, PNG, WebP, BMP, GIF, TIFF or AVIF file"
    assert caught.value.reason == f"{name}, which is not read. {given}"


def test_postscript_starts_no_other_program_wherever_it_comes_from(tmp_path, ghostscript):
    folder = tmp_path / "photos"
    folder.mkdir()
    path = folder / "a.jpg"
    path.write_bytes(EPS)
    analyzer = mien.Analyzer()
    with Image.open(io.BytesIO(EPS)) as opened:
        for given in (path, EPS, opened):
            with pytest.raises(MediaError, match="EPS"):
                analyzer.analyze(given)
    (result,) = analyzer.stream(folder)
    assert "PostScript (EPS)" in result.error
    for verb in ("analyze", "explain", "similar"):
        more = [str(path)] if verb == "similar" else []
        ran = CliRunner().invoke(app, [verb, str(path), *more])
        assert ran.exit_code == 1, ran.output
        assert "PostScript (EPS), which is not read" in f"{ran.stderr}{ran.exception}"
    assert ghostscript == []
    with Image.open(io.BytesIO(EPS)) as opened, pytest.raises(OSError, match="started"):
        opened.load()  # as Pillow by itself would have
    assert len(ghostscript) == 1


def test_images_to_learn_from_are_of_the_promised_formats(tmp_path, ghostscript):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from mien.data import import_dataset
    from mien.errors import DatasetError
    from mien.training.pseudo_labels import read_unlabelled_images

    tree = tmp_path / "tree"
    for name, data in (("a.png", encoded("PNG")), ("b.png", EPS)):
        (tree / "train" / "happy").mkdir(parents=True, exist_ok=True)
        (tree / "train" / "happy" / name).write_bytes(data)
    pq.write_table(
        pa.table({"image": [encoded("PNG"), EPS], "label": [3, 3]}), tmp_path / "a.parquet"
    )
    for source in (tree, tmp_path / "a.parquet"):
        with pytest.raises(DatasetError, match=r"PostScript \(EPS\), which is not read"):
            import_dataset([source], tmp_path / "out")
    photos = {"id": ["a", "b"], "kind": ["", ""], "jpeg": [encoded("JPEG"), EPS]}
    pq.write_table(pa.table(photos), tmp_path / "photos.parquet")
    for source, names in ((tree, ["train/happy/a.png"]), (tmp_path / "photos.parquet", ["a"])):
        assert [name for name, _, _ in read_unlabelled_images(source)] == names
    assert ghostscript == []


def test_an_uploaded_postscript_file_is_refused(ghostscript, tmp_path):
    from fastapi.testclient import TestClient

    from mien.server import ServerOptions, create_app

    with TestClient(create_app(ServerOptions(jobs=tmp_path / "jobs"))) as client:
        for query in ("", "?draw=true"):
            answer = client.post(
                f"/v1/analyze{query}", content=EPS, headers={"content-type": "image/jpeg"}
            )
            assert answer.status_code == 422
            assert "PostScript (EPS), which is not read" in answer.json()["error"]["message"]
        with client.websocket_connect("/v1/stream") as stream:
            stream.send_bytes(EPS)
            assert "PostScript (EPS)" in stream.receive_json()["error"]
    assert ghostscript == []


def test_an_image_of_another_format_that_somebody_decoded_is_taken():
    with Image.open(io.BytesIO(encoded("PPM"))) as opened:
        with pytest.raises(MediaError, match=r"PPM, which is not read.*image\.convert\('RGB'\)"):
            mien.Analyzer().analyze(opened)
        assert mien.Analyzer().analyze(opened.convert("RGB")).width == 64


@pytest.mark.parametrize(
    ("start", "called"),
    [
        (b"nut/multimedia container\0", "NUT video"),
        (b".RMF\0\0\0\x12", "RealMedia video"),
        (b"DKIF\0\0 \0VP80", "IVF video"),
        (b"YUV4MPEG2 W176 H144 F25:1", "Y4M video"),
        (b"\0\0\0\x01gd\0\x0b", "raw H.264 video"),
        (b"\0\0\0\x01@\x01\x0c\x01", "raw H.265 video"),
    ],
)
def test_a_video_that_is_not_read_is_called_one(tmp_path, start, called):
    for name in ("a.bin", "a.mp4"):
        (tmp_path / name).write_bytes(start + bytes(100))
        (result,) = mien.Analyzer().stream(tmp_path / name)
        assert result.error.startswith(f"{called}, which is not read. Convert it to MP4, MOV")


def test_what_is_neither_has_both_kinds_named():
    with pytest.raises(MediaError, match=r"not an image or video.*JPEG.*MP4"):
        decode_image(b"\x93\x94" * 50, "a")


@pytest.mark.parametrize("verb", [["explain"], ["similar", "--max-faces", "1"]])
def test_an_address_in_place_of_an_image_is_named_as_it_was_given(verb, samples):
    address = "http://127.0.0.1:9/a.jpg"
    ran = CliRunner().invoke(app, [*verb, address, *([str(samples)] if len(verb) > 1 else [])])
    assert ran.exit_code == 1
    assert f"{address}: a camera or stream, not an image" in f"{ran.stderr}{ran.exception}"


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_what_libtiff_finds_is_an_error_and_not_printed(compression, capfd):
    data = bytearray(encoded("TIFF", compression=compression))
    data[100 : len(data) // 2] = b"\xa7" * (len(data) // 2 - 100)
    with pytest.raises(MediaError, match="damaged or cut off"):
        decode_image(bytes(data), "a.tif")
    assert capfd.readouterr() == ("", "")
