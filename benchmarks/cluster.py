"""How quickly a folder of images becomes a study on Ray, beside processes of the same number.

    python benchmarks/cluster.py --write
    python benchmarks/cluster.py --images 1000 --pairs 1 --shared --write

The images are the sample photos, moved, scaled and lit differently. Both ways run in turn, from
their start to the last table: the start of Ray, and of the processes, counts. `--write` keeps the
figures in `results/cluster.json` and puts the table into `docs/cluster.md`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from marked import markdown_table, write_json, write_marked
from PIL import Image, ImageEnhance

import mien
from mien.media import read_image

ROOT = Path(__file__).parents[1]
SAMPLES = Path(mien.__file__).parent / "assets" / "samples"
KEPT = ROOT / "benchmarks" / "results" / "cluster.json"
DOCUMENT = ROOT / "docs" / "cluster.md"
IMAGES, PAIRS, WORKERS = 5000, 3, 2
WANTED = 0.85
SIZE = (640, 480)


def make_images(folder: Path, count: int) -> None:
    """Write images of one person each, no two of which are the same."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    photos = [Image.fromarray(read_image(path).frame_rgb) for path in sorted(SAMPLES.glob("*.jpg"))]
    for number in range(count):
        photo = photos[number % len(photos)]
        height = int(rng.integers(300, 481))
        scaled = photo.resize((round(photo.width * height / photo.height), height))
        lit = ImageEnhance.Brightness(scaled).enhance(float(rng.uniform(0.7, 1.3)))
        image = Image.new("RGB", SIZE, (60, 70, 80))
        image.paste(lit, (int(rng.integers(0, 160)), int(rng.integers(0, 481 - height))))
        image.save(folder / f"{number:05}.jpg", quality=90)


def with_processes(images: Path, out: Path) -> float:
    """Return the seconds of a study in two processes."""
    options = mien.StudyOptions(workers=WORKERS, overwrite=True)
    began_s = time.perf_counter()
    mien.study_to(out / "processes", images, options=options)
    return time.perf_counter() - began_s


def with_ray(images: Path, out: Path) -> float:
    """Return the seconds of a study on Ray with two actors."""
    from mien.cluster import ray_unit_runner

    options = mien.StudyOptions(overwrite=True)
    began_s = time.perf_counter()
    runner = ray_unit_runner("local", actors=WORKERS)
    mien.study_to(out / "ray", images, options=options, runner=runner)
    return time.perf_counter() - began_s


def table(kept: dict[str, Any]) -> str:
    """Return the Markdown table of what was measured."""
    images, pairs = kept["images"], kept["pairs_s"]
    processes_s, ray_s = (statistics.median(each) for each in zip(*pairs, strict=True))
    ratio = statistics.median(processes / ray for processes, ray in pairs)
    what = "ratio" if len(pairs) == 1 else f"ratio, median of {len(pairs)} runs in turn"
    return markdown_table(
        [f"{images} images, {kept['machine']}", "images a second"],
        [
            [f"`--workers {WORKERS}`", f"{images / processes_s:.1f}"],
            [f"`--ray local --workers {WORKERS}`", f"{images / ray_s:.1f}"],
            [f"{what} (at least {WANTED} wanted)", f"{ratio:.2f}"],
        ],
    )


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--pairs", type=int, default=PAIRS, help="how often both run in turn")
    parser.add_argument("--shared", action="store_true", help="say that others used the cores")
    parser.add_argument("--write", action="store_true", help="keep the figures, update the page")
    arguments = parser.parse_args()
    pairs = []
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        make_images(out / "images", arguments.images)
        for _ in range(arguments.pairs):
            processes_s, ray_s = (run(out / "images", out) for run in (with_processes, with_ray))
            pairs.append((processes_s, ray_s))
            print(f"{processes_s:.1f} s with processes, {ray_s:.1f} s with Ray", flush=True)
    where = machine() + (", which others used, too" if arguments.shared else "")
    kept = {"images": arguments.images, "machine": where, "pairs_s": pairs}
    print(table(kept))
    if arguments.write:
        write_json(KEPT, kept)
        write_marked(DOCUMENT, "cluster-speed", table(kept))


if __name__ == "__main__":
    main()
