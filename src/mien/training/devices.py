"""What a training of the emotion network runs on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import lightning
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger

from mien.errors import RecipeError
from mien.training.emotion_recipe import EmotionRecipe

__all__ = ["DeviceOptions", "trainer_on"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOptions:
    """On what a training runs; Lightning's own names.

    Attributes:
        accelerator: `auto`, `cpu`, `gpu`, ...
        devices: How many of them, or `auto`.
        nodes: How many machines.
        strategy: How they share the work: `auto`, `ddp`, ...
    """

    accelerator: str = "auto"
    devices: int | str = "auto"
    nodes: int = 1
    strategy: str = "auto"


def trainer_on(
    devices: DeviceOptions,
    recipe: EmotionRecipe,
    out: Path,
    callbacks: list[Callback],
    *,
    progress: bool,
) -> lightning.Trainer:
    """Make Lightning's trainer for a recipe.

    Args:
        devices: What it runs on.
        recipe: What it trains.
        out: The run's folder.
        callbacks: What looks on.
        progress: Whether to show a progress bar.

    Raises:
        RecipeError: There are no such devices, or a batch cannot be divided evenly among them.
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
            use_distributed_sampler=False,  # ours divides each batch among the devices
            callbacks=callbacks,
            logger=TensorBoardLogger(out, name="", version="tensorboard"),
            enable_model_summary=False,
            enable_progress_bar=progress,
            num_sanity_val_steps=0,
            log_every_n_steps=50,
        )
    except (MisconfigurationException, TypeError, ValueError) as error:
        asked = f"accelerator {devices.accelerator!r}, devices {devices.devices!r}"
        raise RecipeError(f"{asked}, strategy {devices.strategy!r}: {error}") from error
    if recipe.batch_size % trainer.world_size:
        raise RecipeError(
            f"batch_size: expected a multiple of the {trainer.world_size} devices, found "
            f"{recipe.batch_size}"
        )
    return trainer
