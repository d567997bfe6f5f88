"""How quickly videos and folders of images are analysed, beside the way of FER-PP.

    python benchmarks/video.py --video a.mp4 --json benchmarks/results/video.json \
        --write docs/benchmarks.md

Without `--video` it makes its own videos out of the sample photos. The live window is fed such a
video at its own pace, as a camera would, and draws into memory. `--hours 1` analyses a video of an
hour, too, and says how memory grew (about four minutes). FER-PP's way is OpenCV's frontal cascade
on every frame and FER-PP's network on every face; its rows need OpenCV below 5 (later versions
have no cascades), torch and onnx.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from machine import machine, peak_memory_mb
from marked import markdown_table, write_json, write_marked
from PIL import Image

import mien
from mien.inference import analyze_video
from mien.media import Video, VideoWriter, open_writer, read_image

SAMPLES = Path(mien.__file__).parent / "assets" / "samples"
SECONDS, RATE = 20, 25
SIZES = ((360, 640), (720, 1280))
IMAGES = 400
RUNS = 3
PROCESSOR_ROW = "time of all processor cores for each of these"


def make_video(path: Path, size_hw: tuple[int, int], rate: int = RATE) -> Path:
    """Write a video in which two people glide past each other."""
    height, width = size_hw
    photos = [Image.fromarray(read_image(p).frame_rgb) for p in sorted(SAMPLES.glob("*.jpg"))]
    tall = [
        p.resize((round(p.width * 0.8 * height / p.height), round(0.8 * height))) for p in photos
    ]
    with VideoWriter(path, size_hw=size_hw, frames_per_second=rate) as writer:
        for number in range(SECONDS * rate):
            share = number / (SECONDS * rate)
            frame = Image.new("RGB", (width, height), (60, 70, 80))
            for person, photo in enumerate(tall):
                x = (person + share) % 1.0 * width * 0.6
                frame.paste(photo, (round(x), round(0.1 * height)))
            writer.write(np.asarray(frame), number / rate)
    return path


def ours(video: Path, out: Path) -> tuple[int, int]:
    """Analyse a video to JSON Lines; return frames and faces."""
    analyzer = mien.Analyzer()
    frames = faces = 0
    with Video(video) as opened, open_writer(out / "rows.jsonl", overwrite=True) as writer:
        for result in analyze_video(analyzer.pipeline, opened):
            writer.write(result)
            frames += 1
            faces += len(result.faces)
    return frames, faces


def as_fer_pp(video: Path, out: Path) -> tuple[int, int]:
    """Analyse a video as FER-PP does: the cascade on each frame, its network on each face."""
    import cv2

    from mien.runtime import onnxruntime

    cascade = cv2.CascadeClassifier(
        str(Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml")
    )
    session = onnxruntime.InferenceSession(baseline_file(out))
    name = session.get_inputs()[0].name
    opened = cv2.VideoCapture(str(video))
    frames = faces = 0
    while True:
        there, frame = opened.read()
        if not there:
            return frames, faces
        frames += 1
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        for x, y, width, height in cascade.detectMultiScale(grey, 1.3, 5):
            crop = cv2.resize(grey[y : y + height, x : x + width], (48, 48))
            session.run(None, {name: crop[None, None].astype(np.float32) / 255})
            faces += 1


def baseline_file(folder: Path) -> str:
    """Export FER-PP's network, as rebuilt, untrained: its speed does not depend on its weights."""
    import torch

    from mien.models import BaselineNet, BaselineOptions

    path = folder / "baseline.onnx"
    if not path.exists():
        network = BaselineNet(BaselineOptions()).eval()
        torch.onnx.export(network, (torch.zeros(1, 1, 48, 48),), path, dynamo=True)
    return str(path)


def timed(
    run: Callable[[Path, Path], tuple[int, int]], source: Path, out: Path
) -> tuple[float, float, float, float]:
    """Return frames a second, faces per frame, milliseconds of processor per frame, and peak MB.

    The times are medians over some runs. Time of the processor, unlike that on the clock, hardly
    depends on what else the machine does.
    """
    rates, spent_ms = [], []
    for _ in range(RUNS):
        start, start_cpu = time.perf_counter(), time.process_time()
        frames, faces = run(source, out)
        rates.append(frames / (time.perf_counter() - start))
        spent_ms.append(1000 * (time.process_time() - start_cpu) / frames)
    return float(np.median(rates)), faces / frames, float(np.median(spent_ms)), peak_memory_mb()


def on_videos(videos: Sequence[Path], out: Path) -> Iterator[list[str]]:
    """Time every video."""
    rival = importlib.util.find_spec("cv2") is not None
    for path in videos:
        with Video(path) as video:
            kind = "video of the samples" if path.parent == out else f"video {path.name}"
            what = f"{video.width}x{video.height} {kind}, frames a second to JSON Lines"
        rate, faces, spent_ms, peak = alone(timed, ours, path, out)
        row = [f"{what} ({faces:.1f} faces a frame)", f"{rate:.0f}"]
        spent = [PROCESSOR_ROW, f"{spent_ms:.1f} ms"]
        if rival:
            other, _, other_ms, _ = alone(timed, as_fer_pp, path, out)
            row += [f"{other:.0f}", f"{rate / other:.1f}"]
            spent += [f"{other_ms:.1f} ms", f"{other_ms / spent_ms:.1f}"]
        yield [*row, "", ""][:4]
        yield [*spent, "", ""][:4]
        yield ["peak memory of that", f"{peak:.0f} MB", "", ""]


def many_images(out: Path) -> Path:
    """Write a folder of images with a person each."""
    folder = out / "images"
    folder.mkdir()
    photos = [Image.fromarray(read_image(p).frame_rgb) for p in sorted(SAMPLES.glob("*.jpg"))]
    for number in range(IMAGES):
        photo = photos[number % len(photos)].resize((480, 480))
        frame = Image.new("RGB", (640, 480), (60, 70, 80))
        frame.paste(photo, (number % 160, 0))
        frame.save(folder / f"{number:04}.jpg", quality=90)
    return folder


def ours_on_images(folder: Path, out: Path) -> tuple[int, int]:
    """Analyse a folder to JSON Lines; return images and faces."""
    images = faces = 0
    with open_writer(out / "rows.jsonl", overwrite=True) as writer:
        for result in mien.Analyzer().stream(folder):
            writer.write(result)
            images += 1
            faces += len(result.faces)
    return images, faces


def on_images(out: Path) -> Iterator[list[str]]:
    """Time a folder of images."""
    rate, _, spent_ms, peak = alone(timed, ours_on_images, many_images(out), out)
    what = f"folder of {IMAGES} images of 640x480, images a second to JSON Lines"
    yield [what, f"{rate:.0f}", "", ""]
    yield [PROCESSOR_ROW, f"{spent_ms:.1f} ms", "", ""]
    yield ["peak memory of that", f"{peak:.0f} MB", "", ""]


def repeated(video: Path, path: Path, hours: float) -> Path:
    """Copy a video's packets again and again until it is long enough."""
    import av

    with av.open(str(path), "w") as out:
        copy = None
        for turn in range(round(hours * 3600 / SECONDS)):
            with av.open(str(video)) as source:
                track = source.streams.video[0]
                copy = copy or out.add_stream_from_template(track)
                shift = round(turn * SECONDS / track.time_base)
                for packet in source.demux(track):
                    if packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = copy
                        out.mux(packet)
    return path


def memory_over(video: Path, out: Path) -> tuple[float, float, float]:
    """Analyse a video; return MB after its first minute, the most after that, and its minutes."""
    pages = os.sysconf("SC_PAGE_SIZE") / 2**20
    after_a_minute = most = minutes = 0.0
    with Video(video) as opened, open_writer(out / "hour.jsonl", overwrite=True) as writer:
        for result in analyze_video(mien.Analyzer().pipeline, opened):
            writer.write(result)
            minutes = (result.timestamp_s or 0.0) / 60
            if result.frame % RATE == 0 and minutes >= 1:
                now = pages * int(Path("/proc/self/statm").read_text().split()[1])
                after_a_minute, most = after_a_minute or now, max(most, now)
    return after_a_minute, most, minutes


def window_latency(video: Path) -> tuple[float, float]:
    """Play a video in the live window; return median and 95th percentile in milliseconds."""
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    import pygame

    from mien.live import Feed, run_window

    feed = Feed(str(video), mien.Analyzer().pipeline)
    feed.start()

    def close_at_the_end() -> None:
        while not feed.over:
            time.sleep(0.1)
        pygame.event.post(pygame.event.Event(pygame.QUIT))

    threading.Thread(target=close_at_the_end, daemon=True).start()
    latencies = run_window(feed)
    feed.stop()
    return float(np.median(latencies)), float(np.percentile(latencies, 95))


def alone(run: Callable[..., tuple[float, ...]], *arguments: object) -> tuple[float, ...]:
    """Run in a process of its own, whose memory nothing else has used."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(run, arguments)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--video", type=Path, nargs="*", default=[], help="videos to time, too")
    parser.add_argument("--hours", type=float, default=0, help="length of a video for memory")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        videos = [make_video(out / f"{h}.mp4", (h, w)) for h, w in SIZES] + arguments.video
        rows = [*on_videos(videos, out), *on_images(out)]
        median, late = alone(window_latency, make_video(out / "camera.mp4", (480, 640), 30))
        what = "live window, 640x480 at 30 a second: from frame to screen, median (95th percentile)"
        rows.append([what, f"{median:.0f} ms ({late:.0f})", "", ""])
        if arguments.hours:
            long = repeated(videos[0], out / "long.mp4", arguments.hours)
            first, most, minutes = alone(memory_over, long, out)
            what = (
                f"memory after the first of {minutes:.0f} minutes of video, and the most after it"
            )
            rows.append([what, f"{first:.0f}, {most:.0f} MB", "", ""])
    table = markdown_table([machine(), "mien", "FER-PP's way", "ratio"], rows)
    print(table)
    for path in arguments.write:
        write_marked(path, "video", table)
    if arguments.json:
        write_json(arguments.json, rows)


if __name__ == "__main__":
    main()
