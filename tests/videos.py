"""Videos made of the sample photos, for tests."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from mien.media import read_image
from tests.conftest import SAMPLES

__all__ = ["LossyVideo", "gliding", "swaying", "trim_video", "two_people", "write_video"]


class LossyVideo:
    """A video that equals another one of the same times and nearly the same frames.

    x264 codes the same frames a little differently from time to time when its threads are held up
    (the first frame that differs is any one, and the difference grows), so that bytes say nothing.

    Args:
        path: The file, which is read at once.
    """

    LARGEST_MEAN_DIFFERENCE = 3.0
    """Of the pixels of a frame, 0 to 255. Measured: below 1; 32 and more from frame to frame."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with av.open(str(path)) as video:
            decoded = [(each.time, each.to_ndarray(format="rgb24")) for each in video.decode(0)]
        self._times = [time_s for time_s, _ in decoded]
        self._frames = [frame.astype(np.int16) for _, frame in decoded]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LossyVideo):
            return NotImplemented
        if self._times != other._times:
            return False
        pairs = zip(self._frames, other._frames, strict=True)
        return all(
            one.shape == two.shape and np.abs(one - two).mean() < self.LARGEST_MEAN_DIFFERENCE
            for one, two in pairs
        )

    __hash__ = None

    def __repr__(self) -> str:
        return f"LossyVideo({str(self._path)!r}, {len(self._frames)} frames)"


def two_people():
    """Return frames of two people whose faces are at the same place and of the same size."""
    eileen = read_image(SAMPLES / "eileen_collins.jpg").frame_rgb
    grace = Image.fromarray(read_image(SAMPLES / "grace_hopper.jpg").frame_rgb).resize((256, 300))
    return eileen[6:246, 107:347], np.asarray(grace)[2:242, 10:250]


def gliding(photo, *, seconds, per_second, size_hw=(240, 320)):
    """Yield (time, frame): a window that glides over a photo."""
    height, width = size_hw
    room = (photo.shape[0] - height, photo.shape[1] - width)
    count = round(seconds * per_second)
    for number in range(count):
        share = number / max(count - 1, 1)
        top, left = round(share * room[0] / 2), round(share * room[1])
        yield number / per_second, photo[top : top + height, left : left + width]


def swaying(photo, *, frames, per_second=8):
    """Yield (time, frame): a face that sways by some pixels, and stays one person."""
    for number in range(frames):
        left = 107 + 4 * (number % 3)
        yield number / per_second, photo[6:246, left : left + 240]


def write_video(path: Path, frames, *, codec="libx264", sound=False, format=None):
    """Write (time, frame) pairs with exactly these times."""
    ticks = 30_000  # MPEG-4 takes no finer clock than 65,535
    with av.open(str(path), "w", format=format) as out:
        stream = None
        for time_s, pixels in frames:
            if stream is None:
                stream = out.add_stream(codec, rate=30)
                if codec.startswith("libvpx"):  # its threads wait for each other in busy loops
                    stream.codec_context.thread_count = 1
                stream.height, stream.width = pixels.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = Fraction(1, ticks)
                codec_of_sound = "aac" if sound is True else sound
                audio = out.add_stream(codec_of_sound, rate=44100) if sound else None
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
            frame.pts, frame.time_base = round(time_s * ticks), Fraction(1, ticks)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if audio is not None:
            tone = (8000 * np.sin(np.arange(44100) / 20)).astype(np.int16)[None]
            samples = av.AudioFrame.from_ndarray(tone, "s16", "mono")
            samples.rate, samples.pts = 44100, 0
            resampler = av.AudioResampler(audio.codec_context.format.name, "mono", 44100, 1024)
            for piece in (*resampler.resample(samples), *resampler.resample(None)):
                out.mux(audio.encode(piece))
            out.mux(audio.encode(None))
    return path


def trim_video(path: Path, given: Path, *, start_s):
    """Copy a video from a time on without coding it anew, as `ffmpeg -ss START -c copy` does.

    The frames before, which the first ones are coded from, stay in it and are not shown.
    """
    with av.open(str(given)) as source, av.open(str(path), "w") as out:
        streams = [out.add_stream_from_template(each) for each in source.streams]
        for packet in source.demux():
            if packet.dts is not None:
                shift = round(start_s / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    return path
