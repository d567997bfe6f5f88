"""Whether the groups of an album say more about an expression than the answer alone.

    python benchmarks/album.py --data fer --write docs/albums.md

The ten or so FER+ votes of two faces are compared by the Jensen-Shannon distance, 0 for the same
votes and 1 for none in common: of any two faces of PublicTest, of two with the same answer, of two
in the same group, and of two with both. What the groups add is the last against the second.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from marked import markdown_table, write_json, write_marked
from numpy.typing import NDArray

from mien.album.groups import group_faces
from mien.data import read_dataset
from mien.inference import EmotionModel

SEED, PAIRS = 0, 200_000
HEAD = ["two faces of PublicTest", "mean distance of their votes", "pairs"]


def distances(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Jensen-Shannon distance (base 2) of each row of two arrays `(P, C)`, `(P,)`."""
    mean = (first + second) / 2

    def divergence(each: NDArray[np.float64]) -> NDArray[np.float64]:
        ratio = np.divide(each, mean, out=np.ones_like(each), where=each > 0)
        return np.asarray((each * np.log2(ratio)).sum(axis=1))

    both = (divergence(first) + divergence(second)) / 2
    return np.sqrt(both.clip(0, 1))


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="FER-2013 with FER+, imported")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    data = read_dataset(arguments.data).subset("val")
    # The eight expressions; faces with less than five of these votes say too little.
    votes = data.votes[:, :8].astype(np.float64)
    known = votes.sum(axis=1) >= 5
    soft = votes[known] / votes[known].sum(axis=1, keepdims=True)
    model = EmotionModel()
    outputs = model.run(data.crops(model.crop)[known])
    probabilities = model.probabilities(data.crops(model.crop)[known])
    found = group_faces(
        outputs["embedding"], probabilities, data.images[known], np.ones(int(known.sum()))
    )
    answer = probabilities.argmax(axis=1)
    rng = np.random.default_rng(SEED)
    first, second = rng.integers(0, len(soft), (2, PAIRS))
    # Copies of one image would make any grouping look good.
    different = found.moment[first] != found.moment[second]
    first, second = first[different], second[different]
    away = distances(soft[first], soft[second])
    same_answer = answer[first] == answer[second]
    same_group = found.group[first] == found.group[second]
    rows: list[dict[str, Any]] = [
        {"pairs of": name, "distance": float(away[chosen].mean()), "count": int(chosen.sum())}
        for name, chosen in (
            ("any two", np.ones(len(away), bool)),
            ("with the same answer", same_answer),
            (f"in the same of {len(found.groups)} groups", same_group),
            ("with the same answer, in different groups", same_answer & ~same_group),
            ("with the same answer, in the same group", same_answer & same_group),
        )
    ]
    table = markdown_table(
        HEAD, [[row["pairs of"], f"{row['distance']:.3f}", f"{row['count']:,}"] for row in rows]
    )
    print(table)
    if arguments.json:
        write_json(arguments.json, rows)
    for path in arguments.write:
        write_marked(path, "album", table)


if __name__ == "__main__":
    main()
