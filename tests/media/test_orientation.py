"""A video shows the same upright in all eight ways in which its images can lie in the file."""

import struct

import numpy as np
import pytest
from PIL import Image

from mien import Analyzer
from mien.media import LiveSource, Video, read_image
from mien.runs import ResultFolder
from tests.conftest import SAMPLES
from tests.media.test_demuxing import site
from tests.videos import write_video

ONE, NONE = 1 << 16, 0

# Rows of the matrix [a b, c d] (ISO/IEC 14496-12), and how upright pixels lie in the file.
ORIENTATIONS = {
    "upright": ((ONE, NONE, NONE, ONE), lambda pixels: pixels),
    "mirrored": ((-ONE, NONE, NONE, ONE), np.fliplr),
    "upside down": ((-ONE, NONE, NONE, -ONE), lambda pixels: np.rot90(pixels, 2)),
    "flipped": ((ONE, NONE, NONE, -ONE), np.flipud),
    "turned right": ((NONE, ONE, -ONE, NONE), np.rot90),
    "turned left": ((NONE, -ONE, ONE, NONE), lambda pixels: np.rot90(pixels, -1)),
    "transposed": ((NONE, ONE, ONE, NONE), lambda pixels: pixels.swapaxes(0, 1)),
    "transversed": ((NONE, -ONE, -ONE, NONE), lambda pixels: np.rot90(pixels.swapaxes(0, 1), 2)),
}


@pytest.fixture(scope="module")
def photo():
    return read_image(SAMPLES / "eileen_collins.jpg").frame_rgb[:240, 60:380]


def lying(path, upright, name):
    """Write a video of two frames that lie in the file in one of the eight ways."""
    matrix, lay = ORIENTATIONS[name]
    stored = np.ascontiguousarray(lay(upright))
    write_video(path, [(0.0, stored), (0.1, stored)])
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40
    (a, b, c, d) = matrix
    data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_frames_luma_and_sizes_are_upright(tmp_path, photo, name):
    with Video(lying(tmp_path / "a.mp4", photo, name)) as video:
        assert (video.width, video.height) == (320, 240)
        frame = next(video.frames())
        assert (frame.width, frame.height) == (320, 240)
        assert np.abs(frame.rgb().astype(int) - photo).mean() < 6
        half = np.asarray(Image.fromarray(photo).resize((160, 120)))
        assert np.abs(frame.rgb((120, 160)).astype(int) - half).mean() < 8
        luma, black, white = frame.luma()
    grey = np.asarray(Image.fromarray(photo).convert("L"), int)
    assert np.abs((luma - black) * 255 / (white - black) - grey).mean() < 6


@pytest.mark.parametrize("name", ["mirrored", "transversed"])
def test_faces_are_where_they_are_upright_in_rows_streams_and_drawn_copies(tmp_path, photo, name):
    analyzer = Analyzer()
    path = lying(tmp_path / "a.mp4", photo, name)
    (still,) = analyzer.analyze(photo).faces
    with site({"/a.mp4": ("video/mp4", path.read_bytes())}) as (address, _):
        results = [*analyzer.stream(path), *analyzer.stream(f"{address}/a.mp4")]
    assert len(results) >= 3
    for result in results:
        np.testing.assert_allclose(result.faces[0].box_xyxy, still.box_xyxy, atol=8)
        assert result.faces[0].emotion == still.emotion
    with ResultFolder(tmp_path / "out", draw=True) as folder:
        for result in results[:2]:
            folder.write(result)
    with Video(tmp_path / "out" / "drawn" / "a.mp4") as drawn:
        pixels = next(drawn.frames()).rgb()
    box = [round(side) for side in still.box_xyxy]
    inside = (slice(box[1] + 10, box[3] - 10), slice(box[0] + 10, box[2] - 10))
    assert np.abs(pixels[inside].astype(int) - photo[inside]).mean() < 12
    assert np.abs(pixels.astype(int) - photo).max() > 80  # something is drawn


def test_a_live_mirrored_video_is_upright(tmp_path, photo):
    path = lying(tmp_path / "a.mp4", photo, "mirrored")
    with site({"/a.mp4": ("video/mp4", path.read_bytes())}) as (address, _):
        frame = next(LiveSource(f"{address}/a.mp4").frames())
    assert np.abs(frame.rgb().astype(int) - photo).mean() < 6


@pytest.mark.parametrize("tag", list(range(1, 9)))
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_numbered_images_are_upright_as_they_are_alone(tmp_path, photo, suffix, tag):
    image = Image.fromarray(photo)
    exif = image.getexif()
    exif[0x112] = tag
    image.save(tmp_path / f"a_1{suffix}", exif=exif)
    alone = read_image(tmp_path / f"a_1{suffix}").frame_rgb
    with Video(tmp_path / f"a_%d{suffix}") as video:
        numbered = next(video.frames()).rgb()
    assert numbered.shape == alone.shape
    assert np.abs(numbered.astype(int) - alone).mean() < 3
