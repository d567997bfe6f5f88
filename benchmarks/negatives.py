"""Images without a face for `mien train detector --negatives`: emoji, clip art, stamps, wallpapers.

    python benchmarks/negatives.py --teacher yunet.onnx --out negatives.parquet

They come from installed packages, on Debian: fonts-noto-color-emoji (OFL 1.1), openclipart-png
(public domain), tuxpaint-stamps-default (without its people), gnome-backgrounds and
mate-backgrounds; each names its licences in its own files. What is missing is left out and said.
Drawn faces count as no face; a picture in which the teacher is as sure as in a photo is left out.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image, ImageDraw, ImageFont

from mien.detect import OnnxDetector

LONGEST_PX = 320
SURE_SCORE = 0.9
CLIP_ART = 1500
CROPS = 30
LARGEST_FILE, LARGEST_PICTURE = 200_000, 4_000_000
EMOJI_FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
EMOJI_PX = 109  # the one size that this font has
EMOJI_RANGES = ((0x1F300, 0x1F650), (0x1F680, 0x1F6FF), (0x1F900, 0x1FA00), (0x1FA70, 0x1FAFF))
FOLDERS = (Path("/usr/share/openclipart/png"), Path("/usr/share/tuxpaint/stamps"))
WALLPAPERS = Path("/usr/share/backgrounds")


def is_measured(name: str) -> bool:
    """Say whether an emoji is kept for the benchmark's images without a face."""
    return hashlib.sha256(name.encode()).digest()[0] % 3 == 0


def flattened(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Lay a picture with transparent parts on a ground of any colour, and bound its size."""
    rgba = image.convert("RGBA")
    rgba.thumbnail((LONGEST_PX, LONGEST_PX), reducing_gap=2.0)
    ground = Image.new("RGBA", rgba.size, (*(int(part) for part in rng.integers(0, 256, 3)), 255))
    return Image.alpha_composite(ground, rgba).convert("RGB")


def draw_emoji(*, measured: bool) -> Iterator[tuple[str, Image.Image]]:
    """Draw one image per emoji that the font has, transparent around it."""
    if not EMOJI_FONT.exists():
        print(f"{EMOJI_FONT}: not installed, no emoji")
        return
    font = ImageFont.truetype(EMOJI_FONT, EMOJI_PX)
    for first, last in EMOJI_RANGES:
        for code in range(first, last):
            name = f"emoji-{code:x}"
            if is_measured(name) != measured:
                continue
            image = Image.new("RGBA", (136, 136))
            ImageDraw.Draw(image).text((0, 4), chr(code), font=font, embedded_color=True)
            if image.getbbox():
                yield name, image


def pictures(rng: np.random.Generator) -> Iterator[tuple[str, Image.Image]]:
    """Yield clip art, stamps, and crops of wallpapers."""
    for folder in FOLDERS:
        files = sorted(folder.rglob("*.png")) + sorted(folder.rglob("*.jpg"))
        files = [
            file
            for file in files
            if "people" not in file.relative_to(folder).parts and file.stat().st_size < LARGEST_FILE
        ]
        print(f"{folder}: {len(files)} pictures")
        for number in rng.permutation(len(files))[:CLIP_ART]:
            picture = Image.open(files[number])
            if math.prod(picture.size) < LARGEST_PICTURE:
                yield str(files[number].relative_to(folder.parent)), picture
    files = [
        file for file in sorted(WALLPAPERS.rglob("*")) if file.suffix in {".jpg", ".png", ".webp"}
    ]
    print(f"{WALLPAPERS}: {len(files)} wallpapers")
    for file in files:
        image = Image.open(file).convert("RGB")
        image.thumbnail((2048, 2048), reducing_gap=2.0)
        for number in range(CROPS):
            side = int(rng.integers(160, min(image.size) + 1))
            x, y = (int(rng.integers(0, span - side + 1)) for span in image.size)
            yield f"{file.stem}-{number}", image.crop((x, y, x + side, y + side))


def main() -> None:
    """Gather, leave out what looks like a photo of a face, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True, help="YuNet's ONNX file")
    arguments = parser.parse_args()
    teacher = OnnxDetector(arguments.teacher, score_threshold=SURE_SCORE)
    rng = np.random.default_rng(1)
    rows, left_out = [], 0
    named = [*draw_emoji(measured=False)]
    for source in (iter(named), pictures(rng)):
        for name, image in source:
            try:
                flat = flattened(image, rng)
            except OSError:
                continue
            if min(flat.size) < 48:
                continue
            if not name.startswith("emoji") and len(
                teacher.detect(np.asarray(flat), min_face_px=16)
            ):
                left_out += 1
                continue
            packed = io.BytesIO()
            flat.save(packed, "JPEG", quality=92)
            rows.append({"id": name, "kind": "no-face", "jpeg": packed.getvalue()})
    pl.DataFrame(rows).write_parquet(arguments.out)
    print(f"{arguments.out}: {len(rows)} images, {left_out} left out")


if __name__ == "__main__":
    main()
