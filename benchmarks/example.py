"""Run the README's example, and write it there with what it printed and drew.

    python benchmarks/example.py --write README.md --image docs/sample.jpg --why docs/why.jpg

Its photo is a sample that comes with the package.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import tempfile
from pathlib import Path

from marked import write_marked

import mien
from mien.drawing import write_image
from mien.media import read_image
from mien.reports import draw_explanations

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "src" / "mien" / "assets" / "samples" / "eileen_collins.jpg"
EXAMPLE = """\
import mien

for face in mien.analyze("photo.jpg").faces:
    print(face.emotion, f"{face.confidence:.0%}")
"""


def main() -> None:
    """Run the example, print it with its output, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    parser.add_argument("--image", type=Path, help="where the drawn sample goes")
    parser.add_argument("--why", type=Path, help="where its explanation goes")
    arguments = parser.parse_args()
    printed = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(PHOTO, Path(folder) / "photo.jpg")
        with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
            exec(EXAMPLE, {})  # noqa: S102  the text above, shown as it runs
    text = f"```python\n{EXAMPLE}```\n\n```text\n{printed.getvalue()}```"
    print(text)
    for path in arguments.write:
        write_marked(path, "example", text)
    if arguments.image:
        result = mien.Analyzer().analyze(PHOTO)
        drawn = result.plot(frame_rgb=read_image(PHOTO).frame_rgb)
        drawn.save(arguments.image, quality=90)
    if arguments.why:
        write_image(draw_explanations(mien.Analyzer().explain(PHOTO)), arguments.why)


if __name__ == "__main__":
    main()
