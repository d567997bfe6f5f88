"""A run's folder: its recipe, its checkpoints, and its curve."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from mien.errors import RecipeError
from mien.training.recipe import recipe_text

__all__ = ["CURVE", "RECIPE", "Curve", "OnEpoch", "newest_checkpoint", "open_run"]

RECIPE = "recipe.toml"
"""The recipe with every key, so that the folder says how to repeat the run."""

OnEpoch = Callable[[Mapping[str, float]], None]
"""Takes one epoch's metrics by name, `epoch` among them."""

CURVE = "metrics.csv"
"""One row per epoch."""


def newest_checkpoint(folder: Path) -> Path:
    """Return where a run keeps its newest checkpoint, be it there or not."""
    return folder / "checkpoints" / "last.ckpt"


def open_run(folder: Path, recipe: Any, *, pictures: str, resume: bool) -> Path | None:
    """Open a run's folder and write the recipe into it.

    Args:
        folder: The folder; it is made if need be.
        recipe: A recipe's dataclass.
        pictures: A hash of what it is trained on, which is written above the recipe.
        resume: Whether to go on from its newest checkpoint, if there is one.

    Returns:
        The checkpoint to go on from, or None.

    Raises:
        RecipeError: The folder has a run already and `resume` is not asked for, or that run was
            made from another recipe or other pictures.
    """
    checkpoint, noted = newest_checkpoint(folder), folder / RECIPE
    text = f"# Trained on the pictures with the hash {pictures}.\n{recipe_text(recipe)}"
    if checkpoint.exists():
        if not resume:
            raise RecipeError(
                f"{folder}: holds a run already. Pass --resume to go on, or choose another folder"
            )
        if noted.exists() and noted.read_text(encoding="utf-8") != text:
            raise RecipeError(
                f"{folder}: this run was begun from another recipe or other pictures, see {noted}. "
                "Give those, or choose another folder"
            )
    folder.mkdir(parents=True, exist_ok=True)
    noted.write_text(text, encoding="utf-8")
    return checkpoint if checkpoint.exists() else None


class Curve(Callback):
    """Keeps every epoch's metrics, in the checkpoints and as CSV.

    Lightning's own CSV log is begun anew by a run that goes on; this one is part of the checkpoint.

    Args:
        path: The CSV.
        on_epoch: Called with each new row; what it raises ends the training.
    """

    def __init__(self, path: Path, *, on_epoch: OnEpoch | None = None) -> None:
        self.path = path
        self.on_epoch = on_epoch
        self.rows: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        """Return the rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the rows of the epochs that the checkpoint has seen."""
        self.rows = list(state_dict["rows"])

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Add the epoch's row and write the file."""
        row = {"epoch": float(trainer.current_epoch + 1)}
        row["learning_rate"] = trainer.optimizers[0].param_groups[0]["lr"]
        row |= {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        self.rows.append(row)
        if trainer.is_global_zero:
            partial = self.path.with_name(self.path.name + ".partial")
            with partial.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
                writer.writerows(self.rows)
            partial.replace(self.path)
        if self.on_epoch is not None:
            self.on_epoch(row)
