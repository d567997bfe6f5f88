"""Labelled images of people in one Parquet file, as several benchmarks read them.

Its columns are `set`, `id`, `person`, `label` and `image` (the bytes of a file). Labels that are
none of the six are left out.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from mien.emotions import SIX
from mien.structures import FrameRGB

__all__ = ["LabelledImage", "labelled_images"]

GROUND_PX, SMALL_PX, FACE_PX = 320, 100, 192
"""Images of a face alone are enlarged and set on a grey ground, so that the detector sees them."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """An image with its set, its name there, the person and the label, by `SIX`."""

    source: str
    name: str
    person: str
    label: int
    frame_rgb: FrameRGB


def labelled_images(path: Path, sets: Sequence[str]) -> Iterator[LabelledImage]:
    """Yield the images of some sets, in the file's order."""
    wanted = pl.col("set").is_in(sets) & pl.col("label").is_in(SIX.labels)
    for row in pl.scan_parquet(path).filter(wanted).collect().iter_rows(named=True):
        image = Image.open(io.BytesIO(row["image"])).convert("RGB")
        if max(image.size) < SMALL_PX:
            ground = Image.new("RGB", (GROUND_PX, GROUND_PX), (128,) * 3)
            place = (GROUND_PX - FACE_PX) // 2
            ground.paste(image.resize((FACE_PX, FACE_PX), Image.Resampling.BICUBIC), (place, place))
            image = ground
        yield LabelledImage(
            source=row["set"],
            name=str(row["id"]),
            person=str(row["person"]),
            label=SIX.index(row["label"]),
            frame_rgb=np.asarray(image),
        )
