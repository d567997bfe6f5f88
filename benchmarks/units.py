"""How well a network of expression units agrees with its teacher, with labels, and with heads.

    python benchmarks/units.py runs/units/units.onnx --data fer --teacher face_landmarker.task \
        --labels labels.npz --foreign ck48 sfew --head head.npz

Measured are the agreement with the teacher on the faces of `val`, at full and at lower resolution;
the area under the ROC curve of single coefficients for expressions of datasets with labels, beside
the teacher's own; rendered heads with one unit from 0 to 1 and with known pose; and the time of a
face. The teacher needs the package mediapipe, unless it has read all faces before (`--labels`).

    python benchmarks/units.py --figures benchmarks/results/units.json \
        --write MODEL_CARD.md docs/units.md

writes the tables of earlier figures into documents.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from marked import markdown_table, write_json, write_marked
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import spearmanr

from mien.data import Dataset, read_dataset
from mien.data.render import Head, read_head
from mien.data.render.expressions import ACTION_UNITS, Expression
from mien.data.render.person import Camera, Person, draw_camera, draw_person
from mien.data.render.scene import Renderer
from mien.emotions import FER2013_7
from mien.inference import UnitAnswers, UnitModel
from mien.metrics import agreement, roc_auc
from mien.training import common_units, faces_to_read, label_units, unit_examples
from mien.units import POSE_FIELDS, UNITS

SIDES_PX = (24, 32, 48)
"""Sides that the 48-pixel crops are reduced to, and enlarged again from."""

SPEAKS_FOR = {
    "happy": ("mouthSmile",),
    "surprise": ("jawOpen",),
    "angry": ("browDown",),
    "sad": ("browInnerUp",),
    "fear": ("browInnerUp",),
}
"""The coefficient that an expression is told from all others by."""

RENDERED = {
    1: "browInnerUp",
    2: "browOuterUp",
    4: "browDown",
    5: "eyeWide",
    7: "eyeSquint",
    10: "mouthUpperUp",
    12: "mouthSmile",
    15: "mouthFrown",
    18: "mouthPucker",
    20: "mouthStretch",
    24: "mouthPress",
    27: "jawOpen",
    43: "eyeBlink",
}
"""The coefficient that each action unit of a rendered head moves."""

AUC_TARGETS = {"happy": 0.95, "surprise": 0.92, "angry": 0.80, "sad": 0.75, "fear": 0.75}

SILENT = 0.05
"""A coefficient that the teacher never raises above this cannot be learnt from it."""

HEADS = 6
ANGLES_DEG = (-30, -20, -10, 0, 10, 20, 30)


def both_sides(units: Mapping[str, NDArray[np.float32]], name: str) -> NDArray[np.float32]:
    """Return a coefficient, or the mean of those of its two sides, `(B,)`."""
    if name in units:
        return units[name]
    mean: NDArray[np.float32] = (units[f"{name}Left"] + units[f"{name}Right"]) / 2
    return mean


def table_of(answers: UnitAnswers) -> NDArray[np.float32]:
    """Return coefficients and angles as columns, `(B, 54)`."""
    columns = [*(answers.units[name] for name in UNITS), *(answers.pose[n] for n in POSE_FIELDS)]
    return np.stack(columns, axis=1)


def reduced(images: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return images with the detail of `side` pixels."""
    size = images.shape[1:]
    small = (Image.fromarray(each).resize((side, side), Image.Resampling.BOX) for each in images)
    return np.stack([np.asarray(each.resize(size, Image.Resampling.BICUBIC)) for each in small])


def against_teacher(model: UnitModel, data: list[Dataset], options: Any) -> dict[str, Any]:
    """Compare the network with the teacher on the faces of `val`."""
    labelled = [(each, label_units(each, options.teacher, options.labels)) for each in data]
    examples = unit_examples(labelled, "val")
    expected = np.concatenate([examples.units, examples.pose_deg], axis=1)
    frontal = np.abs(examples.pose_deg).max(axis=1) <= 30
    common = common_units(examples.units)
    views = np.concatenate([labels.view_units for _, labels in labelled])
    views = views[np.isfinite(views).all(axis=(1, 2))]
    between = agreement(views[:, 0], views[:, 1]).correlation
    found: dict[str, Any] = {"faces": len(examples), "sides": {}}
    for side in SIDES_PX:
        images = examples.images if side == 48 else reduced(examples.images, side)
        read = table_of(model.read(images))
        agreed = agreement(read, expected)
        turned = agreement(read[frontal], expected[frontal]).median_absolute_error
        correlation = agreed.correlation[: len(UNITS)]
        found["sides"][side] = {
            "median_r": float(np.median(correlation[common])),
            "lowest_r": float(correlation[common].min()),
            "mean_absolute_error": float(agreed.mean_absolute_error[: len(UNITS)].mean()),
            "pose_error_deg": dict(zip(POSE_FIELDS, turned[len(UNITS) :].tolist(), strict=True)),
        }
        if side == 48:
            found["units"] = [
                {
                    "unit": name,
                    "common": bool(common[place]),
                    "r": float(correlation[place]),
                    "mean_absolute_error": float(agreed.mean_absolute_error[place]),
                    "teacher_r_between_views": float(between[place]),
                    "teacher_largest": float(examples.units[:, place].max()),
                }
                for place, name in enumerate(UNITS)
            ]
    return found


def areas(model: UnitModel, data: Dataset, options: Any) -> list[dict[str, Any]]:
    """Return the area under the ROC curve of each expression's coefficient, and the teacher's."""
    labels = label_units(data, options.teacher, options.labels)
    taught = dict(zip(UNITS, labels.units.T, strict=True))
    read = model.read(data.crops(model.crop)).units
    seen = labels.weights > 0
    found = []
    for expression, (unit,) in SPEAKS_FOR.items():
        shown = data.fer2013_labels == FER2013_7.index(expression)
        found.append(
            {
                "dataset": data.source,
                "expression": expression,
                "unit": unit,
                "faces": int(shown.sum()),
                "auc": roc_auc(both_sides(read, unit), shown),
                "teacher_auc": roc_auc(both_sides(taught, unit)[seen], shown[seen]),
            }
        )
    return found


def bare(head: Head, seed: int) -> tuple[Person, Camera]:
    """Return a person without glasses and beard, and a camera straight before them."""
    rng = np.random.default_rng(seed)
    person = dataclasses.replace(draw_person(head, rng), glasses="none", beard="none")
    camera = draw_camera(rng)
    return person, dataclasses.replace(
        camera,
        yaw_deg=0.0,
        pitch_deg=0.0,
        roll_deg=0.0,
        zoom=1.0,
        shift=(0.0, 0.0),
        gaze=(0.0, 0.0),
    )


def showing(unit: int, strength: float) -> Expression:
    """Return an expression of one action unit."""
    weights = {name: weight * strength for name, weight in ACTION_UNITS[unit].items()}
    return Expression("neutral", strength, weights, dict(weights), {unit: strength}, 0.0)


def rendered(model: UnitModel, head: Head) -> dict[str, Any]:
    """Measure heads with one unit from 0 to 1, and with one angle from -30 to 30 degrees."""
    renderer, strengths = Renderer(head), np.linspace(0, 1, 9)
    people = [bare(head, seed) for seed in range(HEADS)]
    units = []
    for number, name in RENDERED.items():
        images = np.stack(
            [renderer.render(p, showing(number, s), c) for p, c in people for s in strengths]
        )
        read = model.read(images).units
        rise = {each: _rise(both_sides(read, each)) for each in {_unsided(unit) for unit in UNITS}}
        rank = [spearmanr(strengths, row).statistic for row in _by_head(both_sides(read, name))]
        leader = max(rise, key=lambda each: rise[each])
        units.append(
            {
                "action_unit": number,
                "unit": name,
                "spearman": float(np.median(np.nan_to_num(rank))),
                "rise": rise[name],
                "leader": leader,
                "leader_rise": rise[leader],
            }
        )
    still = showing(1, 0.0)
    poses = {}
    for field in POSE_FIELDS:
        turned = [
            renderer.render(p, still, dataclasses.replace(c, **{field: float(angle)}))
            for p, c in people
            for angle in ANGLES_DEG
        ]
        read_deg = model.read(np.stack(turned)).pose[field].reshape(HEADS, -1)
        poses[field] = {
            "median_error_deg": float(np.median(np.abs(read_deg - np.array(ANGLES_DEG)))),
            "read_deg": read_deg.mean(axis=0, dtype=np.float64).round(1).tolist(),
            "rendered_deg": list(ANGLES_DEG),
        }
    return {"units": units, "pose": poses}


def _unsided(unit: str) -> str:
    return unit.removesuffix("Left").removesuffix("Right") if unit not in _WHOLE else unit


_WHOLE = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")


def _by_head(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values.reshape(HEADS, -1)


def _rise(values: NDArray[np.float32]) -> float:
    heads = _by_head(values)
    return float((heads[:, -1] - heads[:, 0]).mean())


def time_ms(model: UnitModel, runs: int = 300) -> dict[str, float]:
    """Return the least and the median time of one face on one thread, in ms."""
    crop = np.random.default_rng(0).uniform(0, 255, (1, 48, 48)).astype(np.float32)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        model.read(crop)
        times.append(1000 * (time.perf_counter() - start))
    return {"least": min(times), "median": float(np.median(times))}


def sides_table(found: dict[str, Any]) -> str:
    """Return how the agreement with the teacher falls with the resolution."""
    head = [
        "detail in px",
        "median r",
        "lowest r",
        "mean absolute error",
        "yaw, pitch, roll in deg",
    ]
    rows = [
        [
            str(side),
            *(f"{each[name]:.3f}" for name in ("median_r", "lowest_r", "mean_absolute_error")),
            ", ".join(f"{value:.1f}" for value in each["pose_error_deg"].values()),
        ]
        for side, each in found["teacher"]["sides"].items()
    ]
    return markdown_table(head, rows)


def coefficients_table(found: dict[str, Any]) -> str:
    """Return the agreement with the teacher by coefficient."""
    head = ["coefficient", "r", "mean absolute error", "teacher's r between views", "in the faces"]
    rows = [
        [
            f"`{each['unit']}`",
            *(f"{each[n]:.3f}" for n in ("r", "mean_absolute_error", "teacher_r_between_views")),
            _frequency(each),
        ]
        for each in found["teacher"]["units"]
    ]
    return markdown_table(head, rows)


def _frequency(each: dict[str, Any]) -> str:
    if each["teacher_largest"] < SILENT:
        return f"never: {each['teacher_largest']:.2g} at most"
    return "common" if each["common"] else "rare"


def foreign_table(found: dict[str, Any]) -> str:
    """Return how well one coefficient tells an expression from all others."""
    head = ["dataset", "expression", "faces", "coefficient", "AUC", "teacher's AUC"]
    rows = [
        [e["dataset"], e["expression"], str(e["faces"]), f"`{e['unit']}`",
         f"{e['auc']:.3f}", f"{e['teacher_auc']:.3f}"]
        for e in found["foreign"]
    ]  # fmt: skip
    return markdown_table(head, rows)


def heads_table(found: dict[str, Any]) -> str:
    """Return what is read from rendered heads with one action unit from 0 to 1."""
    head = ["action unit", "coefficient", "Spearman", "rise", "largest rise"]
    rows = [
        [f"AU{e['action_unit']}", f"`{e['unit']}`", f"{e['spearman']:.2f}", f"{e['rise']:.2f}",
         f"`{e['leader']}` {e['leader_rise']:.2f}"]
        for e in found["heads"]["units"]
    ]  # fmt: skip
    return markdown_table(head, rows)


def head_pose_table(found: dict[str, Any]) -> str:
    """Return what is read from rendered heads with one known angle."""
    poses = found["heads"]["pose"]
    rendered_deg = next(iter(poses.values()))["rendered_deg"]
    head = ["angle", "median error in deg", *(f"{angle:+d}" for angle in rendered_deg)]
    rows = [
        [
            field.removesuffix("_deg"),
            f"{each['median_error_deg']:.1f}",
            *(f"{angle:+.1f}" for angle in each["read_deg"]),
        ]
        for field, each in poses.items()
    ]
    return markdown_table(head, rows)


def targets_table(found: dict[str, Any]) -> str:
    """Return what was aimed at, and what is reached."""
    agreed, areas_found = found["teacher"]["sides"]["48"], found["foreign"]
    rows = [
        ("r with the teacher, lowest of the common", 0.85, agreed["lowest_r"], True),
        ("r with the teacher, median of the common", 0.90, agreed["median_r"], True),
        ("mean absolute error, at most", 0.06, agreed["mean_absolute_error"], False),
    ]
    rows += [
        (f"{field.removesuffix('_deg')}, median error within 30 deg, at most", 3.0, error, False)
        for field, error in agreed["pose_error_deg"].items()
    ]
    rows += [
        (f"{e['dataset']}: AUC of {e['unit']} for {e['expression']}",
         AUC_TARGETS[e["expression"]], e["auc"], True)
        for e in areas_found
    ]  # fmt: skip
    if "heads" in found:
        rows += [
            (f"rendered heads: AU{e['action_unit']}, Spearman", 0.9, e["spearman"], True)
            for e in found["heads"]["units"]
        ]
        rows += [
            (f"rendered heads: {field.removesuffix('_deg')}, median error in deg, at most", 4.0,
             each["median_error_deg"], False)
            for field, each in found["heads"]["pose"].items()
        ]  # fmt: skip
    head = ["what", "target", "reached", "missed by"]
    cells = []
    for name, target, value, is_least in rows:
        short = target - value if is_least else value - target
        digits = 3 if target <= 1 else 1
        missed = "met" if short <= 0 else f"{short:.{digits}f}"
        cells.append([name, f"{target:.{digits}f}", f"{value:.{digits}f}", missed])
    return markdown_table(head, cells)


def cost_line(found: dict[str, Any]) -> str:
    """Return what a face costs."""
    spent = found["time_ms"]
    return (
        f"One face takes {spent['least']:.2f} ms at least and {spent['median']:.2f} ms at the "
        f"median on one thread, on {found['machine']}."
    )


def blocks(found: dict[str, Any]) -> dict[str, str]:
    """Return the texts for documents, by the name of their marks."""
    texts = {
        "units targets": targets_table(found),
        "units sides": sides_table(found),
        "units coefficients": coefficients_table(found),
        "units foreign": foreign_table(found),
        "units cost": cost_line(found),
    }
    if "heads" in found:
        texts |= {"units heads": heads_table(found), "units pose": head_pose_table(found)}
    return texts


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?", help="a model file of `mien train units`")
    parser.add_argument("--figures", type=Path, help="a file of --json, instead of measuring")
    parser.add_argument("--data", nargs="+", type=Path, default=[], help="imported datasets")
    parser.add_argument("--teacher", type=Path, help="face_landmarker.task")
    parser.add_argument("--labels", type=Path, help="what the teacher has read")
    parser.add_argument("--foreign", nargs="*", type=Path, default=[], help="imported datasets")
    parser.add_argument("--head", type=Path, help="the parametric head")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--write", nargs="*", type=Path, default=[], help="documents to write into")
    options = parser.parse_args()
    if options.figures is not None:
        found = json.loads(options.figures.read_text(encoding="utf-8"))
    elif None in (options.model, options.teacher, options.labels) or not options.data:
        parser.error("expected a model, --data, --teacher and --labels, or --figures")
    else:
        found = measured(options)
    texts = blocks(found)
    print("\n\n".join(texts.values()))
    if options.json is not None:
        write_json(options.json, found)
    for document in options.write:
        for name, text in texts.items():
            if f"<!-- {name} -->" in document.read_text(encoding="utf-8"):
                write_marked(document, name, text)


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Measure a network."""
    model = UnitModel(options.model)
    data = [faces_to_read(read_dataset(folder)).subset("val") for folder in options.data]
    foreign = [read_dataset(folder) for folder in options.foreign]
    found: dict[str, Any] = {
        "machine": machine(),
        "model_sha256": hashlib.sha256(options.model.read_bytes()).hexdigest(),
        "teacher": against_teacher(model, data, options),
        "foreign": [each for one in foreign for each in areas(model, one, options)],
        "time_ms": time_ms(model),
    }
    if options.head is not None:
        found["heads"] = rendered(model, read_head(options.head))
    return json.loads(json.dumps(found))


if __name__ == "__main__":
    main()
