"""Training of the emotion network: two label systems and an embedding on one trunk."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

from mien._decode import demand
from mien.data import VOTE_COLUMNS, Dataset
from mien.emotions import FER2013_7
from mien.evaluation import ferplus_soft_labels
from mien.models.emotion import PIXEL_MEAN, PIXEL_STD, EmotionNet, EmotionOutputs, TrunkOptions
from mien.training.augment import AugmentationOptions, augment
from mien.training.losses import embedding_loss, soft_cross_entropy
from mien.training.schedule import warm_cosine, weight_groups

__all__ = ["EmotionModule", "EmotionRecipe", "train_emotion"]

Batch = tuple[Tensor, Tensor, Tensor]
"""Pictures `(B, 1, 48, 48)` uint8, FER+ distributions `(B, 8)`, FER-2013 targets `(B, 7)`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EmotionRecipe:
    """Everything that decides a training; the keys of a recipe file.

    Attributes:
        network: Shape of the network.
        augmentation: Strengths of the augmentation.
        epochs: Passes over the training part.
        batch_size: Pictures per step.
        learning_rate: Peak of the schedule: linear warm-up, then half a cosine to zero.
        warmup_epochs: Length of the warm-up.
        momentum: Nesterov momentum of the SGD.
        weight_decay: L2 penalty on weight matrices and kernels, not on biases and norms.
        ema_decay: Decay per step of the averaged weights, which are those that count.
        label_smoothing: Share of the FER-2013 target spread over all classes.
        mixup: Both parameters of the beta distribution of mixing shares; 0 switches it off.
        fer2013_weight: Weight of the FER-2013 head's loss beside the FER+ head's 1.
        embedding_weight: Weight of the embedding's loss.
        seed: The seed of weights, order and augmentation.
        precision: Lightning's precision; `bf16-mixed` is quicker where the CPU has bf16.
    """

    network: TrunkOptions = dataclasses.field(default_factory=TrunkOptions)
    augmentation: AugmentationOptions = dataclasses.field(default_factory=AugmentationOptions)
    epochs: int = 50
    batch_size: int = 128
    learning_rate: float = 0.06
    warmup_epochs: float = 2.0
    momentum: float = 0.9
    weight_decay: float = 5e-4
    ema_decay: float = 0.998
    label_smoothing: float = 0.1
    mixup: float = 0.2
    fer2013_weight: float = 0.5
    embedding_weight: float = 0.1
    seed: int = 1
    precision: Literal["32-true", "bf16-mixed"] = "32-true"

    def __post_init__(self) -> None:
        demand(self.epochs > 0, "epochs", "at least 1", self.epochs)
        demand(self.batch_size > 1, "batch_size", "at least 2", self.batch_size)
        demand(self.learning_rate > 0, "learning_rate", "a number above 0", self.learning_rate)
        demand(0 <= self.ema_decay < 1, "ema_decay", "0 to below 1", self.ema_decay)
        demand(self.mixup >= 0, "mixup", "0 or more", self.mixup)


class _Arrays(TorchDataset[Batch]):
    """Whole batches out of arrays in memory: an index is a tensor of row numbers."""

    def __init__(self, data: Dataset, label_smoothing: float) -> None:
        soft, _ = ferplus_soft_labels(data.votes)
        self.faces = torch.from_numpy(data.images).unsqueeze(1)
        self.ferplus = torch.from_numpy(soft)
        labels = torch.from_numpy(data.labels.astype(np.int64))
        hard = functional.one_hot(labels.clamp(min=0), len(FER2013_7)).float()
        hard = hard * (1 - label_smoothing) + label_smoothing / len(FER2013_7)
        self.fer2013 = hard * (labels >= 0)[:, None]

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, rows: Tensor) -> Batch:
        return self.faces[rows], self.ferplus[rows], self.fer2013[rows]


class _Shuffled(Sampler[Tensor]):
    """Rows in an order that seed and epoch alone decide, so that a resumed run repeats it."""

    def __init__(self, count: int, batch_size: int, seed: int | None) -> None:
        self.count, self.batch_size, self.seed, self.epoch = count, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        if self.seed is None:
            return math.ceil(self.count / self.batch_size)
        return max(1, self.count // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        order = torch.arange(self.count)
        if self.seed is not None:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
            order = torch.randperm(self.count, generator=generator)
        return iter(torch.split(order, self.batch_size)[: len(self)])


def _loader(
    data: Dataset, recipe: EmotionRecipe, *, shuffled: bool, epoch: int = 0
) -> DataLoader[Batch]:
    seed = recipe.seed if shuffled else None
    sampler = _Shuffled(len(data), recipe.batch_size, seed)
    sampler.set_epoch(epoch)
    smoothing = recipe.label_smoothing if shuffled else 0.0
    return DataLoader(_Arrays(data, smoothing), sampler=sampler, batch_size=None)


class EmotionModule(lightning.LightningModule):
    """The emotion network with its losses and optimiser."""

    def __init__(self, recipe: EmotionRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = EmotionNet(recipe.network)
        # channels_last is the layout in which a CPU's convolutions need no reordering.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._right = {"ferplus": [0.0, 0.0], "fer2013": [0.0, 0.0]}

    def forward(self, faces: Tensor) -> EmotionOutputs:
        """Run the network on `(B, 1, 48, 48)` pictures of 0 to 255."""
        outputs: EmotionOutputs = self.network((faces.float() - PIXEL_MEAN) / PIXEL_STD)
        return outputs

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Augment, mix, and return the weighted sum of the three losses."""
        faces, ferplus, fer2013 = batch
        # Chance comes from seed and step alone: a resumed run draws the same numbers.
        step_seed = self.recipe.seed * 1_000_003 + self.global_step
        generator = torch.Generator(self.device).manual_seed(step_seed)
        torch.manual_seed(step_seed)
        faces = augment(faces.float(), self.recipe.augmentation, generator)
        if self.recipe.mixup:
            beta = np.random.default_rng(step_seed).beta(self.recipe.mixup, self.recipe.mixup)
            share = max(beta, 1 - beta)
            faces, ferplus, fer2013 = (
                share * part + (1 - share) * part.flip(0) for part in (faces, ferplus, fer2013)
            )
        outputs = self(faces)
        ferplus_loss = soft_cross_entropy(outputs.logits, ferplus)
        fer2013_loss = soft_cross_entropy(outputs.fer2013_logits, fer2013)
        near = embedding_loss(outputs.embedding, _rescaled(ferplus))
        self.log_dict(
            {"train/ferplus": ferplus_loss, "train/fer2013": fer2013_loss, "train/embedding": near},
            on_step=False,
            on_epoch=True,
            batch_size=len(faces),
        )
        weights = (self.recipe.fer2013_weight, self.recipe.embedding_weight)
        total: Tensor = ferplus_loss + weights[0] * fer2013_loss + weights[1] * near
        return total

    def on_validation_epoch_start(self) -> None:
        """Start counting."""
        self._right = {"ferplus": [0.0, 0.0], "fer2013": [0.0, 0.0]}

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Count the right answers of both heads, where the pictures have labels."""
        faces, ferplus, fer2013 = batch
        outputs = self(faces)
        for name, logits, targets in (
            ("ferplus", outputs.logits, ferplus),
            ("fer2013", outputs.fer2013_logits, fer2013),
        ):
            labelled = targets.max(dim=1).values > 0.5
            right = (logits.argmax(dim=1) == targets.argmax(dim=1)) & labelled
            self._right[name][0] += float(right.sum())
            self._right[name][1] += float(labelled.sum())

    def on_validation_epoch_end(self) -> None:
        """Log both accuracies; for FER+ over the pictures whose soft label has a majority."""
        for name, (right, count) in self._right.items():
            self.log(f"val/{name}_accuracy", right / max(count, 1), prog_bar=True)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """SGD with Nesterov momentum, a warm-up and half a cosine."""
        recipe = self.recipe
        optimiser = torch.optim.SGD(
            weight_groups(self, weight_decay=recipe.weight_decay),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=True,
        )
        total = int(self.trainer.estimated_stepping_batches)
        warmup = max(1, round(total * recipe.warmup_epochs / recipe.epochs))
        return warm_cosine(optimiser, warmup_steps=warmup, total_steps=total)


def _rescaled(distributions: Tensor) -> Tensor:
    """Rescale rows to sum to 1: mixing with an unlabelled picture leaves less than that."""
    total = distributions.sum(dim=1, keepdim=True)
    return distributions / torch.where(total > 0, total, 1.0)


def _epochs_done(checkpoint: Path | None) -> int:
    """Read how many epochs a checkpoint has seen.

    Lightning draws a resumed run's first batch before it tells the sampler which epoch it is.
    """
    if checkpoint is None:
        return 0
    saved = torch.load(checkpoint, weights_only=False, map_location="cpu")
    return int(saved["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])


def train_emotion(
    recipe: EmotionRecipe, data: Dataset, *, out: Path, resume: bool = False
) -> EmotionModule:
    """Train an emotion network.

    Args:
        recipe: What to train and how.
        data: Pictures with labels; `train` is trained on, `val` is watched.
        out: The run's folder; checkpoints, and metrics as CSV.
        resume: Go on from the folder's last checkpoint, if it has one.

    Returns:
        The module with the averaged weights of the last epoch.
    """
    lightning.seed_everything(recipe.seed, verbose=False)
    not_a_face = data.votes[:, VOTE_COLUMNS.index("NF")]
    usable = data.select(2 * not_a_face <= data.votes.sum(axis=1))
    module = EmotionModule(recipe)
    folder = out / "checkpoints"
    best = ModelCheckpoint(
        folder,
        filename="best",
        monitor="val/ferplus_accuracy",
        mode="max",
        enable_version_counter=False,
    )
    # `save_last` of the above would keep the last best one: resuming would lose what came after.
    newest = ModelCheckpoint(
        folder, filename="last", save_on_train_epoch_end=True, enable_version_counter=False
    )
    trainer = lightning.Trainer(
        default_root_dir=out,
        max_epochs=recipe.epochs,
        precision=recipe.precision,
        callbacks=[
            best,
            newest,
            EMAWeightAveraging(decay=recipe.ema_decay),
            LearningRateMonitor("epoch"),
        ],
        logger=CSVLogger(out, name="", version="metrics"),
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=50,
    )
    last = folder / "last.ckpt"
    checkpoint = last if resume and last.exists() else None
    train = _loader(usable.part("train"), recipe, shuffled=True, epoch=_epochs_done(checkpoint))
    val = _loader(usable.part("val"), recipe, shuffled=False)
    trainer.fit(module, train, val, ckpt_path=checkpoint)
    return module
