"""FER-PP's own split: our networks of `benchmarks/models/` beside FER-PP's.

    python benchmarks/fer_pp.py --data fer --rival table.parquet --write benchmarks/models/README.md

All are evaluated by FER-2013's labels with disgust as angry, on the 3,589 images that FER-PP
validates on; nothing of ours was trained, chosen or calibrated on them. The rival is a table of
what FER-PP's network says of every row: `row` and one column `p_<label>` per label.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from marked import markdown_table, write_json, write_marked

from mien.data import SUBSETS, Dataset, fer_pp_split, read_dataset
from mien.evaluation import ModelEvaluation, evaluate, open_predictor
from mien.metrics import PROTOCOLS, Score, mcnemar

MODELS = tuple(
    Path(__file__).parent / "models" / f"{name}.onnx"
    for name in ("fer-pp-split", "fer-pp-ensemble")
)
HEAD = ["FER-2013, 6 classes, FER-PP's split", "images"]


def evaluated(path: Path, data: Dataset, subset: str) -> ModelEvaluation:
    """Evaluate a model, or a table, on the six classes of FER-2013's labels."""
    predictor = open_predictor(path)
    # A table has six columns; a network's own head has seven, of which two are added.
    name = "fer2013-6" if predictor.model is not None else "six-fer2013"
    result = evaluate([predictor], data, subset=subset, protocols=[PROTOCOLS[name]]).results[0]
    print(f"{path.stem}, {subset}: {100 * result.score.accuracy:.2f} %", flush=True)
    return result


def _percents(scores: Sequence[Score]) -> list[str]:
    return [f"{100 * score.accuracy:.2f} %" for score in scores]


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="FER-2013, imported")
    parser.add_argument("--rival", type=Path, required=True, help="what FER-PP's network says")
    parser.add_argument("--model", type=Path, nargs="+", default=MODELS, help="a column each")
    parser.add_argument(
        "--train-step", type=int, default=1, help="of the training part take every Nth"
    )
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    data = read_dataset(arguments.data)
    data = fer_pp_split(data).apply(data)
    paths = [*arguments.model, arguments.rival]
    validated = [evaluated(path, data, "val") for path in paths]
    left_out = np.flatnonzero(data.split == SUBSETS.index("train"))
    left_out = left_out[np.arange(len(left_out)) % arguments.train_step > 0]
    split = data.split.copy()
    split[left_out] = -1
    some = dataclasses.replace(data, split=split)
    trained = [evaluated(path, some, "train") for path in paths]
    scores = [("its validation", [each.score for each in validated])]
    leak_free = [each.leak_free for each in validated if each.leak_free]
    if len(leak_free) == len(paths):
        scores.append(("its validation, leak-free", leak_free))
    rows = []
    for name, found in scores:
        images = f"{found[0].images:,}"
        rows.append([f"{name}: accuracy", images, *_percents(found)])
        rows.append([f"{name}: macro-F1", images, *(f"{score.macro_f1:.3f}" for score in found)])
    found = [each.score for each in trained]
    part = "" if arguments.train_step == 1 else f", every {arguments.train_step}th image"
    rows.append([f"its training part{part}: accuracy", f"{found[0].images:,}", *_percents(found)])
    if arguments.json:
        write_json(arguments.json, rows)
    names = [path.stem for path in arguments.model]
    table = markdown_table([*HEAD, *names, "FER-PP"], rows) + "\n\nOf its validation images "
    for name, ours in zip(names, validated, strict=False):
        test = mcnemar(ours.correct, validated[-1].correct)
        table += (
            f"{test.only_first} are right by {name} alone and {test.only_second} by FER-PP's alone "
            f"(McNemar, p = {test.p_value:.1g}); "
        )
    table = f"{table.removesuffix('; ')}."
    print(table)
    for path in arguments.write:
        write_marked(path, "fer-pp-split", table)


if __name__ == "__main__":
    main()
