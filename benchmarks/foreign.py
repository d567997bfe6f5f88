"""How well the six-way output does on faces of other people than FER-2013's.

    mien data import actors/ --align always --no-face keep --out actors
    python benchmarks/foreign.py actors --write MODEL_CARD.md

Each argument is an imported dataset; all of its images count, and one on which no face was found is
taken as a whole. Of several datasets a last line has all their images together. Intervals draw
whole people where a dataset knows them. `--model` takes another network than the shipped one.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from marked import markdown_table, write_json, write_marked
from numpy.typing import NDArray

from mien.data import Dataset, read_dataset
from mien.emotions import FER2013_7, SIX, to_six
from mien.inference import EmotionModel
from mien.metrics import score_predictions

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

HEAD = ["dataset", "images", "accuracy", "balanced accuracy", "wrongly neutral", "ECE", "sure"]


def wrongly_neutral(confusion: list[list[int]]) -> float:
    """Return the share of the images of other expressions that are called neutral, 0 to 1."""
    counts, neutral = np.array(confusion), SIX.index("neutral")
    others = np.delete(counts, neutral, axis=0)
    return float(others[:, neutral].sum() / others.sum())


def answered(model: EmotionModel, data: Dataset) -> tuple[FloatArray, IntArray, IntArray]:
    """Return probabilities, labels by `SIX`, and people of a dataset's images that have a label."""
    labels = to_six(data.fer2013_labels.astype(np.int64), FER2013_7)
    known = labels >= 0
    people = np.arange(len(data)) if data.people is None else data.people
    return model.probabilities(data.crops(model.crop))[known], labels[known], people[known]


def figures(
    model: EmotionModel, probabilities: FloatArray, labels: IntArray, people: IntArray
) -> dict[str, Any]:
    """Return the figures of some images."""
    score = score_predictions(
        probabilities, labels, SIX, unsure_below=model.unsure_below, groups=people
    )
    return {
        "wrongly_neutral": wrongly_neutral(score.confusion),
        "recall": {each.label: each.recall for each in score.classes if each.images},
        "intervals": {name: dataclasses.asdict(each) for name, each in score.intervals.items()},
        "sure": score.sure,
        **{name: getattr(score, name) for name in ("images", "accuracy", "ece")},
        "balanced_accuracy": score.balanced_accuracy,
    }


def measured(model: EmotionModel, folders: list[Path]) -> list[dict[str, Any]]:
    """Return the figures of each dataset and, of several, those of all their images together."""
    found, answers = [], []
    for folder in folders:
        data = read_dataset(folder)
        answers.append(answered(model, data))
        found.append(
            {
                "dataset": data.source,
                "sha256": data.sha256(),
                "people": len(set(data.groups.tolist())) if data.groups is not None else None,
                **figures(model, *answers[-1]),
            }
        )
    if len(folders) > 1:
        probabilities, labels, people = zip(*answers, strict=True)
        # Nobody is in two datasets.
        apart = np.cumsum([0, *(each.max(initial=0) + 1 for each in people)])
        people = [each + first for each, first in zip(people, apart, strict=False)]
        whole = (np.concatenate(each) for each in (probabilities, labels, people))
        together = "both" if len(folders) == 2 else "all"
        found.append({"dataset": together, **figures(model, *whole)})
    return found


def row(found: dict[str, Any]) -> list[str]:
    """Return a line of the table."""
    cells = [found["dataset"], f"{found['images']:,}"]
    for name in ("accuracy", "balanced_accuracy"):
        low, high = (100 * found["intervals"][name][end] for end in ("low", "high"))
        cells.append(f"{100 * found[name]:.1f} % ({low:.1f} to {high:.1f})")
    sure = found["sure"]
    return [
        *cells,
        f"{100 * found['wrongly_neutral']:.1f} %",
        f"{found['ece']:.3f}",
        f"{100 * sure['coverage']:.0f} %, right {100 * sure['accuracy']:.1f} %",
    ]


def foreign_table(found: list[dict[str, Any]]) -> str:
    """Return the table that the model card shows."""
    return markdown_table(HEAD, [row(each) for each in found])


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("datasets", nargs="+", type=Path, help="imported datasets")
    parser.add_argument("--model", type=Path, help="another network than the shipped one")
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results/foreign.json")
    parser.add_argument("--write", nargs="*", type=Path, default=[], help="documents to write into")
    options = parser.parse_args()
    model = EmotionModel(options.model)
    found = measured(model, options.datasets)
    table = foreign_table(found)
    print(table)
    if options.model is None:
        write_json(options.json, found)
    for document in options.write:
        write_marked(document, "foreign", table)


if __name__ == "__main__":
    main()
