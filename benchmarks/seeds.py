r"""How far chance moves the figures of one recipe, and what its seeds reach together.

    for seed in 1 2 3; do
      sed "s/^seed = .*/seed = $seed/" src/mien/training/recipes/assistant.toml > seed-$seed.toml
      mien train emotion --data fer --recipe seed-$seed.toml --out runs/seed-$seed
    done
    python benchmarks/seeds.py runs/seed-*/emotion.onnx --data fer --write MODEL_CARD.md \
        --teachers runs/emotion/emotion.onnx --json benchmarks/results/seeds.json

`--teachers` names more models: what all reach as one is that of their mean probabilities. Every
model is evaluated on val (PublicTest) and on test (PrivateTest); nothing is chosen here. The JSON
is written first, so that a document without marks loses no figure.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from marked import markdown_table, write_json, write_marked

from mien.data import Dataset, read_dataset
from mien.evaluation import ModelEvaluation, Predictor, ensemble, evaluate, open_predictor
from mien.metrics import PROTOCOLS

SUBSETS = {"val": "PublicTest", "test": "PrivateTest"}
ACCURACIES = ("ferplus-8", "fer2013-7", "fer2013-6")
"""Protocols whose accuracy counts, with and without leaked images."""

OTHERS = (
    ("ferplus-8", "macro_f1", "macro-F1"),
    ("ferplus-8", "ece", "ECE"),
    ("six-ferplus", "balanced_accuracy", "balanced accuracy"),
    ("six-fer2013", "balanced_accuracy", "balanced accuracy"),
)
"""What else counts: protocol, figure, and what the table calls it."""

PLAIN = ("macro-F1", "ECE")
"""Figures from 0 to 1; all others are in percent."""


def figures(results: Sequence[ModelEvaluation]) -> dict[str, list[float]]:
    """Return each model's figures by name: macro-F1 and ECE from 0 to 1, accuracies in percent.

    An accuracy is called by its protocol's title alone, any other figure by title and figure.
    """
    found: dict[str, list[float]] = {}
    for name in ACCURACIES:
        for each in results:
            if each.protocol != name:
                continue
            found.setdefault(each.title, []).append(100 * each.score.accuracy)
            if each.leak_free is not None:
                twin = f"{each.title}, leak-free"
                found.setdefault(twin, []).append(100 * each.leak_free.accuracy)
    for name, figure, said in OTHERS:
        for each in results:
            if each.protocol == name:
                value = getattr(each.score, figure) * (1 if said in PLAIN else 100)
                found.setdefault(f"{each.title}: {said}", []).append(value)
    return found


def measured(predictors: Sequence[Predictor], data: Dataset) -> dict[str, dict[str, list[float]]]:
    """Return `figures` by subset."""
    names = dict.fromkeys((*ACCURACIES, *(name for name, _, _ in OTHERS)))
    protocols = [PROTOCOLS[name] for name in names]
    return {
        subset: figures(evaluate(predictors, data, subset=subset, protocols=protocols).results)
        for subset in SUBSETS
    }


def spread(values: Sequence[float], *, digits: int = 1) -> str:
    """Return mean and standard deviation of a few figures."""
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def seeds_table(found: dict[str, Any]) -> str:
    """Return what `--json` keeps as Markdown."""
    alone, together = found["seeds"], found["ensemble"]
    titles = list(alone["test"])
    head = ["accuracy, where nothing else is said"]
    for said in SUBSETS.values():
        head.append(f"{said}: {len(alone['test'][titles[0]])} seeds, mean ± sd")
        head.append(f"{said}: {found['members']} as one")
    rows = []
    for title in titles:
        plain = title.endswith(PLAIN)
        digits, unit = (3, "") if plain else (1, " %")
        cells = []
        for subset in SUBSETS:
            cells.append(spread(alone[subset][title], digits=digits) + unit)
            cells.append(f"{together[subset][title][0]:.{digits}f}{unit}")
        rows.append([title, *cells])
    return markdown_table(head, rows)


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
    alone, together = measured(seeds, data), measured([ensemble(every)], data)
    facts = {"data": data.source, "data_sha256": data.sha256(), "members": len(every)}
    found = facts | {"seeds": alone, "ensemble": together}
    if arguments.json:
        write_json(arguments.json, found)
    table = seeds_table(found)
    print(table)
    for path in arguments.write:
        write_marked(path, "seeds", table)


if __name__ == "__main__":
    main()
