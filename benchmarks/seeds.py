r"""How far chance moves the student's figures, and what its seeds reach together.

    for seed in 1 2 3; do
      sed "s/^seed = .*/seed = $seed/" src/mien/training/recipes/student.toml > seed-$seed.toml
      mien train emotion --data fer --recipe seed-$seed.toml --out runs/seed-$seed
    done
    python benchmarks/seeds.py runs/seed-*/emotion.onnx --data fer --write MODEL_CARD.md \
        --teachers runs/emotion/emotion.onnx --json benchmarks/results/seeds.json

`--teachers` names more models: what all reach as one is that of their mean probabilities. Every
model is judged on val (PublicTest) and on test (PrivateTest); nothing is chosen here.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from marked import markdown_table, write_marked

from mien.data import Dataset, read_dataset
from mien.evaluation import PROTOCOLS
from mien.reports import Judged, Predictor, evaluate, mean_of, open_predictor

NAMES = ("ferplus-8", "fer2013-7", "fer2013-6")


def accuracies(judged: Sequence[Judged]) -> dict[str, list[float]]:
    """Return each model's accuracy in percent, by protocol, with and without leaked pictures."""
    found: dict[str, list[float]] = {}
    for each in judged:
        found.setdefault(each.title, []).append(100 * each.score.accuracy)
        if each.leak_free is not None:
            found.setdefault(f"{each.title}, leak-free", []).append(100 * each.leak_free.accuracy)
    return found


def measured(predictors: Sequence[Predictor], data: Dataset) -> dict[str, dict[str, list[float]]]:
    """Return `accuracies` by part."""
    protocols = [PROTOCOLS[name] for name in NAMES]
    return {
        split: accuracies(evaluate(predictors, data, split=split, protocols=protocols).judged)
        for split in ("val", "test")
    }


def spread(values: Sequence[float]) -> str:
    """Return mean and standard deviation of a few figures."""
    return f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}"


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="+", help="one model file per seed")
    parser.add_argument("--teachers", type=Path, nargs="*", default=[], help="more model files")
    parser.add_argument("--data", type=Path, required=True, help="FER-2013, imported")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    data = read_dataset(arguments.data)
    paths = [*arguments.models, *arguments.teachers]
    every = [Predictor(name=str(path), model=open_predictor(path).model) for path in paths]
    seeds = every[: len(arguments.models)]
    alone, together = measured(seeds, data), measured([mean_of(every)], data)
    head = ["accuracy in %"]
    for said in ("PublicTest", "PrivateTest"):
        head += [f"{said}: {len(seeds)} seeds, mean ± sd", f"{said}: {len(every)} as one"]
    rows = [
        [title]
        + [
            cell
            for split in ("val", "test")
            for cell in (spread(alone[split][title]), f"{together[split][title][0]:.1f}")
        ]
        for title in alone["test"]
    ]
    table = markdown_table(head, rows)
    print(table)
    for path in arguments.write:
        write_marked(path, "seeds", table)
    if arguments.json:
        facts = {"data": data.source, "data_sha256": data.sha256(), "members": len(every)}
        figures = facts | {"seeds": alone, "ensemble": together}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
