"""Lightning's trainer of the networks that look at crops of faces, on given devices."""

from __future__ import annotations

from pathlib import Path

import lightning
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger

from mien.errors import RecipeError
from mien.options import DeviceOptions
from mien.training.emotion_recipe import EmotionRecipe
from mien.training.run import TimeLeft, WholeCheckpoints
from mien.training.unit_recipe import UnitRecipe

__all__ = ["make_trainer", "set_torch_threads"]


def set_torch_threads(threads: int) -> None:
    """Set the number of torch's threads on the CPU in this process; 0 leaves it as it is."""
    if threads:
        torch.set_num_threads(threads)


def make_trainer(
    devices: DeviceOptions,
    recipe: EmotionRecipe | UnitRecipe,
    out: Path,
    callbacks: list[Callback],
    *,
    progress: bool,
) -> lightning.Trainer:
    """Make Lightning's trainer for a recipe.

    Args:
        devices: The devices to train on.
        recipe: The recipe of the training.
        out: The run's folder.
        callbacks: The trainer's callbacks.
        progress: Whether to show a progress bar, and say how long it will take.

    Raises:
        RecipeError: The devices do not exist, or a batch cannot be divided evenly among them.
    """
    try:
        trainer = lightning.Trainer(
            default_root_dir=out,
            max_epochs=recipe.epochs,
            precision=recipe.precision,
            accelerator=devices.accelerator,
            devices=devices.devices,
            num_nodes=devices.nodes,
            strategy=devices.strategy,
            use_distributed_sampler=False,  # `batches` divides each batch among the devices
            callbacks=[*callbacks, TimeLeft()] if progress else callbacks,
            plugins=[WholeCheckpoints()],
            logger=TensorBoardLogger(out, name="", version="tensorboard"),
            enable_model_summary=False,
            enable_progress_bar=progress,
            num_sanity_val_steps=0,
            log_every_n_steps=50,
        )
    except (MisconfigurationException, TypeError, ValueError) as error:
        given = f"accelerator {devices.accelerator!r}, devices {devices.devices!r}"
        raise RecipeError(f"{given}, strategy {devices.strategy!r}: {error}") from error
    if recipe.batch_size % trainer.world_size:
        raise RecipeError(
            f"batch_size: expected a multiple of the {trainer.world_size} devices, found "
            f"{recipe.batch_size}"
        )
    return trainer
