r"""What the expression embedding costs the two heads, and what its loss teaches it.

    for seed in 1 2 3; do for w in 0.1 0; do
      sed -e "s/^seed = .*/seed = $seed/" -e "s/^embedding_weight = .*/embedding_weight = $w/" \
          -e "s/^epochs = .*/epochs = 12/" -e "/^\[distillation\]/,/^$/d" \
          src/mien/training/recipes/student.toml > embedding-$w-$seed.toml
      mien train emotion --data fer --recipe embedding-$w-$seed.toml \
          --out runs/embedding-$w-$seed
    done; done
    python benchmarks/embedding.py runs/embedding-0.1-?/emotion.onnx --data fer \
        --without runs/embedding-0-?/emotion.onnx --write MODEL_CARD.md \
        --json benchmarks/results/embedding.json

Every model is evaluated on val (PublicTest) and on test (PrivateTest); nothing is chosen here.
The JSON is written first, so that a document without marks loses no figure.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from marked import markdown_table, write_json, write_marked
from seeds import spread

from mien.data import Dataset, read_dataset
from mien.evaluation import evaluate, open_predictor
from mien.metrics import PROTOCOLS
from mien.tuning.gain import welch_interval

TRIPLETS = "triplets that the embedding orders as the votes do"
SUBSETS = {"val": "PublicTest", "test": "PrivateTest"}


def measured(paths: Sequence[Path], data: Dataset) -> dict[str, list[float]]:
    """Return each model's figures in percent, by subset and protocol."""
    protocols = [PROTOCOLS[name] for name in ("ferplus-8", "fer2013-7")]
    found: dict[str, list[float]] = {}
    for path in paths:
        for subset, name in SUBSETS.items():
            evaluated = evaluate([open_predictor(path)], data, subset=subset, protocols=protocols)
            for each in evaluated.results:
                found.setdefault(f"{name}: {each.title}", []).append(100 * each.score.accuracy)
            (triplets,) = evaluated.triplets.values()
            found.setdefault(f"{name}: {TRIPLETS}", []).append(100 * triplets.accuracy)
    return found


def cost_table(found: dict[str, Any]) -> str:
    """Return what `--json` keeps as Markdown."""
    rows = []
    for name, with_loss in found["with"].items():
        without = found["without"][name]
        difference, low, high = welch_interval(without, with_loss)
        interval = f"{difference:+.1f} ({low:+.1f} to {high:+.1f})"
        rows.append([name, spread(without), spread(with_loss), interval])
    head = ["in %", "without its loss", "with it", "difference (95 %)"]
    return markdown_table(head, rows)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="+", help="one model file per seed")
    parser.add_argument("--without", type=Path, nargs="+", required=True, help="the same without")
    parser.add_argument("--data", type=Path, required=True, help="FER-2013, imported")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    data = read_dataset(arguments.data)
    with_loss, without = measured(arguments.models, data), measured(arguments.without, data)
    facts = {"data": data.source, "data_sha256": data.sha256()}
    found = facts | {"with": with_loss, "without": without}
    if arguments.json:
        write_json(arguments.json, found)
    table = cost_table(found)
    print(table)
    for path in arguments.write:
        write_marked(path, "embedding-cost", table)


if __name__ == "__main__":
    main()
