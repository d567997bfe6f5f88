"""FER-PP's own split: our network of `benchmarks/models/` beside FER-PP's.

    python benchmarks/fer_pp.py --data fer --rival table.parquet --write benchmarks/models/README.md

Both are evaluated by FER-2013's labels with disgust as angry, on the 3,589 images that FER-PP
validates on; nothing of ours was trained, chosen or calibrated on them. The rival is a table of
what FER-PP's network says of every row: `row` and one column `p_<label>` per label.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from marked import markdown_table, write_json, write_marked

from mien.data import Dataset, fer_pp_split, read_dataset
from mien.evaluation import ModelEvaluation, evaluate, open_predictor
from mien.metrics import PROTOCOLS, mcnemar

MODEL = Path(__file__).parent / "models" / "fer-pp-split.onnx"
HEAD = ["FER-2013, 6 classes, FER-PP's split", "images", "ours", "FER-PP"]


def evaluated(path: Path, data: Dataset, subset: str) -> ModelEvaluation:
    """Evaluate a model, or a table, on the six classes of FER-2013's labels."""
    predictor = open_predictor(path)
    # A table has six columns; a network's own head has seven, of which two are added.
    name = "fer2013-6" if predictor.model is not None else "six-fer2013"
    return evaluate([predictor], data, subset=subset, protocols=[PROTOCOLS[name]]).results[0]


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="FER-2013, imported")
    parser.add_argument("--rival", type=Path, required=True, help="what FER-PP's network says")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    data = read_dataset(arguments.data)
    data = fer_pp_split(data).apply(data)
    rows, correct = [], []
    for subset, said in (("val", "its validation"), ("train", "its training part")):
        ours, rival = (evaluated(path, data, subset) for path in (arguments.model, arguments.rival))
        correct.append((ours.correct, rival.correct))
        scores = [(said, ours.score, rival.score)]
        if subset == "val" and ours.leak_free and rival.leak_free:
            scores.append((f"{said}, leak-free", ours.leak_free, rival.leak_free))
        for name, *both in scores:
            rows.append([f"{name}: accuracy", f"{both[0].images:,}"])
            rows[-1] += [f"{100 * score.accuracy:.2f} %" for score in both]
            if subset == "val":
                rows.append([f"{name}: macro-F1", f"{both[0].images:,}"])
                rows[-1] += [f"{score.macro_f1:.3f}" for score in both]
    if arguments.json:
        write_json(arguments.json, rows)
    test = mcnemar(*correct[0])
    table = markdown_table(HEAD, rows)
    table += (
        f"\n\nOf its validation images {test.only_first} are right by ours alone and "
        f"{test.only_second} by FER-PP's alone (McNemar, p = {test.p_value:.1g})."
    )
    print(table)
    for path in arguments.write:
        write_marked(path, "fer-pp-split", table)


if __name__ == "__main__":
    main()
