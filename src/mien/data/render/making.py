"""Datasets of rendered heads."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien._checking import check_count, check_path, check_whole
from mien.data.dataset import VOTE_COLUMNS
from mien.data.records import Progress, Record, Rows, encode_png
from mien.data.render.expressions import draw_expression
from mien.data.render.head import Head, read_head
from mien.data.render.person import draw_camera, draw_person
from mien.data.render.scene import Renderer
from mien.data.store import Manifest, Origin, write_dataset
from mien.errors import OutputError
from mien.options import MAX_SEED

__all__ = ["render_dataset", "render_heads"]

_SHARES = {
    "happy": 0.13, "sad": 0.17, "fear": 0.18, "angry": 0.18, "surprise": 0.14,
    "disgust": 0.07, "contempt": 0.03, "neutral": 0.10,
}  # fmt: skip
"""How often each expression is drawn: more often what FER-2013 is least sure of."""
_WEAKEST, _STRONGEST = 0.15, 1.15
_MAX_COUNT = 10_000_000
_VOTES = 100
"""Votes that a head's distribution is written as; a lone one counts nothing, as in FER+."""


def render_heads(
    head: Head, count: int, *, seed: int = 1, progress: Progress | None = None
) -> Rows:
    """Render heads of people who do not exist, with graded expressions.

    Args:
        head: The parametric head.
        count: Number of images.
        seed: Seed of everything that is drawn. Image i is the same whatever the count.
        progress: Called after each image.

    Returns:
        One record per image, all of `train`, with votes.
    """
    renderer, records = Renderer(head), []
    votes = np.zeros((count, len(VOTE_COLUMNS)), np.uint8)
    for index in range(count):
        rng = np.random.default_rng((seed, index))
        name = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
        expression = draw_expression(name, rng.uniform(_WEAKEST, _STRONGEST), rng)
        image = renderer.render(draw_person(head, rng), expression, draw_camera(rng))
        votes[index, :8] = _whole(expression.distribution())
        records.append(
            Record(
                png=encode_png(image),
                label=expression.fer2013_label(),
                subset="train",
                origin=f"head {index}: {name} {expression.strength:.2f}",
            )
        )
        if progress is not None:
            progress(index + 1, count)
    return Rows(records=records, votes=votes)


def _whole(distribution: NDArray[np.float64]) -> NDArray[np.uint8]:
    votes = (distribution * _VOTES).round()
    return votes.astype(np.uint8)


def render_dataset(
    head: str | Path,
    out: str | Path,
    *,
    count: int = 3000,
    seed: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Manifest:
    """Write a dataset of rendered heads, which a training mixes with another one.

    Args:
        head: The parametric head, an npz or its folder, as `read_head` takes it.
        out: The dataset's folder.
        count: Number of images.
        seed: Seed of everything that is drawn.
        overwrite: Whether an existing folder may be replaced.
        progress: Called after each image.

    Raises:
        DatasetError: The file is no such head.
        InputError: `count` is below 1.
        OutputError: The folder exists, or cannot be written.
    """
    head, out = check_path("head", head), check_path("out", out)
    count = check_count("count", count, _MAX_COUNT)
    seed = check_whole("seed", seed, MAX_SEED)
    if out.exists() and not (out / "manifest.json").is_file():
        raise OutputError(f"{out}: exists and is not a dataset. Choose another folder")
    if out.exists() and not overwrite:
        raise OutputError(f"{out}: exists already. Choose another folder or pass overwrite=True")
    file = head / "head.npz" if head.is_dir() else head
    parametric = read_head(file)
    content = file.read_bytes()
    rows = render_heads(parametric, count, seed=seed, progress=progress)
    origin = Origin(file.name, "head", len(content), hashlib.sha256(content).hexdigest())
    settings = {"count": str(count), "seed": str(seed)}
    return write_dataset(rows, out, (origin,), {}, settings)
