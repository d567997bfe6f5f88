"""The video of a file is the track that has frames, never a cover."""

import io
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image
from typer.testing import CliRunner

from mien.cli import app
from mien.errors import MediaError
from mien.media import LiveSource, Video
from tests.media.test_demuxing import site
from tests.videos import write_video

FRAMES = [(number / 10, np.full((64, 96, 3), 20 * number, np.uint8)) for number in range(10)]


def jpeg():
    packed = io.BytesIO()
    Image.new("RGB", (160, 160), "red").save(packed, "JPEG")
    return packed.getvalue()


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def with_cover(path, *, first):
    """Put a cover into an MP4, before its tracks or behind them."""
    image = box(b"covr", box(b"data", struct.pack(">II", 13, 0), jpeg()))
    handler = box(b"hdlr", bytes(8), b"mdirappl", bytes(9))
    udta = box(b"udta", box(b"meta", bytes(4), handler, box(b"ilst", image)))
    data = path.read_bytes()
    moov = data.index(b"moov") - 4  # it stands at the end
    inner = data[moov + 8 :]
    place = inner.index(b"trak") - 4 if first else len(inner)
    path.write_bytes(data[:moov] + box(b"moov", inner[:place], udta, inner[place:]))
    return path


def still_first(path, codec="libx264"):
    """Write a track with one image, and behind it the video."""
    with av.open(str(path), "w") as out:
        still, video = out.add_stream("mjpeg", rate=1), out.add_stream(codec, rate=10)
        still.width, still.height, still.pix_fmt = 160, 160, "yuvj420p"
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        image = av.VideoFrame.from_ndarray(np.full((160, 160, 3), 200, np.uint8), "rgb24")
        image.pts, image.time_base = 0, Fraction(1)
        out.mux([*still.encode(image), *still.encode(None)])
        for number, (_, pixels) in enumerate(FRAMES):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return path


def read_both_ways(path):
    """Return the size and number of the frames from the file, and the size from an address."""
    with Video(path) as video:
        frames = list(video.frames())
        assert (video.width, video.height) == (frames[0].width, frames[0].height)
    name = f"/a{path.suffix}"
    with site({name: ("video/mp4", path.read_bytes())}) as (address, _):
        live = next(LiveSource(address + name).frames())
    return (frames[0].width, frames[0].height), len(frames), (live.width, live.height)


@pytest.mark.parametrize("first", [True, False], ids=["before the tracks", "behind"])
def test_a_cover_is_not_the_video(tmp_path, first):
    path = with_cover(write_video(tmp_path / "a.mp4", FRAMES), first=first)
    with av.open(str(path)) as container:
        covers = [track.disposition & Disposition.attached_pic for track in container.streams]
        assert sorted(map(bool, covers)) == [False, True]
    assert read_both_ways(path) == ((96, 64), 10, (96, 64))


@pytest.mark.parametrize(
    ("ending", "codec"),
    [("mp4", "libx264"), ("mov", "libx264"), ("mkv", "libx264"), ("avi", "mpeg4")],
)
def test_a_still_track_is_not_the_video(tmp_path, ending, codec):
    path = still_first(tmp_path / f"a.{ending}", codec)
    assert read_both_ways(path) == ((96, 64), 10, (96, 64))


def test_sound_with_a_cover_is_refused_in_one_line(tmp_path):
    write_video(tmp_path / "b.mp4", FRAMES, sound=True)
    path = tmp_path / "a.mp4"
    with av.open(str(tmp_path / "b.mp4")) as source, av.open(str(path), "w") as out:
        track = source.streams.audio[0]
        copy = out.add_stream_from_template(track)
        for packet in source.demux(track):
            if packet.dts is not None:
                packet.stream = copy
                out.mux(packet)
    with_cover(path, first=True)
    with pytest.raises(MediaError, match=r"has no video track, only a cover image. Give a video"):
        Video(path)
    ran = CliRunner().invoke(app, ["analyze", str(path)])
    assert ran.exit_code == 1
    assert "has no video track, only a cover image" in ran.stderr


@pytest.mark.parametrize(
    ("ending", "codec", "before", "after"),
    [
        ("mp4", "libx264", b"avc1", b"zzzz"),
        ("mkv", "libx264", b"V_MPEG4/ISO/AVC", b"V_MPEG4/ISO/AXX"),
        ("avi", "mpeg4", b"FMP4", b"ZZZZ"),
    ],
)
def test_an_unknown_codec_is_said_in_one_line(tmp_path, ending, codec, before, after):
    path = write_video(tmp_path / f"a.{ending}", FRAMES, codec=codec)
    path.write_bytes(path.read_bytes().replace(before, after))
    with pytest.raises(MediaError, match=r"its video codec is not known. Convert it to H.264"):
        Video(path)
