import gc
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from mien.errors import MediaError
from mien.media import Video, VideoFrame, is_video, read_image
from mien.media.drawn_video import DrawnVideo
from mien.runs import ResultFolder
from mien.structures import FrameResult
from tests.videos import gliding, write_video


@pytest.fixture(scope="module")
def photo(request):
    from tests.conftest import SAMPLES

    return read_image(next(iter(sorted(SAMPLES.glob("*.jpg"))))).frame_rgb


def test_every_frame_comes_with_its_real_time(tmp_path, photo):
    times = [0.0, 0.04, 0.08, 0.5, 0.54, 2.0]
    frames = [pixels for _, pixels in gliding(photo, seconds=1, per_second=6)]
    path = write_video(tmp_path / "a.mp4", zip(times, frames, strict=True))
    with Video(path) as video:
        found = list(video.frames())
        assert (video.width, video.height) == (320, 240)
    assert [frame.frame for frame in found] == list(range(6))
    np.testing.assert_allclose([frame.timestamp_s for frame in found], times, atol=1e-3)
    for frame, pixels in zip(found, frames, strict=True):
        assert np.abs(frame.rgb().astype(int) - pixels).mean() < 6


def test_a_frame_that_was_read_is_gone_without_the_collector(tmp_path, photo):
    path = write_video(tmp_path / "a.mp4", gliding(photo, seconds=2, per_second=10))

    def decoded():
        # `isinstance` asks lazy objects of other libraries for their class; some warn of it.
        return sum(type(each) is av.VideoFrame for each in gc.get_objects())

    gc.collect()
    gc.freeze()  # what was there before is not looked through for each frame
    gc.disable()
    try:
        before = decoded()
        with Video(path) as video:
            most = max(decoded() - before for _ in video.frames())
    finally:
        gc.enable()
        gc.unfreeze()
    assert most < 10


def test_fewer_frames_a_second_are_given_if_asked(tmp_path, photo):
    path = write_video(tmp_path / "a.mp4", gliding(photo, seconds=2, per_second=30))
    with Video(path) as video:
        times = [frame.timestamp_s for frame in video.frames(per_second=5)]
    assert len(times) == 10
    np.testing.assert_allclose(np.diff(times), 0.2, atol=0.034)


def test_luma_is_that_of_the_frame_on_its_own_scale(tmp_path, photo):
    path = write_video(tmp_path / "a.mp4", gliding(photo, seconds=0.2, per_second=10))
    with Video(path) as video:
        frame = next(iter(video.frames()))
    pixels, black, white = frame.luma()
    assert pixels.shape == (240, 320)
    luma = (pixels.astype(float) - black) * 255 / (white - black)
    grey = frame.rgb() @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma - grey).mean() < 4


@pytest.mark.parametrize(
    "kind", ["yuv420p", "yuvj420p", "nv12", "yuv444p", "yuv420p10le", "rgb24", "gray"]
)
@pytest.mark.parametrize("size_hw", [(121, 161), (240, 320), (300, 400)])
def test_a_frame_can_be_scaled_on_the_way(photo, kind, size_hw):
    small = np.asarray(Image.fromarray(photo).resize((320, 240)))
    decoded = av.VideoFrame.from_ndarray(small, "rgb24")
    frame = VideoFrame.of("a", 0, 0.0, decoded.reformat(format=kind))
    whole = Image.fromarray(frame.rgb())
    expected = np.asarray(whole.resize(size_hw[::-1], Image.Resampling.BILINEAR))
    assert np.abs(frame.rgb(size_hw).astype(int) - expected).mean() < 3


def turned(path, out):
    """Write 90 degrees into the video's display matrix, as a phone held upright does."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40
    one, minus, unit = (v.to_bytes(4, "big", signed=True) for v in (65536, -65536, 1 << 30))
    zero = bytes(4)
    matrix = (zero, one, zero, minus, zero, zero, zero, zero, unit)
    data[start : start + 36] = b"".join(matrix)
    out.write_bytes(data)
    return out


def test_a_phones_video_is_turned_upright(tmp_path, photo):
    path = write_video(tmp_path / "a.mp4", gliding(photo, seconds=0.2, per_second=10))
    with Video(path) as video, Video(turned(path, tmp_path / "b.mp4")) as upright:
        a, b = next(iter(video.frames())), next(iter(upright.frames()))
        assert (b.width, b.height) == (240, 320)
        # The matrix turns clockwise.
        np.testing.assert_array_equal(b.rgb(), np.rot90(a.rgb(), -1))
        np.testing.assert_array_equal(b.luma()[0], np.rot90(a.luma()[0], -1))
        assert b.rgb((160, 120)).shape == (160, 120, 3)


@pytest.mark.parametrize(
    ("ending", "codec"),
    [("mkv", "libx264"), ("avi", "mpeg4"), ("webm", "libvpx-vp9"), ("mov", "libx264")],
)
def test_other_kinds_of_video_are_read_too(tmp_path, photo, ending, codec):
    path = write_video(
        tmp_path / f"a.{ending}", gliding(photo, seconds=0.4, per_second=10), codec=codec
    )
    with Video(path) as video:
        assert len(list(video.frames())) == 4


def test_what_is_no_video_says_so(tmp_path, photo):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(MediaError, match="no video that can be read"):
        Video(tmp_path / "a.mp4")
    with pytest.raises(MediaError, match="no such file"):
        Video(tmp_path / "gone.mp4")
    (tmp_path / "empty.mp4").write_bytes(b"")
    with pytest.raises(MediaError):
        Video(tmp_path / "empty.mp4")
    write_video(tmp_path / "b.mp4", gliding(photo, seconds=1.2, per_second=5), sound=True)
    with (
        av.open(str(tmp_path / "b.mp4")) as source,
        av.open(str(tmp_path / "c.m4a"), "w", "mp4") as out,
    ):
        track = source.streams.audio[0]
        copy = out.add_stream_from_template(track)
        for packet in source.demux(track):
            if packet.dts is not None:
                packet.stream = copy
                out.mux(packet)
    with pytest.raises(MediaError, match="has no video track"):
        Video(tmp_path / "c.m4a")


def frames_and_error(path):
    """Read a video; return how many frames came out and how it ended."""
    count = 0
    with Video(path) as video:
        try:
            for _ in video.frames():
                count += 1
        except MediaError as error:
            return count, error.reason
    return count, None


def test_of_a_video_that_was_cut_the_first_frames_come_out(tmp_path, photo):
    path = write_video(tmp_path / "a.ts", gliding(photo, seconds=3, per_second=25))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    count, _ = frames_and_error(path)  # a transport stream does not say how long it is
    assert 10 < count < 75


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_video_that_ends_before_its_declared_length_is_called_cut_off(tmp_path, photo, ending):
    path = write_video(tmp_path / f"a.{ending}", gliding(photo, seconds=6, per_second=25))
    if ending == "mp4":  # its index stands at the end, where a cut takes everything
        path = index_first(path, tmp_path / "b.mp4")
    assert frames_and_error(path) == (150, None)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    count, reason = frames_and_error(path)
    assert 10 < count < 140
    assert reason.startswith("cut off: ends after ")
    assert " of 6.0 seconds" in reason


def index_first(path, out):
    """Copy an MP4 with its index before the contents, as for the web."""
    with (
        av.open(str(path)) as source,
        av.open(str(out), "w", options={"movflags": "faststart"}) as container,
    ):
        copy = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = copy
                container.mux(packet)
    return out


def test_a_video_goes_on_after_a_damaged_part(tmp_path, photo):
    path = write_video(tmp_path / "a.mp4", gliding(photo, seconds=6, per_second=25))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = np.random.default_rng(0).bytes(2000)
    path.write_bytes(data)
    count, reason = frames_and_error(path)
    assert 120 < count < 150
    assert reason.startswith("damaged: after ")


def test_a_longer_sound_track_does_not_make_a_video_cut_off(tmp_path, photo):
    path = write_video(tmp_path / "a.mkv", gliding(photo, seconds=0.2, per_second=25), sound=True)
    assert frames_and_error(path) == (5, None)


def test_the_drawn_copy_has_the_same_frames_times_and_sound(tmp_path, photo, prediction):
    path = write_video(tmp_path / "a.mp4", gliding(photo, seconds=1.2, per_second=10), sound=True)
    with DrawnVideo(path, tmp_path / "drawn.mp4") as drawn:
        for number in range(12):
            faces = (prediction,) if number >= 6 else ()
            drawn.write(FrameResult(source=str(path), frame=number, faces=faces, timestamp_s=0.0))
        assert not (tmp_path / "drawn.mp4").exists()
    with Video(path) as before, Video(tmp_path / "drawn.mp4") as after:
        frames = list(zip(before.frames(), after.frames(), strict=True))
        differences = []
        for a, b in frames:
            assert b.timestamp_s == pytest.approx(a.timestamp_s, abs=1e-3)
            differences.append(float(np.abs(a.rgb().astype(int) - b.rgb()).mean()))
    assert max(differences[:6]) < 3 < min(differences[6:])
    with av.open(str(tmp_path / "drawn.mp4")) as video:
        assert video.streams.audio[0].codec_context.name == "aac"
        assert sum(1 for _ in video.decode(audio=0)) > 20
    assert not list(tmp_path.glob("*.partial"))


def test_recordings_put_one_behind_the_other_go_on_where_the_last_one_ended(tmp_path, photo):
    parts = [
        write_video(tmp_path / f"{name}.ts", gliding(photo, seconds=2, per_second=10))
        for name in "abc"
    ]
    path = tmp_path / "all.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with Video(path) as video:
        times = [frame.timestamp_s for frame in video.frames()]
    with Video(path) as video:
        fewer = [frame.timestamp_s for frame in video.frames(per_second=5)]
    assert len(times) == 60
    assert min(np.diff(times)) > 0.02
    assert times[-1] == pytest.approx(5.9, abs=0.2)
    assert len(fewer) == 30


def test_pixels_that_are_not_square_are_made_so(tmp_path, photo):
    path = tmp_path / "wide.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 180, 240, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 9)
        squeezed = np.asarray(Image.fromarray(photo[:240, :320]).resize((180, 240)))
        for _ in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(squeezed, "rgb24")))
        out.mux(stream.encode(None))
    with Video(path) as video:
        assert (video.width, video.height) == (320, 240)
        frame = next(video.frames())
        pixels, black, white = frame.luma()
        rgb = frame.rgb()
    assert rgb.shape == (240, 320, 3)
    assert pixels.shape == (240, 320)
    assert np.abs(rgb.astype(int) - photo[:240, :320]).mean() < 12
    grey = np.asarray(Image.fromarray(rgb).convert("L"), int)
    assert np.abs((pixels - black) / (white - black) * 255 - grey).mean() < 4


def test_numbered_images_can_be_drawn(tmp_path, photo):
    for number, (_, pixels) in enumerate(gliding(photo, seconds=1, per_second=4), start=10):
        Image.fromarray(pixels).save(tmp_path / f"shot_{number:04}.png")
    pattern = str(tmp_path / "shot_%04d.png")
    with ResultFolder(tmp_path / "out", draw=True) as folder:
        for number in range(4):
            folder.write(FrameResult(source=pattern, frame=number, timestamp_s=number / 25))
    with Video(tmp_path / "out" / "drawn" / "shot_%04d.mp4") as video:
        assert len(list(video.frames())) == 4


def test_the_sound_of_a_drawn_copy_that_is_interrupted_ends_with_it(tmp_path, photo):
    path = write_video(tmp_path / "a.mp4", gliding(photo, seconds=1, per_second=10), sound=True)
    with pytest.raises(KeyboardInterrupt), DrawnVideo(path, tmp_path / "drawn.mp4") as drawn:
        for number in range(4):
            drawn.write(FrameResult(source=str(path), frame=number, timestamp_s=number / 10))
        raise KeyboardInterrupt
    assert not (tmp_path / "drawn.mp4").exists()
    with av.open(str(tmp_path / "drawn.mp4.partial")) as video:
        assert sum(frame.samples for frame in video.decode(audio=0)) / 44_100 < 0.5


def test_a_drawn_copy_that_fails_leaves_nothing(tmp_path, photo):
    path = write_video(tmp_path / "a.mp4", gliding(photo, seconds=0.5, per_second=10))
    with pytest.raises(RuntimeError), DrawnVideo(path, tmp_path / "drawn.mp4") as drawn:
        drawn.write(FrameResult(source=str(path), frame=0, timestamp_s=0.0))
        raise RuntimeError
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4"]


def test_a_sound_that_an_mp4_cannot_hold_becomes_aac(tmp_path, photo):
    path = write_video(
        tmp_path / "a.mkv", gliding(photo, seconds=0.5, per_second=10), sound="pcm_s16le"
    )
    with ResultFolder(tmp_path / "out", draw=True) as folder:
        for number in range(5):
            folder.write(FrameResult(source=str(path), frame=number, timestamp_s=number / 10))
    assert folder.notes == []
    with av.open(str(tmp_path / "out" / "drawn" / "a.mp4")) as video:
        assert video.streams.audio[0].codec_context.name == "aac"
        assert sum(1 for _ in video.decode(video=0)) == 5
        video.seek(0)
        sound = np.concatenate([frame.to_ndarray()[0] for frame in video.decode(audio=0)])
    # The tone of the original: 44,100 / (2 pi 20) = 351 times a second.
    assert 44_100 <= len(sound) < 46_200
    loudest = np.abs(np.fft.rfft(sound[:44_100])).argmax()
    assert loudest == pytest.approx(351, abs=2)


def test_numbered_images_are_a_video(tmp_path, photo):
    for number, (_, pixels) in enumerate(gliding(photo, seconds=1, per_second=6), start=98):
        Image.fromarray(pixels).save(tmp_path / f"shot 100%_{number:03}.png")
    pattern = tmp_path / "shot 100%_%03d.png"
    assert not is_video(tmp_path / "shot.png")
    assert is_video(pattern)
    with Video(pattern) as video:
        found = list(video.frames())
    assert [frame.timestamp_s for frame in found] == pytest.approx([n / 25 for n in range(6)])
    np.testing.assert_array_equal(found[5].rgb(), pixels)
    (tmp_path / "shot 100%_100.png").unlink()
    with pytest.raises(MediaError, match="number 100 is missing, 1 in all"):
        Video(pattern)
    with pytest.raises(MediaError, match="no image has such a name"):
        Video(tmp_path / "other_%d.png")


def test_numbers_that_are_padded_otherwise_are_refused_by_name(tmp_path):
    for name in ("shot_01.png", "shot_001.png", "shot_02.png", "other_001.png"):
        Image.new("RGB", (16, 16)).save(tmp_path / name)
    with pytest.raises(MediaError, match=r"shot_01\.png and shot_001\.png have the same number"):
        Video(tmp_path / "shot_%02d.png")
    with pytest.raises(MediaError, match="the numbers have 3 digits, padded"):
        Video(tmp_path / "shot_%d.png")
    with pytest.raises(MediaError, match=r"have 3 digits, padded with zeros\. Write %03d"):
        Video(tmp_path / "other_%02d.png")


def remuxed(source, path, *, later_s=0.0, options=None):
    """Copy a video's packets into another container, some seconds later on its clock."""
    with av.open(str(source)) as video, av.open(str(path), "w", options=options or {}) as out:
        copies = {track.index: out.add_stream_from_template(track) for track in video.streams}
        for packet in video.demux():
            if packet.dts is None:
                continue
            shift = round(later_s / packet.time_base)
            packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
            packet.stream = copies[packet.stream.index]
            out.mux(packet)
    return path


def drawn_sound(path, folder, frames):
    """Draw a video; return when the copy's sound begins and ends, from its first image on."""
    with ResultFolder(folder, draw=True) as results:
        for number in range(frames):
            results.write(FrameResult(source=str(path), frame=number, timestamp_s=number / 10))
    assert results.notes == []
    with av.open(str(folder / "drawn" / f"{path.stem}.mp4")) as video:
        begin_s = next(video.decode(video=0)).time
        video.seek(0)
        heard = list(video.decode(audio=0))
    end_s = heard[-1].time + heard[-1].samples / heard[-1].rate
    return heard[0].time - begin_s, end_s - begin_s


@pytest.mark.parametrize(
    ("codec", "ending", "later_s", "first_s"),
    [
        ("aac", "ts", 100.0, 100.0),
        ("pcm_s16le", "mkv", 100.0, 100.0),
        ("aac", "ts", 2**33 / 90_000 - 0.5, -0.5),  # where the clock begins again
    ],
)
def test_the_sound_begins_with_the_images_wherever_the_videos_clock_does(
    tmp_path, photo, codec, ending, later_s, first_s
):
    whole = write_video(tmp_path / "a.mov", gliding(photo, seconds=1, per_second=10), sound=codec)
    options = {"mpegts_copyts": "1"} if ending == "ts" else {}
    late = remuxed(whole, tmp_path / f"late.{ending}", later_s=later_s, options=options)
    with Video(late) as video:
        assert video.first_s == pytest.approx(first_s, abs=2)
        assert len(list(video.frames())) == 10
    begin_s, end_s = drawn_sound(late, tmp_path / "out", 10)
    assert begin_s == pytest.approx(0, abs=0.1)
    assert end_s == pytest.approx(1, abs=0.1)


def test_a_sound_whose_name_begins_like_one_that_an_mp4_can_hold_becomes_aac(tmp_path, photo):
    whole = write_video(tmp_path / "a.mov", gliding(photo, seconds=1, per_second=10), sound=True)
    latm = remuxed(whole, tmp_path / "latm.ts", options={"mpegts_flags": "latm"})
    with av.open(str(latm)) as video:
        assert video.streams.audio[0].codec_context.name == "aac_latm"
    begin_s, end_s = drawn_sound(latm, tmp_path / "out", 10)
    assert begin_s == pytest.approx(0, abs=0.1)
    assert end_s == pytest.approx(1, abs=0.15)
