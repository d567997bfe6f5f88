"""Write the README's small table out of what the other benchmarks have measured.

python benchmarks/summary.py --write README.md
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from marked import markdown_table, write_marked

RESULTS = Path(__file__).parent / "results"
IMAGES = {
    "ferplus-8": "FER+'s test images, the 8 classes of its majority: accuracy",
    "fer2013-7": "FER-2013's test images, its 7 classes: accuracy",
    "six-ferplus": "FER+'s test images, the answer out of six: balanced accuracy",
}
"""What is said of each protocol; none counts test images that are in the training, too."""


def summary() -> str:
    """Return the table."""
    measured = {each["protocol"]: each["leak_free"] for each in read("accuracy")["results"]}
    rows = [
        [said, f"{100 * measured[name][said.rpartition(': ')[2].replace(' ', '_')]:.1f} %"]
        for name, said in IMAGES.items()
    ]
    video, folder = read("video")[0], found(read("video"), "folder of 400 images")
    rows += [
        ["640x360 video, one face, saved as JSON Lines", f"{video[1]} frames a second"],
        ["the same by OpenCV's cascade and FER-PP's network", f"{video[2]} frames a second"],
        ["folder of 640x480 photos", f"{folder[1]} images a second"],
        ["page, first visit", found(read("page"), "first visit")[1]],
        ["page, camera of 640x480", found(read("page"), "camera")[1].replace(" a", " frames a")],
        ["server, 100 clients at once", found(read("server"), "100 clients")[1].partition(",")[0]],
    ]
    return markdown_table(["measured", "found"], rows)


def read(name: str) -> Any:
    """Return what a benchmark has kept."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def found(rows: list[list[str]], begin: str) -> list[str]:
    """Return the row that begins so."""
    return next(row for row in rows if row[0].startswith(begin))


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    print(summary())
    for path in arguments.write:
        write_marked(path, "summary", summary())


if __name__ == "__main__":
    main()
