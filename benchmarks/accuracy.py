"""How right an emotion model is on FER-2013 and FER+, by each protocol.

    python benchmarks/accuracy.py --data fer2013.parquet --votes fer2013new.csv --split test

Everything is chosen on `val`; look at `test` once per model.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from marked import markdown_table, write_marked
from numpy.typing import NDArray

from mien.data import Dataset, read_fer2013
from mien.emotions import FER2013_7, FERPLUS_8, SIX
from mien.evaluation import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    expected_calibration_error,
    ferplus_majority,
    macro_f1,
    to_six,
)
from mien.inference import EmotionModel

Row = dict[str, str | int | float]


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Turn logits `(N, K)` into probabilities."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def measure(model: EmotionModel, data: Dataset, split: str) -> Iterator[Row]:
    """Score one part of the split by four protocols, with and without copies of training rows."""
    part, train = data.part(split), data.part("train")
    outputs = model.run(part.images)
    six = model.probabilities(part.images)
    known = {image.tobytes() for image in train.images}
    fresh = np.array([image.tobytes() not in known for image in part.images])
    votes, counted = ferplus_majority(part.votes)
    ferplus = np.where(counted, votes, -1)
    hard = part.labels.astype(np.int64)
    protocols = (
        ("FER+ 8 classes, majority", softmax(outputs["logits"]), ferplus),
        ("FER-2013 7 classes", softmax(outputs["fer2013_logits"]), hard),
        ("six-way output, FER+ majority", six, to_six(ferplus, FERPLUS_8)),
        ("six-way output, FER-2013", six, to_six(hard, FER2013_7)),
    )
    for name, probabilities, labels in protocols:
        yield score(name, split, probabilities, labels, labels >= 0)
        yield score(f"{name}, leak-free", split, probabilities, labels, (labels >= 0) & fresh)


def score(
    name: str,
    split: str,
    probabilities: NDArray[np.floating],
    labels: NDArray[np.int64],
    counted: NDArray[np.bool_],
) -> Row:
    """Compute one row of the table over the counted pictures."""
    probabilities, labels = probabilities[counted], labels[counted]
    classes = probabilities.shape[1]
    matrix = confusion_matrix(labels, probabilities.argmax(axis=1), classes=classes)
    return {
        "protocol": name,
        "split": split,
        "pictures": int(counted.sum()),
        "accuracy": accuracy(matrix),
        "balanced accuracy": balanced_accuracy(matrix),
        "macro-F1": macro_f1(matrix),
        "ECE": expected_calibration_error(probabilities, labels),
    }


def main() -> None:
    """Parse, measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="an emotion model; default: the shipped one")
    parser.add_argument("--data", type=Path, required=True, help="FER-2013 as Parquet")
    parser.add_argument("--votes", type=Path, required=True, help="FER+'s fer2013new.csv")
    parser.add_argument("--split", choices=("val", "test"), default="val")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    model = EmotionModel(arguments.model)
    rows = list(measure(model, read_fer2013(arguments.data, arguments.votes), arguments.split))
    head = ["protocol", "pictures", "accuracy", "balanced accuracy", "macro-F1", "ECE"]
    cells = [
        [str(row["protocol"]), f"{row['pictures']:,}"]
        + [f"{100 * float(row[name]):.1f} %" for name in head[2:4]]
        + [f"{float(row[name]):.3f}" for name in head[4:]]
        for row in rows
    ]
    table = markdown_table(head, cells)
    print(f"{model.spec.name}, {arguments.split} split, labels {', '.join(SIX.labels)}\n{table}")
    for path in arguments.write:
        write_marked(path, "accuracy", table)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
