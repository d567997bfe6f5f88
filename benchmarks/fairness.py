r"""How well expressions are told by set and by estimated skin tone, from whole images.

    python benchmarks/fairness.py --people expressions.parquet --write MODEL_CARD.md

`--people` is a table with the columns `set`, `id`, `person`, `label` and `image` (the bytes of a
file). Each image goes through `Analyzer`, and its largest face counts; an image in which none is
found is wrong, and is listed by name in the JSON. Labels that are none of the six are
left out.

The skin tone is the class of `mien.detect.skin_tone_deg` in that box. Sets in grey have none, and
neither has an image without a face. The intervals take images as independent, which those of one
person are not quite.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from labelled import LabelledImage, labelled_images
from marked import markdown_table, write_json, write_marked

from mien.detect import skin_tone_deg
from mien.emotions import SIX
from mien.evaluation import FEWEST_OF_A_TONE, score_group, score_skin_tones
from mien.inference import Analyzer

HEAD = ["images", "number", "accuracy", "balanced accuracy", "wrongly neutral"]


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What came of an image; the prediction is -1 and the angle NaN where there is no face."""

    source: str
    name: str
    label: int
    prediction: int
    angle_deg: float


def answers(analyzer: Analyzer, images: Iterable[LabelledImage]) -> list[Answer]:
    """Return the answer to the largest face of each image."""
    found = []
    for image in images:
        faces = analyzer.analyze(image.frame_rgb).faces
        prediction, angle_deg = -1, None
        if len(faces):
            prediction = SIX.index(faces[0].emotion)  # the first is the largest
            angle_deg = skin_tone_deg(image.frame_rgb, faces[0].box_xyxy)
        angle_deg = math.nan if angle_deg is None else angle_deg
        found.append(Answer(image.source, image.name, image.label, prediction, angle_deg))
    return found


def figures(found: list[Answer]) -> dict[str, Any]:
    """Return the figures of a set: of all its images, and of each class of skin tone."""
    labels = np.array([each.label for each in found])
    predictions = np.array([each.prediction for each in found])
    angles_deg = np.array([each.angle_deg for each in found])
    tones = score_skin_tones(angles_deg, predictions, labels, SIX)
    without = np.isnan(angles_deg) & (predictions >= 0)
    return {
        "all": dataclasses.asdict(score_group(found[0].source, predictions, labels, SIX)),
        "skin_tones": [dataclasses.asdict(each) for each in tones],
        "without_skin_tone": int(without.sum()),
        "without_face": [each.name for each in found if each.prediction < 0],
    }


def measured(analyzer: Analyzer, path: Path, sets: list[str]) -> list[dict[str, Any]]:
    """Return the figures of each set."""
    every = answers(analyzer, labelled_images(path, sets))
    found = []
    for name in sets:
        own = [each for each in every if each.source == name]
        if not own:
            raise SystemExit(f"{path}: no image of the set {name} with one of the six labels")
        found.append(figures(own))
    return found


def share(value: float | None, interval: dict[str, float] | None) -> str:
    """Return a share with its interval, in percent."""
    if value is None or interval is None:
        return "none"
    return f"{100 * value:.1f} % ({100 * interval['low']:.1f} to {100 * interval['high']:.1f})"


def row(name: str, score: dict[str, Any]) -> list[str]:
    """Return a line of the table."""
    names = ("accuracy", "balanced_accuracy", "wrongly_neutral")
    return [
        name,
        f"{score['images']:,}",
        *(share(score[each], score[f"{each}_interval"]) for each in names),
    ]


def fairness_table(found: list[dict[str, Any]]) -> str:
    """Return the table that the model card shows."""
    rows = []
    for each in found:
        source = each["all"]["name"]
        rows.append(row(source, each["all"]))
        for tone in each["skin_tones"]:
            few = ", few images" if tone["images"] < FEWEST_OF_A_TONE else ""
            rows.append(row(f"{source}, {tone['name']}{few}", tone))
    said = [
        f"{each['all']['name']}: no face found in {len(each['without_face'])}"
        + (f", no tone in {each['without_skin_tone']}" if each["skin_tones"] else ", grey")
        for each in found
    ]
    return markdown_table(HEAD, rows) + f"\n\n{'; '.join(said)}."


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=Path, required=True, help="labelled images (Parquet)")
    parser.add_argument("--sets", nargs="+", default=["ck48", "sfew"], help="the sets to take")
    parser.add_argument("--model", type=Path, help="another network than the shipped one")
    parser.add_argument(
        "--json", type=Path, default=Path(__file__).parent / "results/fairness.json"
    )
    parser.add_argument("--write", nargs="*", type=Path, default=[], help="documents to write into")
    options = parser.parse_args()
    found = measured(Analyzer(options.model), options.people, options.sets)
    table = fairness_table(found)
    print(table)
    if options.model is None:
        write_json(options.json, found)
    for document in options.write:
        write_marked(document, "fairness", table)


if __name__ == "__main__":
    main()
