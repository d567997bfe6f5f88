"""What is said of faces that are rotated in their image: units, or that there are none.

    python benchmarks/rotated.py photos.parquet --json rotated.json --write docs/units.md

Photos are taken from the column `jpeg` of Parquet files: those with one face, found surely and
upright. Each is rotated in steps of 15 degrees. A reading is right if the roll that it gives is
within 15 degrees of what the upright face had, plus the rotation, and each of five units within
0.25 of what the upright face had.

    python benchmarks/rotated.py --figures rotated.json --write docs/units.md

writes the table of earlier figures into documents.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from marked import markdown_table, write_json, write_marked
from PIL import Image

from mien.inference import Analyzer
from mien.structures import FacePrediction
from mien.units import merged_sides

STEP_DEG, RIGHT_WITHIN_DEG, RIGHT_WITHIN = 15, 15, 0.25
COMPARED = ("mouthSmile", "jawOpen", "eyeBlink", "browInnerUp", "browDown")
LONGEST_PX, SMALLEST_FACE_PX = 400, 50
UPRIGHT_DEG, SURE = 12, 0.8
MARK = "units rotated"


def photos(paths: list[Path], count: int, analyzer: Analyzer) -> Iterator[Image.Image]:
    """Yield as many photos of one upright face of each file, in random order."""
    for path in paths:
        found = 0
        rows = pq.read_table(path, columns=["jpeg"])["jpeg"].to_pylist()
        for place in np.random.default_rng(0).permutation(len(rows)):
            image = Image.open(io.BytesIO(rows[place])).convert("RGB")
            image.thumbnail((LONGEST_PX, LONGEST_PX))
            faces = analyzer.analyze(image)
            if len(faces) == 1 and is_upright(faces[0]):
                found += 1
                yield image
            if found * len(paths) >= count:
                break


def is_upright(face: FacePrediction) -> bool:
    """Return whether a face of a photo as it is can be measured with."""
    return (
        face.pose is not None
        and abs(face.pose.roll_deg) <= UPRIGHT_DEG
        and face.detection_score >= SURE
        and face.quality.size_px >= SMALLEST_FACE_PX
    )


def measured(images: Iterator[Image.Image], analyzer: Analyzer) -> dict[str, Any]:
    """Count what is said of each photo at each rotation, clockwise."""
    counts = {angle: dict.fromkeys(("found", "refused", "right"), 0) for angle in angles()}
    total = 0
    for image in images:
        total += 1
        (before,) = analyzer.analyze(image)
        for angle in angles():
            turned = image.rotate(-angle, Image.Resampling.BICUBIC, expand=True)
            face = nearest(analyzer.analyze(turned).faces, before, image.size, angle, turned.size)
            if face is None or before.pose is None:
                continue
            counts[angle]["found"] += 1
            counts[angle]["refused"] += face.units_missing == "rotated"
            counts[angle]["right"] += is_right(before, face, angle)
    return {"photos": total, "counts": {str(angle): each for angle, each in counts.items()}}


def is_right(before: FacePrediction, face: FacePrediction, angle: int) -> bool:
    """Return whether a rotated face is read as it was before it was rotated by an angle."""
    if face.pose is None or face.units is None or before.pose is None or before.units is None:
        return False
    off = (face.pose.roll_deg - before.pose.roll_deg - angle + 180) % 360 - 180
    own, other = (merged_sides(each, within=None) for each in (face.units, before.units))
    changes = [abs(own[name] - other[name]) for name in COMPARED]
    return abs(off) <= RIGHT_WITHIN_DEG and max(changes) <= RIGHT_WITHIN


def angles() -> range:
    """Return the rotations in degrees."""
    return range(0, 360, STEP_DEG)


def nearest(
    faces: tuple[FacePrediction, ...],
    before: FacePrediction,
    size: tuple[int, int],
    angle: int,
    turned_size: tuple[int, int],
) -> FacePrediction | None:
    """Return the face that lies where the photo's face is after the rotation."""
    x, y = middle(before)
    z = complex(x - size[0] / 2, y - size[1] / 2) * np.exp(1j * np.radians(angle))
    x, y = z.real + turned_size[0] / 2, z.imag + turned_size[1] / 2
    for face in faces:
        left, top, right, bottom = face.box_xyxy
        if left < x < right and top < y < bottom:
            return face
    return None


def middle(face: FacePrediction) -> tuple[float, float]:
    """Return the middle of a face's box."""
    left, top, right, bottom = face.box_xyxy
    return (left + right) / 2, (top + bottom) / 2


def table(found: dict[str, Any]) -> str:
    """Return the counts as a table, both directions of a rotation together."""
    rows = []
    for angle in range(0, 181, STEP_DEG):
        both = {str(angle), str(-angle % 360)}
        total = {
            name: sum(found["counts"][each][name] for each in both)
            for name in ("found", "refused", "right")
        }
        shown = len(both) * found["photos"]
        wrong = total["found"] - total["refused"] - total["right"]
        rows.append(
            [
                str(angle),
                f"{100 * total['found'] / shown:.0f} %",
                *(
                    f"{100 * each / max(total['found'], 1):.0f} %"
                    for each in (total["right"], total["refused"], wrong)
                ),
            ]
        )
    head = ["rotated by, deg", "found", "of these, right", "no units", "wrong"]
    return markdown_table(head, rows)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="*", help="Parquet files of photos")
    parser.add_argument("--photos", type=int, default=120, help="photos of all files together")
    parser.add_argument("--figures", type=Path, help="a file of --json, instead of measuring")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--write", nargs="*", type=Path, default=[], help="documents to write into")
    options = parser.parse_args()
    if options.figures is not None:
        found = json.loads(options.figures.read_text(encoding="utf-8"))
    elif options.files:
        analyzer = Analyzer(units=True)
        found = measured(photos(options.files, options.photos, analyzer), analyzer)
        networks = {"units": analyzer.unit_model, "face": analyzer.detector}
        for name, network in networks.items():
            digest = hashlib.sha256(network.path.read_bytes()).hexdigest()  # type: ignore[union-attr]
            found[f"{name}_sha256"] = digest
    else:
        parser.error("expected Parquet files of photos, or --figures")
    print(table(found))
    if options.json is not None:
        write_json(options.json, found)
    for document in options.write:
        write_marked(document, MARK, table(found))


if __name__ == "__main__":
    main()
