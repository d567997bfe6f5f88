"""A damaged video is never called whole, and a whole one never damaged."""

import itertools
import tracemalloc
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from mien.cli import app
from mien.errors import MediaError
from mien.media import LiveSource, Video, read_image
from mien.media.reading import Reading
from tests.conftest import SAMPLES
from tests.media.test_demuxing import site
from tests.videos import gliding

CONTAINERS = {
    "mp4": ("libx264", "aac", {}),
    "mov": ("libx264", "aac", {}),
    "fragments.mp4": ("libx264", "aac", {"movflags": "frag_keyframe+empty_moov"}),
    "index-first.mp4": ("libx264", "aac", {"movflags": "faststart"}),
    "m4v": ("mpeg4", "aac", {}),
    "3gp": ("libx264", "aac", {}),
    "mkv": ("libx264", "aac", {}),
    "webm": ("libvpx", "libopus", {}),
    "vp9.webm": ("libvpx-vp9", "libopus", {}),
    "avi": ("mpeg4", "libmp3lame", {}),
    "mjpeg.avi": ("mjpeg", "pcm_s16le", {}),
    "flv": ("libx264", "aac", {}),
    "h263.flv": ("flv", "libmp3lame", {}),
    "ogv": ("libvpx", "libopus", {}),
    "mpg": ("mpeg2video", "mp2", {}),
    "vob": ("mpeg2video", "mp2", {}),
    "ts": ("libx264", "aac", {}),
    "m2ts": ("libx264", "ac3", {}),
    "wmv": ("wmv2", None, {}),
    "asf": ("mpeg4", "mp2", {}),
}
"""Ending, codec of the images (H.264 with B-frames), of the sound, and options."""

TIMES = [number / 25 for number in range(50)]
SEEN_SELDOM = [0.0, 0.04, 0.08, 0.6, 0.64, 2.0, 2.04, 2.08, 3.9, 3.94]


@pytest.fixture(scope="module")
def photo():
    return read_image(SAMPLES / "eileen_collins.jpg").frame_rgb


@pytest.fixture(scope="module")
def videos(photo, tmp_path_factory):
    """Two seconds in each container, made when they are asked for."""
    folder, made = tmp_path_factory.mktemp("videos"), {}

    def video(name):
        if name not in made:
            made[name] = write(folder / f"a.{name}", photo, name)
        return made[name]

    return video


def write(path, photo, name, *, times=TIMES, sound_s=None, start_s=0.0, options=None):
    """Write a video with sound of any length, its packets in the order of their times."""
    codec, sound_codec, own_options = CONTAINERS[name]
    format = "ogg" if name == "ogv" else None
    images = [pixels for _, pixels in gliding(photo, seconds=2, per_second=25, size_hw=(120, 160))]
    ticks = 1000 if times is not TIMES else 25
    with av.open(str(path), "w", format=format, options=own_options | (options or {})) as out:
        quick = {"deadline": "realtime", "cpu-used": "8"} if codec.startswith("libvpx") else {}
        video = out.add_stream(codec, rate=25, options=quick)
        video.codec_context.thread_count = 1
        video.width, video.height = 160, 120
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        video.codec_context.time_base = Fraction(1, ticks)
        packets, sound = [], None
        if sound_codec is not None:
            rate = 48000 if sound_codec == "libopus" else 44100
            sound = out.add_stream(sound_codec, rate=rate, layout="mono")
            sound.codec_context.format = sound.codec_context.codec.audio_formats[0].name
        for time_s, pixels in zip(times, itertools.cycle(images), strict=False):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
            frame.pts, frame.time_base = round((start_s + time_s) * ticks), Fraction(1, ticks)
            packets += video.encode(frame)
        packets += video.encode(None)
        if sound is not None:
            packets += encoded_noise(sound, sound_s or times[-1] + 0.04, start_s)
        packets.sort(key=lambda each: float((each.dts or 0) * each.time_base))
        for packet in packets:
            out.mux(packet)
    return path


def encoded_noise(sound, seconds, start_s):
    rate = sound.codec_context.sample_rate
    noise = 3000 * np.random.default_rng(0).standard_normal(round(seconds * rate))
    samples = av.AudioFrame.from_ndarray(noise.astype(np.int16)[None], "s16", "mono")
    samples.rate, samples.pts = rate, round(start_s * rate)
    size = sound.codec_context.frame_size or 1024
    resampler = av.AudioResampler(sound.codec_context.format.name, "mono", rate, size)
    for piece in (*resampler.resample(samples), *resampler.resample(None)):
        yield from sound.encode(piece)
    yield from sound.encode(None)


def read(path):
    """Return the number of frames, their times, and what is said at the end."""
    times = []
    with Video(path) as video:
        try:
            for frame in video.frames():
                times.append(frame.timestamp_s)
        except MediaError as error:
            return len(times), times, error.reason
    return len(times), times, None


def cut(path, share, out):
    data = path.read_bytes()
    out.write_bytes(data[: int(len(data) * share)])
    return out


def zeroed(path, out):
    """Copy a file with a fifth in its middle lost."""
    data = bytearray(path.read_bytes())
    first, last = int(0.4 * len(data)), int(0.6 * len(data))
    data[first:last] = bytes(last - first)
    out.write_bytes(data)
    return out


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_whole_video_is_called_whole(videos, name):
    count, times, reason = read(videos(name))
    assert (count, reason) == (50, None)
    np.testing.assert_allclose(times, TIMES, atol=0.05)


@pytest.mark.parametrize("name", ["mp4", "mkv", "flv", "ts", "fragments.mp4"])
def test_frames_that_come_seldom_are_no_gap(tmp_path, photo, name):
    path = write(tmp_path / f"a.{name}", photo, name, times=SEEN_SELDOM, sound_s=4.0)
    count, times, reason = read(path)
    assert (count, reason) == (10, None)
    np.testing.assert_allclose(times, SEEN_SELDOM, atol=0.01)


@pytest.mark.parametrize(
    ("name", "sound_s"),
    [("mp4", 0.5), ("mkv", 5.0), ("avi", 5.0), ("flv", 0.5), ("ogv", 5.0), ("ts", 5.0)],
)
def test_sound_of_another_length_is_no_damage(tmp_path, photo, name, sound_s):
    path = write(tmp_path / f"a.{name}", photo, name, sound_s=sound_s)
    count, _, reason = read(path)
    assert (count, reason) == (50, None)


@pytest.mark.parametrize("name", ["mp4", "mkv", "flv", "ts"])
def test_a_clock_that_begins_late_is_no_damage(tmp_path, photo, name):
    count, _, reason = read(write(tmp_path / f"a.{name}", photo, name, start_s=100.0))
    assert (count, reason) == (50, None)


CLOCK_S = 2**33 / 90_000
"""After so many seconds the clock of MPEG's streams begins again."""


@pytest.mark.parametrize("name", ["ts", "m2ts", "mpg", "vob"])
@pytest.mark.parametrize("before_s", [0.04, 1.0, 90.0])
def test_a_clock_that_begins_again_loses_no_frame(tmp_path, photo, name, before_s):
    options = {"mpegts_copyts": "1"} if name.endswith("ts") else {}
    start_s = CLOCK_S - before_s
    path = write(tmp_path / f"a.{name}", photo, name, start_s=start_s, options=options)
    with Video(path) as video:
        assert video.first_s < 0 or before_s > 60
    count, times, reason = read(path)
    assert (count, reason) == (50, None)
    np.testing.assert_allclose(times, TIMES, atol=0.05)


def test_frames_without_a_time_come_before_those_that_have_one(tmp_path, photo):
    options = {"avoid_negative_ts": "disabled"}
    path = write(tmp_path / "a.mkv", photo, "mkv", start_s=-1.0, options=options)
    count, times, _ = read(path)
    assert count == 50
    np.testing.assert_allclose(times, TIMES, atol=0.05)


def test_what_an_mp4_hides_before_its_beginning_stays_hidden(tmp_path, photo):
    options = {"avoid_negative_ts": "disabled"}
    path = write(tmp_path / "a.mp4", photo, "mp4", start_s=-1.0, options=options)
    count, times, reason = read(path)
    assert (count, reason) == (25, None)
    np.testing.assert_allclose(times, TIMES[:25], atol=0.05)


DECLARE = ["mkv", "webm", "vp9.webm", "avi", "mjpeg.avi", "flv", "h263.flv"]
"""Containers that say at their beginning how long they are."""


@pytest.mark.parametrize("name", [*DECLARE, "index-first.mp4", "fragments.mp4"])
def test_half_a_video_is_called_cut_off(videos, tmp_path, name):
    count, _, reason = read(cut(videos(name), 0.5, tmp_path / f"b.{name}"))
    assert 0 < count < 40
    assert "ends after" in reason
    assert " of 2." in reason


def test_a_tenth_of_an_avi_is_called_cut_off(tmp_path, photo):
    times = [number / 25 for number in range(150)]
    path = write(tmp_path / "a.avi", photo, "avi", times=times)
    short = cut(path, 0.1, tmp_path / "b.avi")
    count, _, reason = read(short)
    assert count < 20
    assert "ends after 0." in reason
    ran = CliRunner().invoke(app, ["analyze", str(short)])
    assert ran.exit_code == 1
    assert "ends after 0." in ran.stderr


@pytest.mark.parametrize("name", [name for name in CONTAINERS if name not in ("ogv", "wmv")])
def test_a_video_that_lost_its_middle_is_called_damaged(videos, tmp_path, name):
    count, times, reason = read(zeroed(videos(name), tmp_path / f"b.{name}"))
    assert 0 < count < 50
    assert times == sorted(times)
    assert reason.startswith(("damaged: ", "cut off: "))
    assert reason.endswith("The frames before were read. Copy the file again to get the rest")


def test_a_gap_is_said_with_its_times(photo, tmp_path):
    path = write(tmp_path / "a.flv", photo, "flv")
    _, times, reason = read(zeroed(path, tmp_path / "b.flv"))
    gap = int(np.diff(times).argmax())
    begin_s, end_s = times[gap] + 0.04, times[gap + 1]
    assert f"no images from {begin_s:.1f} to {end_s:.1f} s" in reason


@pytest.mark.parametrize("name", ["mkv", "flv"])
def test_half_a_video_at_an_address_is_called_cut_off(videos, tmp_path, name):
    path = cut(videos(name), 0.5, tmp_path / f"b.{name}")
    count = 0
    with (
        site({f"/b.{name}": ("video/mp4", path.read_bytes())}) as (address, asked),
        pytest.raises(MediaError, match="ends after"),
    ):
        for _ in LiveSource(f"{address}/b.{name}").frames():
            count += 1
    assert count > 0
    assert len(asked) == 1


@pytest.mark.parametrize(("name", "size"), [("v4l2", -1), ("rtsp", 0), ("mpjpeg", 10**12)])
def test_a_source_without_an_end_takes_no_memory_for_its_gaps(name, size):
    container = SimpleNamespace(
        duration=None, format=SimpleNamespace(name=name), start_time=None, size=size
    )
    track = SimpleNamespace(average_rate=Fraction(30), frames=0, time_base=Fraction(1, 1000))
    reading = Reading(container, track)

    def read_slowly(numbers):
        """Take frames that come seldom and lose bytes before them, some with an error."""
        for number in numbers:
            times = {"pts": 100 * number, "time_base": track.time_base}
            packet = SimpleNamespace(
                pos=10**6 * number, size=100, dts=None, duration=0, stream=track, **times
            )
            reading.add_packet(packet)
            reading.add_frame(
                SimpleNamespace(is_corrupt=number % 5 == 0, time=number / 10, **times)
            )
            reading.add_error("not readable", packet)

    read_slowly(range(100))
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        read_slowly(range(100, 2100))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2100  # a byte a frame
    assert not reading.ends
