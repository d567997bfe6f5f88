"""Training of the network of expression units on what a teacher reads."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from mien.data import SUBSETS, Dataset
from mien.errors import InputError, RecipeError
from mien.metrics import agreement
from mien.models.emotion import PIXEL_MEAN, PIXEL_STD
from mien.models.units import UnitNet, UnitOutputs
from mien.options import DeviceOptions
from mien.training.augment import augment_unmirrored
from mien.training.batches import BatchSampler
from mien.training.devices import make_trainer, set_torch_threads
from mien.training.pseudo_labels import is_held_out
from mien.training.run import (
    METRICS_FILE,
    MetricsLog,
    RunCheckpoint,
    as_keyboard_interrupt,
    completed_epochs,
    is_finished,
    last_checkpoint,
    open_run,
)
from mien.training.schedule import ema_callback, parameter_groups, warmup_cosine
from mien.training.unit_labels import UnitLabels
from mien.training.unit_recipe import UnitRecipe
from mien.training.weights import (
    file_sha256,
    load_checkpoint_weights,
    load_teacher,
    read_checkpoint,
)
from mien.units import MIRRORED, MIRRORED_POSE_SIGNS, POSE_FIELDS, UNITS

__all__ = [
    "UnitExamples",
    "UnitModule",
    "common_units",
    "faces_to_read",
    "train_units",
    "unit_examples",
]

_LEAST_DEVIATION = 0.02
"""Coefficients that vary less count as if they varied so much: what is left of them is noise."""

_COMMON_VALUE, _COMMON_SHARE = 0.2, 0.02

_POSE_UNIT_DEG = 10.0
"""Errors of the pose count in this unit."""

Batch = tuple[Tensor, Tensor, Tensor, Tensor]
"""Faces `(B, 1, 48, 48)` uint8, coefficients `(B, 51)`, pose `(B, 3)`, weights `(B,)`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnitExamples:
    """N faces with a teacher's labels.

    Attributes:
        images: `(N, 48, 48)` uint8 luma, framed as `FER_CROP`.
        units: `(N, 51)` float32 in the order of `UNITS`, 0 to 1.
        pose_deg: `(N, 3)` float32 in the order of `POSE_FIELDS`.
        weights: `(N,)` float32, how much each label counts.
    """

    images: NDArray[np.uint8]
    units: NDArray[np.float32]
    pose_deg: NDArray[np.float32]
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.images)

    def sha256(self) -> str:
        """Return the hash of images and labels, as 64 hexadecimal digits."""
        digest = hashlib.sha256()
        for field in dataclasses.fields(self):
            digest.update(np.ascontiguousarray(getattr(self, field.name)).tobytes())
        return digest.hexdigest()


def faces_to_read(data: Dataset) -> Dataset:
    """Return the faces of `train` and `val`, those that a training learns of.

    Of a dataset without images in `val` a tenth of `train`, chosen by name, is moved there.
    """
    train, val = SUBSETS.index("train"), SUBSETS.index("val")
    split = data.split
    if not (split == val).any() and data.names is not None:
        held_out = np.array([is_held_out(str(name)) for name in data.names], bool)
        split = np.where((split == train) & held_out, val, split).astype(np.int8)
    return dataclasses.replace(data, split=split).select(np.isin(split, [train, val]))


def unit_examples(labelled: Sequence[tuple[Dataset, UnitLabels]], subset: str) -> UnitExamples:
    """Join the faces of a subset that the teacher reads.

    Args:
        labelled: Datasets with their labels.
        subset: `train`, `val` or `test`.

    Raises:
        InputError: There is no such face.
    """
    parts = []
    for data, labels in labelled:
        used = (data.split == SUBSETS.index(subset)) & (labels.weights > 0)
        parts.append(
            (data.images[used], labels.units[used], labels.pose_deg[used], labels.weights[used])
        )
    images, units, pose, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    if not len(images):
        names = ", ".join(data.source for data, _ in labelled)
        raise InputError(f"{names}: the teacher reads no face in {subset}. Give other images")
    return UnitExamples(images=images, units=units, pose_deg=pose, weights=weights)


def common_units(units: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Say which coefficients are above 0.2 in at least 2 % of N faces, `(51,)` of `(N, 51)`."""
    common = (units > _COMMON_VALUE).mean(axis=0) >= _COMMON_SHARE
    return np.asarray(common, np.bool_)


class UnitModule(lightning.LightningModule):
    """The network of expression units with its losses and its optimiser.

    Args:
        recipe: The recipe of the training.
        deviations: The standard deviation of each coefficient over the training faces, `(51,)`.

    Attributes:
        provenance: Hashes of the training's inputs, by name.
    """

    deviations: Tensor

    def __init__(self, recipe: UnitRecipe, deviations: NDArray[np.float32]) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = UnitNet(recipe.network)
        # With channels_last a CPU's convolutions need no reordering of their inputs.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if recipe.frozen_trunk:
            self.network.trunk.requires_grad_(False)
        least = torch.from_numpy(deviations).float().clamp(min=_LEAST_DEVIATION)
        self.register_buffer("deviations", least, persistent=False)
        self.provenance: dict[str, str] = {}
        self._losses: list[Tensor] = []
        self._read: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Augment the faces and return the weighted sum of both losses."""
        if self.recipe.frozen_trunk:
            self.network.trunk.eval()  # its batch norms keep their statistics
        faces, units, pose, weights = batch
        # Random numbers depend on seed and step alone, so that a resumed run repeats them.
        step_seed = self.recipe.seed * 1_000_003 + self.global_step
        generator = torch.Generator(self.device).manual_seed(step_seed)
        torch.default_generator.manual_seed(step_seed)
        flipped = torch.rand(len(faces), generator=generator, device=self.device) < 0.5
        faces = torch.where(flipped[:, None, None, None], faces.flip(3), faces).float()
        units = torch.where(flipped[:, None], units[:, list(MIRRORED)], units)
        signs = pose.new_tensor(MIRRORED_POSE_SIGNS)
        pose = torch.where(flipped[:, None], pose * signs, pose)
        faces, clockwise_deg = augment_unmirrored(faces, self.recipe.augmentation, generator)
        turned = torch.zeros_like(pose)
        turned[:, POSE_FIELDS.index("roll_deg")] = clockwise_deg
        found = self.network.read((faces - PIXEL_MEAN) / PIXEL_STD)
        loss = self._loss(found, units, pose + turned, weights)
        self._losses.append(loss.detach())
        return loss

    def _loss(self, found: UnitOutputs, units: Tensor, pose: Tensor, weights: Tensor) -> Tensor:
        """Return the loss: squared errors of the coefficients in units of their deviations."""
        errors = (found.units.float() - units) / self.deviations
        turns = (found.pose_deg.float() - pose) / _POSE_UNIT_DEG
        huber = torch.nn.functional.smooth_l1_loss(turns, torch.zeros_like(turns), reduction="none")
        per_face = (errors**2).mean(dim=1) + self.recipe.pose_weight * huber.mean(dim=1)
        return (per_face * weights).sum() / weights.sum().clamp(min=1e-6)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Read the held-out faces."""
        faces, units, pose, _ = batch
        found = self.network((faces.float() - PIXEL_MEAN) / PIXEL_STD)
        read = torch.cat([found.units, found.pose_deg], dim=1).float().cpu().numpy()
        self._read.append((read, torch.cat([units, pose], dim=1).cpu().numpy()))

    def on_validation_epoch_end(self) -> None:
        """Log the training loss and the agreement with the teacher.

        The score is the median correlation of the coefficients that are common.
        """
        read, expected = (np.concatenate(part) for part in zip(*self._read, strict=True))
        self._read.clear()
        agreed = agreement(read, expected)
        common = common_units(expected[:, : len(UNITS)])
        chosen = common if common.any() else np.ones(len(UNITS), bool)
        correlation = np.nan_to_num(agreed.correlation[: len(UNITS)][chosen])
        values = {
            "val/score": float(np.median(correlation)),
            "val/lowest_correlation": float(correlation.min()),
            "val/mean_absolute_error": float(agreed.mean_absolute_error[: len(UNITS)].mean()),
        }
        for name, error in zip(
            POSE_FIELDS, agreed.median_absolute_error[len(UNITS) :], strict=True
        ):
            values[f"val/{name.removesuffix('_deg')}_error_deg"] = float(error)
        if self._losses:
            values["train/loss"] = float(torch.stack(self._losses).mean())
            self._losses.clear()
        self.log_dict(values, prog_bar=True)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return AdamW and its schedule."""
        recipe = self.recipe
        groups = parameter_groups(self, weight_decay=recipe.weight_decay)
        optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)
        total = int(self.trainer.estimated_stepping_batches)
        warmup = max(1, round(total * recipe.warmup_epochs / recipe.epochs))
        return warmup_cosine(optimiser, warmup_steps=warmup, total_steps=total)


class _BatchDataset(TorchDataset[Batch]):
    """Examples whose items are batches: an index is a tensor of row numbers."""

    def __init__(self, examples: UnitExamples) -> None:
        self.parts = (
            torch.from_numpy(examples.images).unsqueeze(1),
            torch.from_numpy(examples.units),
            torch.from_numpy(examples.pose_deg),
            torch.from_numpy(examples.weights),
        )

    def __len__(self) -> int:
        return len(self.parts[0])

    def __getitem__(self, rows: Tensor) -> Batch:
        faces, units, pose, weights = (part[rows] for part in self.parts)
        return faces, units, pose, weights


def _batches(
    examples: UnitExamples, batch_size: int, *, seed: int | None = None, epoch: int = 0
) -> DataLoader[Batch]:
    sampler = BatchSampler(len(examples), batch_size, seed)
    sampler.set_epoch(epoch)
    return DataLoader(_BatchDataset(examples), sampler=sampler, batch_size=None)


def train_units(
    recipe: UnitRecipe,
    labelled: Sequence[tuple[Dataset, UnitLabels]],
    *,
    out: Path,
    start: Path | None = None,
    resume: bool = False,
    devices: DeviceOptions | None = None,
    progress: bool = True,
) -> UnitModule:
    """Train a network of expression units.

    Args:
        recipe: Everything that decides the training.
        labelled: Datasets with a teacher's labels; `train` is for training, `val` for validation.
        out: The run's folder: recipe, checkpoints, metrics as CSV and for TensorBoard.
        start: A model file of an emotion network, or a folder of its run, whose trunk is the
            initial one; None draws it at random.
        resume: Whether to resume from the folder's last checkpoint, if it has one.
        devices: The devices to train on; None takes what Lightning finds.
        progress: Whether to show a progress bar.

    Returns:
        The module with the averaged weights of the last epoch.

    Raises:
        ArtefactError: `start` is not an emotion network.
        InputError: The teacher reads no face in `train` or `val`.
        OutputError: The folder cannot be written.
        RecipeError: The folder holds another run, `start` has another trunk, a frozen trunk has no
            start, or the devices do not exist.
    """
    devices = devices or DeviceOptions()
    set_torch_threads(devices.threads)
    resumed = resume and last_checkpoint(out).exists()
    if recipe.frozen_trunk and start is None and not resumed:
        raise RecipeError("frozen_trunk: expected the start of the trunk, found none. Give a start")
    train, val = (unit_examples(labelled, subset) for subset in ("train", "val"))
    lightning.seed_everything(recipe.seed, verbose=False)
    module = UnitModule(recipe, train.units.std(axis=0))
    module.provenance = {"train": train.sha256(), "val": val.sha256()}
    if start is not None:
        module.provenance["start"] = f"{start.name} {_start_sha256(start)}"
    opened = open_run(out, recipe, provenance=module.provenance, resume=resume)
    module.provenance = dict(opened.provenance)
    checkpoint = opened.checkpoint
    saved = read_checkpoint(checkpoint) if checkpoint is not None else None
    if checkpoint is None:
        module.network.begin_at(torch.from_numpy(train.units.mean(axis=0)))
        if start is not None:
            _take_trunk(module, start)
    last = RunCheckpoint(out, name="last", on_train_epoch_end=True)
    callbacks = [
        last,
        MetricsLog(out / METRICS_FILE),
        ema_callback(recipe.ema_decay),
        LearningRateMonitor("epoch"),
    ]
    trainer = make_trainer(devices, recipe, out, callbacks, progress=progress)
    if saved is not None and is_finished(saved, epochs=recipe.epochs, patience=0):
        module.trainer = trainer
    else:
        epoch = completed_epochs(saved) if saved is not None else 0
        with as_keyboard_interrupt():
            trainer.fit(
                module,
                _batches(train, recipe.batch_size, seed=recipe.seed, epoch=epoch),
                _batches(val, recipe.batch_size),
                ckpt_path=checkpoint,
                weights_only=True,
            )
    if trainer.is_global_zero:
        load_checkpoint_weights(module.network, last_checkpoint(out))
    return module


def _start_sha256(start: Path) -> str:
    return file_sha256(last_checkpoint(start) if start.is_dir() else start)


def _take_trunk(module: UnitModule, start: Path) -> None:
    network = load_teacher(start)
    wanted, found = module.recipe.network.trunk, network.options
    for field in dataclasses.fields(wanted):
        if field.name == "dropout":
            continue
        own, other = getattr(wanted, field.name), getattr(found, field.name)
        if own != other:
            raise RecipeError(
                f"network.trunk.{field.name}: expected {other}, as {start} has it, found {own}"
            )
    module.network.trunk.load_state_dict(network.trunk.state_dict())
