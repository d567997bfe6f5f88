"""The shipped face detector beside a yardstick of the same layout, both on one thread.

    python benchmarks/detector.py --yardstick yunet.onnx --portraits portraits.parquet \
        --photos photos.parquet

Portraits have hand-drawn boxes (columns `jpeg`, `boxes_xyxy`) and are measured on only. Of the
photos (`id`, `kind`, `jpeg`) the tenth counts that training holds out; there the yardstick's sure
faces are what is looked for.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from marked import markdown_table, write_marked
from numpy.typing import NDArray
from PIL import Image

from mien.detect import OnnxDetector
from mien.training.photos import held_out, read_photos

SURE_SCORE = 0.7
SIZES_PX = (16, 32, 64, 128, 10_000)
Boxes = NDArray[np.float32]


def overlaps(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """Return the intersection over union of `(N, 4)` and `(M, 4)` boxes, `(N, M)`."""
    corner = np.minimum(a[:, None, 2:], b[:, 2:]) - np.maximum(a[:, None, :2], b[:, :2])
    shared = corner.clip(min=0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    return shared / (areas[0][:, None] + areas[1] - shared)


def best_overlaps(wanted: Boxes, found: Boxes) -> NDArray[np.float32]:
    """Return the best overlap of each wanted box with any found one, `(N,)`."""
    if not len(found):
        return np.zeros(len(wanted), np.float32)
    return overlaps(wanted, found).max(axis=1)


def on_portraits(detectors: Sequence[OnnxDetector], path: Path) -> Iterator[list[str]]:
    """Compare with hand-drawn boxes."""
    best: list[list[float]] = [[] for _ in detectors]
    for row in pl.read_parquet(path).iter_rows(named=True):
        frame = np.asarray(Image.open(io.BytesIO(row["jpeg"])).convert("RGB"))
        wanted = np.array(row["boxes_xyxy"], np.float32).reshape(-1, 4)
        for values, detector in zip(best, detectors, strict=True):
            values.extend(best_overlaps(wanted, detector.detect(frame).boxes_xyxy))
    count = len(best[0])
    yield [
        f"portraits: recall at IoU 0.5 of {count} hand-drawn boxes",
        *(f"{np.mean(np.array(values) >= 0.5):.3f}" for values in best),
    ]
    yield ["portraits: median IoU", *(f"{np.median(values):.2f}" for values in best)]


def on_photos(detectors: Sequence[OnnxDetector], path: Path) -> Iterator[list[str]]:
    """Compare the first detector with the second on held-out photos."""
    ours, yardstick = detectors
    hits: dict[int, list[bool]] = {size: [] for size in SIZES_PX[:-1]}
    errors, alarms = [], {detector.path: [] for detector in detectors}
    for name, kind, frame in read_photos(path):
        if not held_out(name):
            continue
        found, wanted = (each.detect(frame, min_face_px=16) for each in (ours, yardstick))
        if kind == "no-face":
            alarms[ours.path].append(len(found))
            alarms[yardstick.path].append(len(wanted))
        wanted = wanted.select(wanted.detection_scores >= SURE_SCORE)
        sides = (wanted.boxes_xyxy[:, 2:] - wanted.boxes_xyxy[:, :2]).min(axis=1)
        overlap = overlaps(wanted.boxes_xyxy, found.boxes_xyxy)
        for number, side in enumerate(sides):
            bucket = max(size for size in SIZES_PX[:-1] if side >= size)
            match = int(overlap[number].argmax()) if len(found) else -1
            hit = match >= 0 and overlap[number, match] >= 0.5
            hits[bucket].append(bool(hit))
            if hit and side > 48:
                distance = found.landmarks_xy[match] - wanted.landmarks_xy[number]
                eyes = wanted.landmarks_xy[number, 1] - wanted.landmarks_xy[number, 0]
                errors.append(np.hypot(*distance.T).mean() / np.hypot(*eyes))
    for low, high in itertools.pairwise(SIZES_PX):
        span = f"{low}-{high} px" if high < 10_000 else f"{low} px and more"
        name = f"held-out photos: recall of the yardstick's {len(hits[low])} sure faces of {span}"
        yield [name, f"{np.mean(hits[low]) if hits[low] else float('nan'):.3f}", "1"]
    yield [
        f"held-out photos: landmark error of {len(errors)} faces over 48 px, in eye distances",
        f"{np.mean(errors):.3f}",
        "0",
    ]
    yield [
        f"{len(alarms[ours.path])} held-out photos without a face: detections per photo",
        *(f"{np.mean(alarms[detector.path]):.3f}" for detector in detectors),
    ]


def speed(detectors: Sequence[OnnxDetector]) -> Iterator[list[str]]:
    """Time both on noise of two sizes."""
    for height, width in ((240, 320), (480, 640)):
        frame = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
        medians = []
        for detector in detectors:
            times = []
            for _ in range(40):
                start = time.perf_counter()
                detector.detect(frame, min_face_px=16)
                times.append(1000 * (time.perf_counter() - start))
            medians.append(statistics.median(times[5:]))
        yield [f"one frame of {width}x{height}", *(f"{value:.1f} ms" for value in medians)]


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a detector; default: the shipped one")
    parser.add_argument("--yardstick", type=Path, required=True)
    parser.add_argument("--portraits", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    detectors = [OnnxDetector(arguments.model), OnnxDetector(arguments.yardstick)]
    rows = list(speed(detectors))
    if arguments.photos:
        rows = [*on_photos(detectors, arguments.photos), *rows]
    if arguments.portraits:
        rows = [*on_portraits(detectors, arguments.portraits), *rows]
    table = markdown_table(["what", "mien", "yardstick"], rows)
    print(f"scores from {detectors[0].score_threshold} and {detectors[1].score_threshold}\n{table}")
    for path in arguments.write:
        write_marked(path, "detector", table)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
