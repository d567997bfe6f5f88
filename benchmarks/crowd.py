"""The shipped face detector and a baseline on other people's photos, on drawings, and by skin tone.

    python benchmarks/crowd.py --baseline yunet.onnx --crowd crowd.parquet --portraits web.parquet \
        --video no_face.mp4

Both are decoded and thresholded by the same code, on one thread. The crowd's photos (`jpeg`,
`boxes_xyxy`, `label`) were never trained on, and no checkpoint and no threshold was chosen by them.
But trainings were compared on them, and what they missed led to two rules of the training (runs 8
to 10 of EXPERIMENTS.md), so on photos unlike them less may be found. Of the portraits (`id`,
`kind`, `jpeg`, without boxes) that half of the held-out tenth counts that no checkpoint and no
threshold was chosen by; there the baseline's merged views say where the face is.

The skin tone is the estimate of `mien.detect.skin_tone_deg`, from one photo each.
"""

from __future__ import annotations

import argparse
import io
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from machine import machine
from marked import markdown_table, write_json, write_marked
from negatives import draw_emoji, flattened
from numpy.typing import NDArray
from PIL import Image

from mien.detect import (
    SKIN_TONES,
    Detector,
    OnnxDetector,
    box_iou,
    skin_tone,
    skin_tone_deg,
)
from mien.media import Video
from mien.metrics import wilson_interval
from mien.structures import FrameRGB
from mien.training.detector_scenes import draw_clutter, system_fonts
from mien.training.pseudo_labels import (
    TEACHER_THRESHOLD,
    is_for_reports,
    pseudo_label_image,
    read_unlabelled_images,
)

HIT_IOU, STRANGER_IOU = 0.3, 0.1
SIDES_PX = (16, 32, 64, 128, 100_000)
SURE_SCORE = 0.6
DRAWN_SCENES, DRAWN_PX = 160, 320
Boxes = NDArray[np.float32]
Hits = dict[str, list[tuple[bool, ...]]]


def found(wanted: Boxes, seen: Boxes, iou: float = HIT_IOU) -> NDArray[np.bool_]:
    """Return which of the wanted boxes a seen one overlaps."""
    if not len(seen) or not len(wanted):
        return np.zeros(len(wanted), np.bool_)
    hit: NDArray[np.bool_] = box_iou(wanted, seen).max(axis=1) >= iou
    return hit


def on_crowd(detectors: Sequence[Detector], path: Path) -> tuple[list[list[str]], Hits]:
    """Count found boxes by mask and side, and detections that meet no box."""
    hits: Hits = defaultdict(list)
    tones: Hits = defaultdict(list)
    strangers = [0 for _ in detectors]
    photos = pl.read_parquet(path)
    for row in photos.iter_rows(named=True):
        frame = np.asarray(Image.open(io.BytesIO(row["jpeg"])).convert("RGB"))
        wanted = np.array(row["boxes_xyxy"], np.float32).reshape(-1, 4)
        seen = [detector.detect(frame).boxes_xyxy for detector in detectors]
        for number, boxes in enumerate(seen):
            strangers[number] += int((~found(boxes, wanted, STRANGER_IOU)).sum())
        each = np.stack([found(wanted, boxes) for boxes in seen], axis=1)
        for box, label, pair in zip(wanted, row["label"], each, strict=True):
            side = math.sqrt(float((box[2:] - box[:2]).prod()))
            span = next((f"up to {high} px" for high in SIDES_PX if side < high), "")
            kind = "without a mask" if label == "without_mask" else "with a mask, worn well or not"
            for key in ("all", f"{kind}, {span.replace('up to 100000 px', '128 px and more')}"):
                hits[key].append(tuple(map(bool, pair)))
            if side >= SIDES_PX[1] and (angle_deg := skin_tone_deg(frame, box)) is not None:
                tones[skin_tone(angle_deg)].append(tuple(map(bool, pair)))
    rows = [[f"crowd: recall at IoU 0.3, {name}", *cells] for name, cells in shares(hits)]
    rows.append(
        [
            f"crowd: detections that meet no box, per photo of {len(photos)}",
            *(f"{count / len(photos):.3f}" for count in strangers),
        ]
    )
    return rows, tones


def shares(hits: Mapping[str, list[tuple[bool, ...]]]) -> Iterator[tuple[str, list[str]]]:
    """Yield each group with its size, and each detector's share with its 95 % interval."""
    for name in sorted(hits):
        values = np.array(hits[name])
        cells = []
        for column in values.T:
            interval = wilson_interval(int(column.sum()), len(column))
            cells.append(f"{column.mean():.3f} ({interval.low:.3f}-{interval.high:.3f})")
        yield f"{name}, {len(values)}", cells


def on_portraits(detectors: Sequence[OnnxDetector], path: Path) -> tuple[list[list[str]], Hits]:
    """Count found faces of held-out portraits, by kind."""
    teacher = OnnxDetector(detectors[1].path, score_threshold=TEACHER_THRESHOLD)
    hits: Hits = defaultdict(list)
    tones: Hits = defaultdict(list)
    for name, kind, frame in read_unlabelled_images(path):
        if not is_for_reports(name):
            continue
        faces = pseudo_label_image(teacher, frame)
        wanted = faces.boxes_xyxy[faces.detection_scores >= SURE_SCORE]
        each = [found(wanted, each.detect(frame, min_face_px=16).boxes_xyxy) for each in detectors]
        for box, *pair in zip(wanted, *each, strict=True):
            hits[kind].append(tuple(map(bool, pair)))
            if (angle_deg := skin_tone_deg(frame, box)) is not None:
                tones[skin_tone(angle_deg)].append(tuple(map(bool, pair)))
    return [[f"held-out portraits: recall, {name}", *cells] for name, cells in shares(hits)], tones


def drawings() -> Iterator[tuple[str, FrameRGB]]:
    """Draw images without a face: emoji and letters unseen in training, shapes and cartoons."""
    rng = np.random.default_rng(7)
    for _, image in draw_emoji(measured=True):
        ground = Image.new(
            "RGBA", (240, 240), (*(int(part) for part in rng.integers(0, 256, 3)), 255)
        )
        ground.alpha_composite(image, (52, 52))
        yield "emoji", np.asarray(flattened(ground, rng))
    fonts = system_fonts(measured=True)
    for number in range(DRAWN_SCENES):
        scene = Image.new("RGB", (DRAWN_PX, DRAWN_PX))
        generator = np.random.default_rng((11, number))
        draw_clutter(scene, (0, 0, DRAWN_PX, DRAWN_PX), generator, backdrop=True, fonts=fonts)
        yield "letters, shapes and cartoons", np.asarray(scene)


def alarms(
    detectors: Sequence[Detector], images: Iterable[tuple[str, FrameRGB]]
) -> Iterator[list[str]]:
    """Count detections in images without a face, by kind."""
    counts: dict[str, list[list[int]]] = defaultdict(list)
    for kind, frame in images:
        counts[kind].append([len(detector.detect(frame)) for detector in detectors])
    for kind, values in counts.items():
        means = np.mean(values, axis=0)
        yield [
            f"{len(values)} images of {kind}: detections per image",
            *(f"{m:.3f}" for m in means),
        ]


def frames_of(path: Path) -> Iterator[tuple[str, FrameRGB]]:
    """Yield the frames of a video without a face."""
    with Video(path) as video:
        for frame in video.frames():
            yield f"{path.name}", frame.rgb()


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a detector; default: the shipped one")
    parser.add_argument("--threshold", type=float, help="its threshold; default: the file's")
    parser.add_argument("--baseline", type=Path, required=True)
    parser.add_argument("--crowd", type=Path)
    parser.add_argument("--portraits", type=Path)
    parser.add_argument("--video", type=Path)
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    detectors = [
        OnnxDetector(arguments.model, score_threshold=arguments.threshold),
        OnnxDetector(arguments.baseline),
    ]
    rows: list[list[str]] = []
    tones: Hits = defaultdict(list)
    for path, measure in ((arguments.crowd, on_crowd), (arguments.portraits, on_portraits)):
        if path:
            more, shades = measure(detectors, path)
            rows += more
            for shade, pairs in shades.items():
                tones[shade] += pairs
    ranked = {f"{place}. {name}": tones[name] for place, (name, _) in enumerate(SKIN_TONES, 1)}
    measured = {name: pairs for name, pairs in ranked.items() if pairs}
    rows += [[f"recall by skin tone, {name}", *cells] for name, cells in shares(measured)]
    rows += alarms(detectors, drawings())
    if arguments.video:
        rows += alarms(detectors, frames_of(arguments.video))
    table = markdown_table([f"what; {machine()}", "mien", "baseline"], rows)
    print(f"scores from {detectors[0].score_threshold} and {detectors[1].score_threshold}\n{table}")
    for path in arguments.write:
        write_marked(path, "crowd", table)
    if arguments.json:
        write_json(arguments.json, rows)


if __name__ == "__main__":
    main()
