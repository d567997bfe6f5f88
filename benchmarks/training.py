"""What a training costs beside a bare loop over the same network, and what augmentation costs.

    python benchmarks/training.py --write README.md

Both see the same made-up pictures and take the same steps of the recipe `emotion`, on all cores and
in turn. The bare loop runs network, losses and optimiser on one batch that lies in memory: no
augmentation, no loader, no averaged weights, no metrics, no checkpoints. A trial of `mien tune`
stands beside the same training, whole, started from Python.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from marked import markdown_table, write_marked

from mien.data import Dataset
from mien.models import EmotionNet
from mien.training import EmotionRecipe, read_recipe, train_emotion
from mien.training.augment import augment
from mien.training.losses import embedding_loss, soft_cross_entropy
from mien.tuning import TuneOptions, read_space
from mien.tuning.run import prepare
from mien.tuning.worker import work

STEPS, ROUNDS = 100, 3


def made_up(recipe: EmotionRecipe) -> Dataset:
    """Return noise with labels and votes: enough for an epoch of STEPS batches, and one for val."""
    rng = np.random.default_rng(0)
    train, val = STEPS * recipe.batch_size, recipe.batch_size
    votes = np.zeros((train + val, 10), np.uint8)
    votes[np.arange(train + val), rng.integers(0, 8, train + val)] = 10
    return Dataset(
        images=rng.integers(0, 256, (train + val, 48, 48)).astype(np.uint8),
        labels=rng.integers(0, 7, train + val).astype(np.int8),
        votes=votes,
        split=np.repeat(np.array([0, 1], np.int8), [train, val]),
        rows=np.arange(train + val, dtype=np.int64),
        source="noise",
    )


def training_rate(recipe: EmotionRecipe, data: Dataset) -> float:
    """Return pictures a second of `train_emotion`: its second epoch, all that belongs to it."""
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        train_emotion(
            dataclasses.replace(recipe, epochs=2, distillation=None),
            data,
            out=Path(folder) / "run",
            on_epoch=lambda *_: ends.append(time.perf_counter()),
            progress=False,
        )
    return STEPS * recipe.batch_size / (ends[1] - ends[0])


def bare_rate(recipe: EmotionRecipe, data: Dataset) -> float:
    """Return pictures a second of the bare loop."""
    network = EmotionNet(recipe.network)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.SGD(
        network.parameters(), lr=1e-3, momentum=recipe.momentum, nesterov=True
    )
    faces = torch.from_numpy(data.images[: recipe.batch_size]).unsqueeze(1).float() / 255
    ferplus = torch.from_numpy(data.votes[: recipe.batch_size, :8] / np.float32(10))
    fer2013 = torch.eye(7)[torch.from_numpy(data.labels[: recipe.batch_size].astype(np.int64))]

    def step() -> None:
        half = recipe.precision == "bf16-mixed"
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            outputs = network(faces)
            loss = soft_cross_entropy(outputs.logits, ferplus)
            loss = loss + soft_cross_entropy(outputs.fer2013_logits, fer2013)
            loss = loss + recipe.embedding_weight * embedding_loss(outputs.embedding, ferplus)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    for _ in range(3):
        step()
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    return STEPS * recipe.batch_size / (time.perf_counter() - start)


def augmentation_rate(recipe: EmotionRecipe, data: Dataset) -> float:
    """Return pictures a second that augmentation alone makes."""
    faces = torch.from_numpy(data.images[: recipe.batch_size]).unsqueeze(1).float()
    generator = torch.Generator().manual_seed(0)
    start = time.perf_counter()
    for _ in range(STEPS):
        augment(faces, recipe.augmentation, generator)
    return STEPS * recipe.batch_size / (time.perf_counter() - start)


def trial_cost(recipe: EmotionRecipe, data: Dataset) -> float:
    """Return how long a study of one trial takes, over the same training by itself."""
    options = TuneOptions(
        strategy="random",
        trials=1,
        epochs=2,
        share=0.01,
        near=False,
        threads=torch.get_num_threads(),
        seeds=0,
    )
    space = read_space("emotion", recipe)
    with tempfile.TemporaryDirectory() as folder:
        storage = str(Path(folder) / "study.db")
        job = prepare(recipe, space, data, name="one", storage=storage, options=options)
        alone = dataclasses.replace(recipe, epochs=2)
        start = time.perf_counter()
        train_emotion(alone, job.data, out=Path(folder) / "alone", progress=False)
        middle = time.perf_counter()
        work(job)
        return (time.perf_counter() - middle) / (middle - start)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    recipe = read_recipe(EmotionRecipe, "emotion")
    data = made_up(recipe)
    rounds = [
        (training_rate(recipe, data), bare_rate(recipe, data), augmentation_rate(recipe, data))
        for _ in range(ROUNDS)
    ]
    ours, bare, augmented = (statistics.median(column) for column in zip(*rounds, strict=True))
    share = statistics.median(ours / bare for ours, bare, _ in rounds)
    trial = statistics.median(trial_cost(recipe, data) for _ in range(ROUNDS))
    table = markdown_table(
        ["training the emotion network, pictures a second", "median"],
        [
            [
                "`mien train emotion`, everything included",
                f"{ours:,.0f}, {share:.2f} of a bare loop",
            ],
            ["a bare loop: network, losses, optimiser", f"{bare:,.0f}"],
            ["augmentation alone", f"{augmented:,.0f}"],
            ["share of a step that augmentation takes", f"{100 * ours / augmented:.1f} %"],
            ["time of a trial of `mien tune` over that of its training", f"{trial:.2f}"],
        ],
    )
    print(table)
    for path in arguments.write:
        write_marked(path, "training", table)


if __name__ == "__main__":
    main()
