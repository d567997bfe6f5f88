"""The shipped face detector beside a baseline of the same layout, both on one thread.

    python benchmarks/detector.py --baseline yunet.onnx --portraits portraits.parquet \
        --photos photos.parquet --data fer

Portraits have hand-drawn boxes (columns `jpeg`, `boxes_xyxy`) and are measured on only. Of the
photos (`id`, `kind`, `jpeg`) that half of the held-out tenth counts that no checkpoint and no
threshold was chosen by; there the baseline's sure faces are what is looked for.
"""

from __future__ import annotations

import argparse
import io
import itertools
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from machine import machine
from marked import markdown_table, write_json, write_marked
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mien.data import Dataset, read_dataset
from mien.detect import OnnxDetector, box_iou
from mien.inference import EmotionModel
from mien.metrics import PROTOCOLS
from mien.preprocess import FER_CROP, VIEW_MARGIN_PX, VIEW_PX, crop_faces, view_for_detection
from mien.structures import Faces
from mien.training.pseudo_labels import is_for_reports, read_unlabelled_images

SURE_SCORE = 0.7
TURN_DEG = 30
MASK_RGB = (214, 222, 228)
CROPPED = 2000
CLOSE_WH, CLOSE_SHARE = (1280, 720), 0.8
SIZES_PX = (16, 32, 64, 128, 10_000)
Boxes = NDArray[np.float32]


def best_overlaps(wanted: Boxes, found: Boxes) -> NDArray[np.float32]:
    """Return the best overlap of each wanted box with any found one, `(N,)`."""
    if not len(found):
        return np.zeros(len(wanted), np.float32)
    return box_iou(wanted, found).max(axis=1)


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


def close_up(frame: NDArray[np.uint8], box_xyxy: Boxes) -> tuple[NDArray[np.uint8], Boxes]:
    """Enlarge an image so that a face fills most of a frame, as somebody close by does."""
    left, top, right, bottom = map(float, box_xyxy)
    width, height = CLOSE_WH
    scale = CLOSE_SHARE * height / (bottom - top)
    x, y = (left + right - width / scale) / 2, (top + bottom - height / scale) / 2
    image = Image.fromarray(frame).transform(
        CLOSE_WH,
        Image.Transform.AFFINE,
        (1 / scale, 0, x, 0, 1 / scale, y),
        Image.Resampling.BICUBIC,
        fillcolor=(110, 110, 110),
    )
    return np.asarray(image), scale * (box_xyxy - np.array([x, y, x, y], np.float32))


def on_close_ups(detectors: Sequence[OnnxDetector], path: Path) -> Iterator[list[str]]:
    """Look for each portrait's face in an enlargement that shows little else."""
    best: list[list[float]] = [[] for _ in detectors]
    for row in pl.read_parquet(path).iter_rows(named=True):
        frame = np.asarray(Image.open(io.BytesIO(row["jpeg"])).convert("RGB"))
        for box in np.array(row["boxes_xyxy"], np.float32).reshape(-1, 4):
            enlarged, wanted = close_up(frame, box)
            for values, detector in zip(best, detectors, strict=True):
                found = detector.detect(enlarged).boxes_xyxy
                values.extend(best_overlaps(wanted[None].astype(np.float32), found))
    size = "x".join(map(str, CLOSE_WH))
    yield [
        f"portraits, each face {CLOSE_SHARE:.0%} of the height of {size}: recall at IoU 0.5",
        *(f"{np.mean(np.array(values) >= 0.5):.3f}" for values in best),
    ]


def on_photos(detectors: Sequence[OnnxDetector], path: Path) -> Iterator[list[str]]:
    """Compare the first detector with the second on held-out photos."""
    ours, baseline = detectors
    hits: dict[int, list[bool]] = {size: [] for size in SIZES_PX[:-1]}
    errors, alarms = [], {detector.path: [] for detector in detectors}
    for name, kind, frame in read_unlabelled_images(path):
        if not is_for_reports(name):
            continue
        found, wanted = (each.detect(frame, min_face_px=16) for each in (ours, baseline))
        if kind == "no-face":
            alarms[ours.path].append(len(found))
            alarms[baseline.path].append(len(wanted))
        wanted = wanted.select(wanted.detection_scores >= SURE_SCORE)
        sides = (wanted.boxes_xyxy[:, 2:] - wanted.boxes_xyxy[:, :2]).min(axis=1)
        overlap = box_iou(wanted.boxes_xyxy, found.boxes_xyxy)
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
        name = f"held-out photos: recall of the baseline's {len(hits[low])} sure faces of {span}"
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


def rotated(frame: NDArray[np.uint8], faces: Faces) -> tuple[NDArray[np.uint8], Boxes]:
    """Turn a photo by 30 degrees; a box becomes that of the turned ellipse inside it."""
    height, width = frame.shape[:2]
    turned = Image.fromarray(frame).rotate(TURN_DEG, Image.Resampling.BILINEAR)
    angle = math.radians(TURN_DEG)
    cos, sin = math.cos(angle), math.sin(angle)
    middle = np.array([width, height]) / 2
    boxes = faces.boxes_xyxy
    offset = (boxes[:, :2] + boxes[:, 2:]) / 2 - middle
    centres = offset @ np.array([[cos, -sin], [sin, cos]]) + middle
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    new = np.stack(
        (
            np.hypot(half[:, 0] * cos, half[:, 1] * sin),
            np.hypot(half[:, 0] * sin, half[:, 1] * cos),
        ),
        axis=1,
    )
    inside = ((centres > 0) & (centres < [width, height])).all(axis=1)
    return np.asarray(turned), np.concatenate((centres - new, centres + new), axis=1)[inside]


def masked(frame: NDArray[np.uint8], faces: Faces) -> tuple[NDArray[np.uint8], Boxes]:
    """Paint a pale mask over nose, mouth and chin of every face."""
    image = Image.fromarray(frame)
    draw = ImageDraw.Draw(image)
    for box, (right_eye, left_eye, nose, *_) in zip(
        faces.boxes_xyxy, faces.landmarks_xy, strict=True
    ):
        across = (left_eye - right_eye) * 0.75
        down = np.array([-across[1], across[0]])
        down *= (box[3] - nose[1]) / max(float(np.hypot(*down)), 1.0)
        top = nose - 0.15 * down
        corners = (
            top - across,
            top + across,
            nose + 0.6 * across + down,
            nose - 0.6 * across + down,
        )
        draw.polygon([tuple(map(float, corner)) for corner in corners], fill=MASK_RGB)
    return np.asarray(image), faces.boxes_xyxy


def darkened(frame: NDArray[np.uint8], faces: Faces) -> tuple[NDArray[np.uint8], Boxes]:
    """Leave a twelfth of the light, with a sensor's noise and whole levels."""
    noise = 4 * np.random.default_rng(1).standard_normal(frame.shape)
    return (frame / 12 + noise).round().clip(0, 255).astype(np.uint8), faces.boxes_xyxy


def on_worse_photos(detectors: Sequence[OnnxDetector], path: Path) -> Iterator[list[str]]:
    """Count which of the baseline's sure faces of held-out photos both still find."""
    baseline = detectors[1]
    photos = []
    for name, _, frame in read_unlabelled_images(path):
        if is_for_reports(name):
            faces = baseline.detect(frame, min_face_px=16)
            sides = (faces.boxes_xyxy[:, 2:] - faces.boxes_xyxy[:, :2]).min(axis=1)
            photos.append(
                (frame, faces.select((faces.detection_scores >= SURE_SCORE) & (sides > 32)))
            )
    for said, worsen in (
        ("turned by 30 degrees", rotated),
        ("half covered by a mask", masked),
        ("in a twelfth of the light", darkened),
    ):
        best: list[list[float]] = [[] for _ in detectors]
        for frame, faces in photos:
            if not len(faces):
                continue
            worse, wanted = worsen(frame, faces)
            for values, detector in zip(best, detectors, strict=True):
                found = detector.detect(worse, min_face_px=16).boxes_xyxy
                values.extend(best_overlaps(wanted.astype(np.float32), found))
        recalls = [f"{np.mean(np.array(values) >= 0.5):.3f}" for values in best]
        yield [f"held-out photos: recall of {len(best[0])} sure faces over 32 px, {said}", *recalls]


def on_crops(detectors: Sequence[OnnxDetector], data: Dataset) -> Iterator[list[str]]:
    """Cut FER images as a camera's faces are cut, and see what alignment costs."""
    model = EmotionModel()
    val = data.subset("val")
    truth = PROTOCOLS["ferplus-8"].labels(val.labels, val.votes)
    chosen = np.flatnonzero(truth >= 0)[:CROPPED]
    images, truth = val.images[chosen], truth[chosen]
    plain = model.run(images)["logits"].argmax(axis=1) == truth
    wanted_xy = np.array(FER_CROP.landmarks_xy, np.float32)
    shares, noises, costs = [], [], []
    for detector in detectors:
        found, crops, errors = [], [], []
        for number, image in enumerate(images):
            frame = view_for_detection(image)
            faces = detector.detect(frame)
            if len(faces):
                found.append(number)
                crops.append(crop_faces(frame, faces.landmarks_xy[:1], FER_CROP)[0])
                placed = (faces.landmarks_xy[0] - VIEW_MARGIN_PX) / VIEW_PX
                errors.append(np.hypot(*(placed - wanted_xy).T).mean())
        aligned = model.run(np.stack(crops))["logits"].argmax(axis=1) == truth[found]
        shares.append(f"{len(found) / len(images):.3f}")
        noises.append(f"{np.median(errors):.3f}")
        costs.append(f"{100 * (plain[found].mean() - aligned.mean()):.1f} points")
    yield [f"FER-2013, val: share of {len(images)} faces that are found", *shares]
    yield ["FER-2013, val: median distance of landmarks from their usual place, in sides", *noises]
    yield ["FER-2013, val: FER+ accuracy lost on those when they are cut anew", *costs]


def speed(detectors: Sequence[OnnxDetector]) -> Iterator[list[str]]:
    """Time both on noise of three sizes."""
    for height, width in ((240, 320), (480, 640), (720, 1280)):
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
    parser.add_argument("--baseline", type=Path, required=True)
    parser.add_argument("--portraits", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--data", type=Path, help="FER-2013 as `mien data import` made it")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    detectors = [OnnxDetector(arguments.model), OnnxDetector(arguments.baseline)]
    rows = list(speed(detectors))
    if arguments.photos:
        worse = on_worse_photos(detectors, arguments.photos)
        rows = [*on_photos(detectors, arguments.photos), *worse, *rows]
    if arguments.portraits:
        portraits = arguments.portraits
        rows = [*on_portraits(detectors, portraits), *on_close_ups(detectors, portraits), *rows]
    if arguments.data:
        rows += on_crops(detectors, read_dataset(arguments.data))
    table = markdown_table([f"what; times on {machine()}", "mien", "baseline"], rows)
    print(f"scores from {detectors[0].score_threshold} and {detectors[1].score_threshold}\n{table}")
    for path in arguments.write:
        write_marked(path, "detector", table)
    if arguments.json:
        write_json(arguments.json, rows)


if __name__ == "__main__":
    main()
