r"""How well `mien fine-tune` learns own images, and what it forgets.

    python benchmarks/fine_tune.py remember --data fer
    python benchmarks/fine_tune.py measure --images expressions.parquet --data fer \
        --json benchmarks/results/fine_tune.json --write docs/fine-tuning.md

`remember` writes what the package remembers of the shipped network's features; do it anew when the
shipped network changes.

`measure` needs a Parquet file with the columns set, person, label and image (bytes), here CK+ in
crops of 48 pixels (`ck48`) and movie stills (SFEW, `sfew`); research data, so each model is
measured and thrown away. Faces are found and aligned by the importer; those who learn are not
evaluated. What is forgotten is measured on val of FER-2013 by FER+'s majority; nothing was chosen
there by these trainings.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import machine
from marked import markdown_table, write_json, write_marked
from numpy.typing import NDArray
from PIL import Image

from mien.data import Dataset, import_dataset, read_dataset
from mien.emotions import FERPLUS_8, SIX, ferplus_majority, to_six
from mien.finetuning import fine_tune
from mien.finetuning.judging import answers, balanced
from mien.finetuning.learning import features_of
from mien.finetuning.memory import FILE, Memory, write_memory
from mien.inference import EmotionModel
from mien.models.onnx_weights import load_onnx_network

REMEMBERED = 12_000
FIVE = ("happy", "sad", "angry", "fear", "surprise")
THREE = ("sad", "angry", "fear")


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One kind of own images: a set, its classes, and how many learn."""

    title: str
    source: str
    classes: tuple[str, ...]
    people: int = 0
    per_class: int = 0
    images: int = 0
    replay: bool = False


CASES = (
    Case("30 people, five classes, posed", "ck48", FIVE, people=30),
    Case("30 people, seven classes, posed", "ck48", (*FIVE, "disgust", "contempt"), people=30),
    Case("90 images, three classes, posed", "ck48", THREE, per_class=30),
    Case("the same with --replay", "ck48", THREE, per_class=30, replay=True),
    Case("90 images, three classes, movie stills", "sfew", THREE, per_class=30),
    Case("20 images, posed", "ck48", FIVE, images=20),
    Case("20 images, movie stills", "sfew", SIX.labels, images=20),
)


def remember(data: Dataset) -> None:
    """Write what the package remembers of the shipped network."""
    model = EmotionModel()
    network = load_onnx_network(model.path, model.spec.provenance)
    train = data.subset("train")
    rows = np.random.default_rng(1).permutation(len(train))[:REMEMBERED]
    crops = torch.from_numpy(train.select(rows).crops(model.crop))
    features = features_of(network, crops, model.spec)
    if model.spec.six is None:
        raise SystemExit("the shipped network has no six-way output")
    given = torch.from_numpy(answers(network, features, model.spec.six))
    write_memory(Memory.summary(features, given), network, FILE)
    print(f"wrote {FILE} of {FILE.stat().st_size / 1e3:.0f} kB from {len(rows):,} images")


def imported(images: Path, source: str, folder: Path) -> Dataset:
    """Import one set by class folders, as a user would."""
    import polars as pl

    for row in pl.read_parquet(images).filter(pl.col("set") == source).iter_rows(named=True):
        place = folder / "images" / row["label"]
        place.mkdir(parents=True, exist_ok=True)
        suffix = (Image.open(io.BytesIO(row["image"])).format or "png").lower()
        name = f"{row['person']}--{Path(str(row['id'])).name}.{suffix}"
        (place / name).write_bytes(row["image"])
    import_dataset(
        [folder / "images"], folder / "data", group=r"([^/]+)--", align="always", own_classes=True
    )
    return read_dataset(folder / "data")


def divided(data: Dataset, case: Case, seed: int) -> Dataset:
    """Let some people learn and judge by the others."""
    rng = np.random.default_rng(seed)
    names = np.array(data.label_names)[data.labels]
    if data.groups is None:
        raise SystemExit("the importer found no people")
    usable = np.isin(names, case.classes)
    people = rng.permutation(np.unique(data.groups[usable]))
    learning = people[: case.people or len(people) // 2]
    learns = usable & np.isin(data.groups, learning)
    tests = usable & ~learns
    if case.per_class:
        chosen = [rng.permutation(np.flatnonzero(learns & (names == c))) for c in case.classes]
        learns = np.isin(
            np.arange(len(data)), np.concatenate([c[: case.per_class] for c in chosen])
        )
    elif case.images:
        learns = np.isin(
            np.arange(len(data)), rng.permutation(np.flatnonzero(learns))[: case.images]
        )
    split = np.where(learns, 0, np.where(tests, 2, -1)).astype(np.int8)
    return dataclasses.replace(data, split=split)


def forgotten(path: Path, data: Dataset) -> tuple[float, NDArray[np.float64]]:
    """Return a file's balanced accuracy on val by FER+'s majority, and the recalls, `(6,)`."""
    val = data.subset("val")
    majority, decided = ferplus_majority(val.votes)
    truth = to_six(np.where(decided, majority, -1), FERPLUS_8)
    model = EmotionModel(path)
    crops = val.crops(model.crop)
    predicted = np.concatenate(
        [model.probabilities(part).argmax(axis=1) for part in np.array_split(crops, 16)]
    )
    recalls = [float(np.mean(predicted[truth == each] == each)) for each in range(len(SIX))]
    return balanced(truth, predicted), np.array(recalls)


def measured(images: Path, data: Dataset, wanted: str, draws: int) -> Iterator[dict[str, Any]]:
    """Fine-tune for each case and seed."""
    start, start_recalls = forgotten(EmotionModel().path, data)
    with tempfile.TemporaryDirectory() as folder:
        sets: dict[str, Dataset] = {}
        for case in CASES:
            if wanted not in case.title:
                continue
            if case.source not in sets:
                sets[case.source] = imported(images, case.source, Path(folder) / case.source)
            for seed in range(draws):
                own = divided(sets[case.source], case, seed)
                began = time.monotonic()
                result = fine_tune(
                    own,
                    out=Path(folder) / "out",
                    replay=data if case.replay else None,
                    overwrite=True,
                )
                took = time.monotonic() - began
                after, recalls = forgotten(result.path, data)
                absent = [SIX.index(name) for name in result.absent]
                fell = 100 * (start_recalls - recalls)
                yield {
                    "case": case.title,
                    "seed": seed,
                    "images": int((own.split == 0).sum()),
                    "before": _percent(None if result.own else result.balanced_before),
                    "after": _percent(result.own_balanced if result.own else result.balanced_after),
                    "changed": result.changed,
                    "ferplus_before": 100 * start,
                    "ferplus_after": 100 * after,
                    "largest_fall_of_an_absent_class": float(fell[absent].max(initial=0.0)),
                    "seconds": took,
                    "recommendation": result.recommendation,
                }


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def table(found: list[dict[str, Any]]) -> str:
    """Return the figures as Markdown."""
    rows = []
    for title in dict.fromkeys(each["case"] for each in found):
        of_case = [each for each in found if each["case"] == title]

        def over(key: str, of_case: list[dict[str, Any]] = of_case) -> str:
            return " / ".join("-" if e[key] is None else f"{e[key]:.1f}" for e in of_case)

        fell = " / ".join(f"{e['ferplus_after'] - e['ferplus_before']:+.1f}" for e in of_case)
        rows.append(
            [
                title,
                over("before"),
                over("after"),
                fell,
                over("largest_fall_of_an_absent_class"),
                " / ".join(f"{each['seconds']:.0f}" for each in of_case),
            ]
        )
    head = [
        "own images, %",
        "before",
        "after",
        "FER+, balanced",
        "most lost by an absent class",
        "s",
    ]
    return markdown_table(head, rows)


def main() -> None:
    """Remember or measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("remember", "measure"))
    parser.add_argument("--data", type=Path, required=True, help="FER-2013, imported")
    parser.add_argument("--images", type=Path, help="the Parquet of own images")
    parser.add_argument("--case", default="", help="only the cases with this in their title")
    parser.add_argument("--draws", type=int, default=3, help="draws of people for each case")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    data = read_dataset(arguments.data)
    if arguments.what == "remember":
        remember(data)
        return
    if arguments.images is None:
        parser.error("measure needs --images")
    found = []
    for each in measured(arguments.images, data, arguments.case, arguments.draws):
        print(json.dumps(each), flush=True)
        found.append(each)
        if arguments.json:
            write_json(arguments.json, {"machine": machine(), "found": found})
    where = f"One figure for each draw of people; on {machine()}, other work beside it."
    said = f"{table(found)}\n\n{where}"
    print(said)
    for path in arguments.write:
        write_marked(path, "fine-tuning", said)


if __name__ == "__main__":
    main()
