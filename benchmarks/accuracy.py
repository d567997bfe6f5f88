"""Write what `mien evaluate --json` found into documents, a small JSON, and the model's own spec.

    mien evaluate --data fer --split test --robustness --json > evaluation.json
    python benchmarks/accuracy.py evaluation.json --write README.md MODEL_CARD.md

`make evaluate DATA=fer2013/` does both.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from marked import markdown_table, write_marked

HEAD = ["protocol", "pictures", "accuracy", "balanced accuracy", "macro-F1", "ECE", "divergence"]
FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "ece", "divergence")
LEFT_OUT = ("curves", "risk_coverage", "reliability")


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """Return an evaluation without its curves."""
    results = []
    for result in found["results"]:
        scores = {
            part: {key: value for key, value in result[part].items() if key not in LEFT_OUT}
            for part in ("score", "leak_free", "leaked")
            if result[part]
        }
        kept = ("model", "protocol", "title", "robustness")
        results.append({key: result[key] for key in kept} | scores)
    return {key: value for key, value in found.items() if key != "results"} | {"results": results}


def accuracy_table(found: dict[str, Any]) -> str:
    """Return the figures of every protocol and their leak-free twins as Markdown."""
    return markdown_table(HEAD, list(_rows(found)))


def _rows(found: dict[str, Any]) -> Iterator[list[str]]:
    for result in found["results"]:
        for part, ending in (("score", ""), ("leak_free", ", leak-free")):
            score = result[part]
            interval = score["intervals"]["accuracy"]
            half = 50 * (interval["high"] - interval["low"])
            yield [
                result["title"] + ending,
                f"{score['pictures']:,}",
                f"{100 * score['accuracy']:.1f} ± {half:.1f} %",
                f"{100 * score['balanced_accuracy']:.1f} %",
                f"{score['macro_f1']:.3f}",
                f"{score['ece']:.3f}",
                f"{score['divergence']:.3f}",
            ]


def classes_table(found: dict[str, Any]) -> str:
    """Return precision and recall per class of the six-way output as Markdown."""
    by_protocol = {result["protocol"]: result["score"] for result in found["results"]}
    pairs = zip(
        by_protocol["six-ferplus"]["classes"], by_protocol["six-fer2013"]["classes"], strict=True
    )
    rows = [
        [ferplus["label"]]
        + [
            f"{100 * each[kind]:.0f} %"
            for each in (ferplus, fer)
            for kind in ("precision", "recall")
        ]
        for ferplus, fer in pairs
    ]
    head = ["shows", "FER+: precision", "recall", "FER-2013: precision", "recall"]
    return markdown_table(head, rows)


def robustness_table(found: dict[str, Any]) -> str:
    """Return the balanced accuracy on pictures made worse as Markdown."""
    points = next(r["robustness"] for r in found["results"] if r["protocol"] == "six-ferplus")
    plain = next(point for point in points if not point["corruption"])
    rows: dict[str, list[str]] = {}
    for point in points:
        if point["corruption"]:
            shown = f"{100 * point['balanced_accuracy']:.1f} % ({point['strength']:g})"
            rows.setdefault(point["corruption"], []).append(shown)
    as_they_are = f"{100 * plain['balanced_accuracy']:.1f} %"
    head = ["balanced accuracy, six-way output, FER+ majority", "weak", "medium", "strong"]
    lines = [[name, *values] for name, values in rows.items()]
    return markdown_table(head, [["as they are", as_they_are, "", ""], *lines])


def embedding_sentence(found: dict[str, Any]) -> str:
    """Return what the embedding's triplets say as a sentence."""
    (score,) = found["triplets"].values()
    agreed = f"{100 * score['accuracy']:.1f} %"
    return (
        f"Of {score['triplets']:,} random triplets of {found['split']} on which the votes are "
        f"clear, the embedding agrees with them on {agreed} (chance: 33.3 %)."
    )


def spec_figures(found: dict[str, Any]) -> dict[str, float]:
    """Return the figures that the model file carries; the names say data, split and protocol."""
    return {
        f"{found['data']}, {found['split']}, {result['protocol']}{ending}: {figure}": score[figure]
        for result in found["results"]
        for score, ending in ((result["score"], ""), (result["leak_free"], ", leak-free"))
        for figure in FIGURES
        if score[figure] is not None
    }


def main() -> None:
    """Parse, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("evaluation", type=Path, help="what `mien evaluate --json` printed")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    parser.add_argument("--json", type=Path, help="write the figures without their curves here")
    parser.add_argument("--model", type=Path, help="write the figures into this model's spec")
    arguments = parser.parse_args()
    found = summary(json.loads(arguments.evaluation.read_text(encoding="utf-8")))
    tables = {
        "accuracy": accuracy_table(found),
        "classes": classes_table(found),
        "robustness": robustness_table(found),
        "embedding": embedding_sentence(found),
    }
    for table in tables.values():
        print(table, end="\n\n")
    for path in arguments.write:
        text = path.read_text(encoding="utf-8")
        for name, table in tables.items():
            if f"<!-- {name} -->" in text:
                write_marked(path, name, table)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if arguments.model:
        from mien.export import write_spec
        from mien.inference import EmotionModel

        spec = EmotionModel(arguments.model).spec
        figures = dict(spec.figures) | spec_figures(found)
        write_spec(arguments.model, dataclasses.replace(spec, figures=figures))


if __name__ == "__main__":
    main()
