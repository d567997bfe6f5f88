"""How long the run side takes on this machine: medians, one thread per network.

    python benchmarks/speed.py
    python benchmarks/speed.py --data fer --whole runs/student/emotion.onnx \
        --write docs/benchmarks.md

The baseline is FER-PP's network, built and exported untrained in the same run. With `--data` and
`--whole`, the float32 file that the shipped one was made from, an 8-bit file is made as `mien
export model` does: its row says how quick it is, or why it is refused.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from machine import machine
from marked import markdown_table, write_marked
from PIL import Image

import mien
from mien.data import Dataset, read_dataset
from mien.detect import OnnxDetector
from mien.errors import ArtefactError
from mien.export import export_variant, multiply_adds, parameter_count
from mien.inference import EmotionModel
from mien.models import BaselineNet, BaselineOptions
from mien.runtime import onnxruntime

SAMPLES = Path(mien.__file__).parent / "assets" / "samples"


def median_ms(action: Callable[[], object], *, runs: int) -> float:
    """Return the median time of an action in milliseconds, after three runs to warm up."""
    for _ in range(3):
        action()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def process_cost(*arguments: str, runs: int) -> tuple[float, float]:
    """Run `mien ARGUMENTS` as processes; return median seconds and the largest memory in MB."""
    probe = (
        "import resource, subprocess, sys;"
        "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode;"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    )
    command = [str(Path(sys.executable).parent / "mien"), *arguments]
    seconds, memory = [], []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
        probed = subprocess.run(
            [sys.executable, "-c", probe, *command], check=True, capture_output=True, text=True
        )
        memory.append(int(probed.stdout.split()[-1]) / 1024)
    return statistics.median(seconds[1:]), max(memory)


def baseline_session(folder: Path) -> onnxruntime.InferenceSession:
    """Export FER-PP's network untrained and open it like the shipped one."""
    path = folder / "baseline.onnx"
    network = BaselineNet(BaselineOptions()).eval()
    example = (torch.zeros(2, 1, 48, 48),)
    batch = ({0: torch.export.Dim.DYNAMIC},)
    torch.onnx.export(network, example, path, dynamo=True, dynamic_shapes=batch, verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def matrix_peak() -> float:
    """Return billions of multiply-adds a second of torch's float32 matrix product, best run."""
    side = 1536
    left, right = torch.rand(2, side, side)
    torch.set_num_threads(1)
    times = []
    for _ in range(8):
        start = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - start)
    return side**3 / min(times) / 1e9


def int8_row(whole: Path, data: Dataset, folder: Path) -> list[str]:
    """Say how quick the 8-bit form of a float32 file is, or why there is none."""
    what, out = "emotion network in 8 bits, one face", folder / "int8.onnx"
    crop = np.random.default_rng(0).uniform(0, 255, (1, 48, 48)).astype(np.float32)
    try:
        compared = export_variant(whole, data, precision="int8", out=out)
    except ArtefactError as error:
        if not str(error).startswith(f"{out}: "):  # the float32 file's fault
            raise
        return [what, str(error).removeprefix(f"{out}: ")]
    before, after = EmotionModel(whole), EmotionModel(out)
    quick = median_ms(lambda: after.run(crop), runs=200)
    plain = median_ms(lambda: before.run(crop), runs=200)
    flipped = f"another label for at most {max(compared.flipped.values()):.2%} of the images"
    return [what, f"{quick:.2f} ms instead of {plain:.2f}, {flipped}"]


def measure(folder: Path) -> list[list[str]]:
    """Return the rows of the table."""
    photo = folder / "photo.jpg"
    Image.open(SAMPLES / "eileen_collins.jpg").resize((640, 480)).save(photo, quality=90)
    frame = np.asarray(Image.open(photo))
    emotion, detector, baseline = EmotionModel(), OnnxDetector(), baseline_session(folder)
    crops = np.random.default_rng(0).uniform(0, 255, (64, 48, 48)).astype(np.float32)
    name = baseline.get_inputs()[0].name
    ours = median_ms(lambda: emotion.run(crops[:1]), runs=200)
    theirs = median_ms(lambda: baseline.run(None, {name: crops[:1, None] / 255}), runs=200)
    batched = median_ms(lambda: emotion.run(crops), runs=20) / 64
    work = multiply_adds(emotion.path)
    reached = work / batched / 1e6  # billions a second
    peak = matrix_peak()
    found = median_ms(lambda: detector.detect(frame, min_face_px=16), runs=50)
    analyse, memory = process_cost("analyze", str(photo), runs=7)
    assistance, _ = process_cost("--help", runs=7)
    return [
        ["`mien analyze` of one 640x480 photo, whole process", f"{analyse:.2f} s, {memory:.0f} MB"],
        ["`mien --help`, whole process", f"{assistance:.2f} s"],
        ["faces of a 640x480 frame, no scaling", f"{found:.1f} ms"],
        ["emotion network, parameters", f"{parameter_count(emotion.path) / 1e6:.2f} million"],
        ["emotion network, multiply-adds for one face", f"{work / 1e6:.1f} million"],
        ["emotion network, file", f"{emotion.path.stat().st_size / 1e6:.2f} MB"],
        ["emotion network, one face", f"{ours:.2f} ms"],
        ["emotion network, per face of 64", f"{batched:.2f} ms"],
        [
            "of the speed of one thread's own matrix product, float32",
            f"{reached:.0f} of {peak:.0f} billion multiply-adds a second, {reached / peak:.0%}",
        ],
        ["FER-PP's network, one face", f"{theirs:.2f} ms, {theirs / ours:.1f} times ours"],
    ]


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a dataset of `mien data import`, for int8")
    parser.add_argument("--whole", type=Path, help="the float32 file of a training, for int8")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    if (arguments.data is None) != (arguments.whole is None):
        parser.error("--data and --whole go together")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = measure(folder)
        if arguments.data is not None:
            rows.append(int8_row(arguments.whole, read_dataset(arguments.data), folder))
    table = markdown_table([machine(), "found"], rows)
    print(table)
    for path in arguments.write:
        write_marked(path, "speed", table)


if __name__ == "__main__":
    main()
