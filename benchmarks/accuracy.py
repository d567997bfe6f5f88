"""Write what `mien evaluate --json` found into documents, a small JSON, and the model's own spec.

    mien evaluate --data fer --subset test --robustness --json > evaluation.json
    python benchmarks/accuracy.py evaluation.json --write docs/benchmarks.md MODEL_CARD.md

`make evaluate DATA=fer2013/` does both.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from marked import markdown_table, write_json, write_marked

HEAD = ["protocol", "images", "accuracy", "balanced accuracy", "macro-F1", "ECE", "divergence"]
FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "ece", "divergence")
LEFT_OUT = ("curves", "risk_coverage", "reliability")
SIX = {"six-ferplus": "FER+'s majority", "six-fer2013": "FER-2013's labels"}
"""The protocols of the six-way output, and their ground truth."""

PROMISE = 0.95
"""The accuracy of the predictions that are not unsure, for which the threshold was fitted."""

CONFUSIONS = 6


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """What a figure of the emotion network should be.

    Attributes:
        protocol: The protocol's name.
        figure: Which figure of it.
        said: What documents call that figure.
        value: What it should be, at least; an error (`ece`) at most.
    """

    protocol: str
    figure: str
    said: str
    value: float

    def shown(self, value: float) -> str:
        """Return a value of this figure as text."""
        return f"{100 * value:.1f} %" if "accuracy" in self.figure else f"{value:.3f}"

    def missed_by(self, value: float) -> str:
        """Return `met`, or by how much a value misses the target: at least one last digit."""
        gap = value - self.value if self.figure == "ece" else self.value - value
        if gap <= 0:
            return "met"
        if "accuracy" in self.figure:
            return f"{max(100 * gap, 0.1):.1f} points"
        return f"{max(gap, 0.001):.3f}"


TARGETS = (
    Target("ferplus-8", "accuracy", "accuracy", 0.88),
    Target("fer2013-7", "accuracy", "accuracy", 0.715),
    Target("fer2013-6", "accuracy", "accuracy", 0.72),
    Target("ferplus-8", "macro_f1", "macro-F1", 0.72),
    Target("ferplus-8", "ece", "ECE after one temperature, at most", 0.02),
    Target("six-ferplus", "balanced_accuracy", "balanced accuracy", 0.80),
    Target("six-fer2013", "balanced_accuracy", "balanced accuracy", 0.70),
)


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """Return an evaluation without its curves."""
    results = []
    for result in found["results"]:
        scores = {
            kind: {key: value for key, value in result[kind].items() if key not in LEFT_OUT}
            for kind in ("score", "leak_free", "leaked")
            if result[kind]
        }
        kept = ("model", "protocol", "title", "robustness", "quality")
        results.append({key: result[key] for key in kept} | scores)
    return {key: value for key, value in found.items() if key != "results"} | {"results": results}


def accuracy_table(found: dict[str, Any]) -> str:
    """Return the figures of every protocol and their leak-free twins as Markdown."""
    return markdown_table(HEAD, list(_rows(found)))


def _rows(found: dict[str, Any]) -> Iterator[list[str]]:
    for result in found["results"]:
        for kind, ending in (("score", ""), ("leak_free", ", leak-free")):
            score = result[kind]
            interval = score["intervals"]["accuracy"]
            half = 50 * (interval["high"] - interval["low"])
            yield [
                result["title"] + ending,
                f"{score['images']:,}",
                f"{100 * score['accuracy']:.1f} ± {half:.1f} %",
                f"{100 * score['balanced_accuracy']:.1f} %",
                f"{score['macro_f1']:.3f}",
                f"{score['ece']:.3f}",
                f"{score['divergence']:.3f}",
            ]


def targets_table(found: dict[str, Any]) -> str:
    """Return every target, what was reached, and by how much it is missed, as Markdown."""
    results = {result["protocol"]: result for result in found["results"]}
    rows = []
    for target in TARGETS:
        result = results[target.protocol]
        value = result["score"][target.figure]
        what = f"{result['title']}: {target.said}"
        rows.append(
            [what, target.shown(target.value), target.shown(value), target.missed_by(value)]
        )
    return markdown_table(["what", "target", "reached", "missed by"], rows)


def unsure_table(found: dict[str, Any]) -> str:
    """Return how many answers are not unsure, and how many of those are right, as Markdown."""
    rows = []
    for result in found["results"]:
        if result["protocol"] not in SIX:
            continue
        for kind, ending in (("score", ""), ("leak_free", ", leak-free")):
            score = result[kind]
            promise = Target(result["protocol"], "accuracy", "right of those", PROMISE)
            right = score["sure"]["accuracy"]
            rows.append(
                [
                    result["title"] + ending,
                    f"{score['images']:,}",
                    f"{100 * score['sure']['coverage']:.1f} %",
                    promise.shown(right),
                    promise.shown(PROMISE),
                    promise.missed_by(right),
                ]
            )
    head = ["protocol", "images", "not unsure", "right of those", "promised", "missed by"]
    return markdown_table(head, rows)


def failures_text(found: dict[str, Any]) -> str:
    """Return the six-way output's usual confusions, and how right it is by image quality."""
    return f"{confusions_table(found)}\n\n{quality_text(found)}"


def confusions_table(found: dict[str, Any]) -> str:
    """Return what is most often called something else, by both label systems, as Markdown."""
    scores = {result["protocol"]: result["score"] for result in found["results"]}
    columns = [_confusions(scores[protocol]) for protocol in SIX]
    head = [cell for said in SIX.values() for cell in (f"by {said}", "images", "of its class")]
    return markdown_table(head, [[*left, *right] for left, right in zip(*columns, strict=True)])


def _confusions(score: dict[str, Any]) -> list[list[str]]:
    labels = [each["label"] for each in score["classes"]]
    counted = [
        (count, f"{labels[true]} called {labels[said]}", count / sum(line))
        for true, line in enumerate(score["confusion"])
        for said, count in enumerate(line)
        if said != true
    ]
    most = sorted(counted, key=lambda each: -each[0])[:CONFUSIONS]
    return [[what, f"{count:,}", f"{100 * share:.0f} %"] for count, what, share in most]


def quality_text(found: dict[str, Any]) -> str:
    """Return the accuracy by thirds of sharpness, contrast and brightness as Markdown."""
    results = {result["protocol"]: result for result in found["results"]}
    rows: dict[tuple[str, str], list[str]] = {}
    halves = []
    for protocol in SIX:
        for point in results[protocol]["quality"]:
            between = f"{point['low']:.2f} to {point['high']:.2f}"
            row = rows.setdefault((point["measure"], point["third"]), [between])
            row.append(f"{100 * point['accuracy']:.1f} %")
            spread = point["accuracy"] * (1 - point["accuracy"]) / point["images"]
            halves.append(1.96 * math.sqrt(spread))
    lines = [[f"{measure}: {third} third", *row] for (measure, third), row in rows.items()]
    head = ["accuracy by image quality", "from, to", *(f"by {said}" for said in SIX.values())]
    chance = f"Chance alone moves one of these accuracies by up to {100 * max(halves):.1f} points"
    return f"{markdown_table(head, lines)}\n\n{chance} (95 %)."


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
    """Return the balanced accuracy on images made worse as Markdown."""
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
        f"Of {score['triplets']:,} random triplets of {found['subset']} on which the votes are "
        f"clear, the embedding agrees with them on {agreed} (chance: 33.3 %)."
    )


def spec_figures(found: dict[str, Any]) -> dict[str, float]:
    """Return the figures that the model file carries; the names say data, subset and protocol."""
    return {
        f"{found['data']}, {found['subset']}, {result['protocol']}{ending}: {figure}": score[figure]
        for result in found["results"]
        for score, ending in ((result["score"], ""), (result["leak_free"], ", leak-free"))
        for figure in FIGURES
        if score[figure] is not None
    }


def blocks(found: dict[str, Any]) -> dict[str, str]:
    """Return what stands between the marks of the documents, by the marks' name."""
    return {
        "accuracy": accuracy_table(found),
        "targets": targets_table(found),
        "classes": classes_table(found),
        "unsure": unsure_table(found),
        "failures": failures_text(found),
        "robustness": robustness_table(found),
        "embedding": embedding_sentence(found),
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
    if arguments.json:
        write_json(arguments.json, found)
    written = blocks(found)
    for text in written.values():
        print(text, end="\n\n")
    for path in arguments.write:
        content = path.read_text(encoding="utf-8")
        for name, text in written.items():
            if f"<!-- {name} -->" in content:
                write_marked(path, name, text)
    if arguments.model:
        from mien.export import write_spec
        from mien.inference import EmotionModel

        spec = EmotionModel(arguments.model).spec
        figures = dict(spec.figures) | spec_figures(found)
        write_spec(arguments.model, dataclasses.replace(spec, figures=figures))


if __name__ == "__main__":
    main()
