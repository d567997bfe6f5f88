"""What a training costs beside a bare loop over the same network, and what its data cost.

    python benchmarks/training.py --json benchmarks/results/training.json --write docs/benchmarks.md

Both see the same made-up images, on all cores and in turn, by the recipe `emotion`. An epoch is
as long as one on FER-2013. The bare loop runs network, losses and optimiser on one batch that lies
in memory: no loader, no augmentation, no averaged weights, no metrics, no validation, no
checkpoints. The pipeline is what a batch goes through before the network. A trial of `mien tune`
stands beside the same training, whole, started from Python. All of it takes five minutes on two
cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from machine import machine
from marked import markdown_table, write_json, write_marked

import mien
from mien.data import Dataset
from mien.models import EmotionNet
from mien.models.emotion import PIXEL_MEAN, PIXEL_STD
from mien.training import EmotionRecipe, read_recipe, train_emotion
from mien.training.augment import augment
from mien.training.batches import batches
from mien.training.losses import embedding_loss, soft_cross_entropy
from mien.tuning import TuneOptions, read_space
from mien.tuning.run import prepare_job
from mien.tuning.worker import run_worker

STEPS, VAL_STEPS = 223, 28
"""Batches of 128 in FER-2013's Training and PublicTest, images without a face left out."""

BARE_STEPS, TRIAL_STEPS, ROUNDS = 60, 100, 2
MIN_OF_BARE, MAX_FOR_DATA = 0.9, 0.1
"""The targets: a training's speed over the bare loop's, the pipeline's share of a step."""

TEACHER = Path(mien.__file__).parent / "assets" / "emotion.onnx"


def made_up(recipe: EmotionRecipe, *, steps: int, val_steps: int) -> Dataset:
    """Return noise with labels and votes: enough for so many batches of each subset."""
    rng = np.random.default_rng(0)
    train, val = steps * recipe.batch_size, val_steps * recipe.batch_size
    votes = np.zeros((train + val, 10), np.uint8)
    votes[np.arange(train + val), rng.integers(0, 8, train + val)] = 10
    return Dataset(
        images=rng.integers(0, 256, (train + val, 48, 48), np.uint8),
        labels=rng.integers(0, 7, train + val).astype(np.int8),
        votes=votes,
        split=np.repeat(np.array([0, 1], np.int8), [train, val]),
        rows=np.arange(train + val, dtype=np.int64),
        source="noise",
    )


def training_rates(recipe: EmotionRecipe, data: Dataset) -> tuple[float, float]:
    """Return images a second of `train_emotion` in its second epoch.

    The first is with all that belongs to an epoch, the second without what its network takes for
    the images of `val`, which are run once more by themselves to be timed.
    """
    epoch_ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        module = train_emotion(
            dataclasses.replace(recipe, epochs=2),
            data,
            out=Path(folder) / "run",
            on_epoch=lambda *_: epoch_ends.append(time.perf_counter()),
            progress=False,
        )
    val = batches(data.subset("val"), batch_size=recipe.batch_size)
    half = recipe.precision == "bf16-mixed"
    module.eval()
    start = time.perf_counter()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        for faces, *_ in val:
            module(faces)
    validation = time.perf_counter() - start
    whole = epoch_ends[1] - epoch_ends[0]
    images = STEPS * recipe.batch_size
    return images / whole, images / (whole - validation)


def bare_rate(recipe: EmotionRecipe, data: Dataset) -> float:
    """Return images a second of the bare loop."""
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
    for _ in range(BARE_STEPS):
        step()
    return BARE_STEPS * recipe.batch_size / (time.perf_counter() - start)


def pipeline_rate(recipe: EmotionRecipe, data: Dataset) -> float:
    """Return images a second of an epoch's batches up to the network, as a training makes them.

    That is drawing and indexing, floats, augmentation, mixup and normalisation.
    """
    loader = batches(
        data.subset("train"),
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        label_smoothing=recipe.label_smoothing,
    )
    start = time.perf_counter()
    for number, (faces, *targets, _) in enumerate(loader):
        generator = torch.Generator().manual_seed(number)
        faces = augment(faces.float(), recipe.augmentation, generator)
        beta = np.random.default_rng(number).beta(recipe.mixup, recipe.mixup)
        share = max(beta, 1 - beta)
        faces, *targets = (share * p + (1 - share) * p.flip(0) for p in (faces, *targets))
        faces = (faces - PIXEL_MEAN) / PIXEL_STD
    return STEPS * recipe.batch_size / (time.perf_counter() - start)


def trial_cost(recipe: EmotionRecipe) -> float:
    """Return how long a study of one trial takes, over the same training by itself."""
    options = TuneOptions(
        sampler="random",
        trials=1,
        epochs=2,
        selection_share=0.01,
        near=False,
        threads=torch.get_num_threads(),
        seeds=0,
    )
    space = read_space("emotion", recipe)
    data = made_up(recipe, steps=TRIAL_STEPS, val_steps=1)
    with tempfile.TemporaryDirectory() as folder:
        storage = str(Path(folder) / "study.db")
        job = prepare_job(recipe, space, data, storage=storage, options=options)
        alone = dataclasses.replace(recipe, epochs=2)
        start = time.perf_counter()
        train_emotion(alone, job.data, out=Path(folder) / "alone", progress=False)
        middle = time.perf_counter()
        run_worker(job)
        return (time.perf_counter() - middle) / (middle - start)


def student_of_one(recipe: EmotionRecipe) -> EmotionRecipe:
    """Return a recipe whose only teacher is the shipped network."""
    if recipe.distillation is None:
        raise ValueError("the recipe has no teacher")
    teaching = dataclasses.replace(recipe.distillation, teachers=(str(TEACHER),))
    return dataclasses.replace(recipe, distillation=teaching)


def verdict(target: str, met: bool) -> str:
    """Say whether a target is met."""
    return f"(target: {target}, {'met' if met else 'missed'})"


def rows_of(
    rounds: Sequence[tuple[float, float, float, float]], student: float, trial: float
) -> list[list[str]]:
    """Return the table's rows.

    A round has the rates of the bare loop, of the training, of that without validation, and of the
    pipeline.
    """
    bare, whole, training, piped = (
        statistics.median(column) for column in zip(*rounds, strict=True)
    )
    of_bare = statistics.median(whole / loop for loop, whole, _, _ in rounds)
    training_of_bare = statistics.median(rate / loop for loop, _, rate, _ in rounds)
    data_share = statistics.median(rate / pipe for _, _, rate, pipe in rounds)
    fast = verdict(f"at least {MIN_OF_BARE}", of_bare >= MIN_OF_BARE)
    light = verdict(f"at most {100 * MAX_FOR_DATA:.0f} %", data_share <= MAX_FOR_DATA)
    return [
        [
            "`mien train emotion`, everything included",
            f"{whole:,.0f}, {of_bare:.3f} of a bare loop {fast}",
        ],
        [
            "the same without validation, which a bare loop has not",
            f"{training:,.0f}, {training_of_bare:.3f} of a bare loop",
        ],
        ["share of an epoch that validation takes", f"{100 * (1 - whole / training):.1f} %"],
        ["a bare loop: network, losses, optimiser", f"{bare:,.0f}"],
        ["the data pipeline alone: batches, augmentation, mixup", f"{piped:,.0f}"],
        ["share of a step that the data pipeline takes", f"{100 * data_share:.1f} % {light}"],
        [
            "`mien train emotion --recipe student`, one teacher, everything included",
            f"{student:,.0f}",
        ],
        ["time of a trial of `mien tune` over that of its training", f"{trial:.2f}"],
    ]


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    recipe = read_recipe(EmotionRecipe, "emotion")
    data = made_up(recipe, steps=STEPS, val_steps=VAL_STEPS)
    rounds = [
        (bare_rate(recipe, data), *training_rates(recipe, data), pipeline_rate(recipe, data))
        for _ in range(ROUNDS)
    ]
    trial = statistics.median(trial_cost(recipe) for _ in range(ROUNDS))
    student = student_of_one(read_recipe(EmotionRecipe, "student"))
    rows = rows_of(rounds, training_rates(student, data)[0], trial)
    head = f"training the emotion network, images a second, on {machine()}"
    table = markdown_table([head, "found"], rows)
    print(table)
    for path in arguments.write:
        write_marked(path, "training", table)
    if arguments.json:
        write_json(arguments.json, rows)


if __name__ == "__main__":
    main()
