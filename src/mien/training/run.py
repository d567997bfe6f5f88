"""A run's folder: its recipe, its checkpoints, and its curve."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from mien._marking import Marker
from mien.errors import RecipeError
from mien.training.recipe import read_recipe, recipe_document, recipe_text

__all__ = [
    "CURVE",
    "RECIPE",
    "RUN",
    "Curve",
    "OnEpoch",
    "OpenRun",
    "epochs_done",
    "has_ended",
    "kept_checkpoint",
    "newest_checkpoint",
    "open_run",
]

RECIPE = "recipe.toml"
"""The recipe with every key, so that the folder says how to repeat the run."""

RUN = Marker(
    name="mien-run.txt",
    text="This folder belongs to a run of `mien train`, which replaces its own files in it.\n",
    kind="folder of a run",
    option="--out",
)
"""What makes a folder that of a run."""

_FACT = "# "

OnEpoch = Callable[[Mapping[str, float]], None]
"""Takes one epoch's metrics by name, `epoch` among them."""

CURVE = "metrics.csv"
"""One row per epoch."""


def newest_checkpoint(folder: Path) -> Path:
    """Return where a run keeps its newest checkpoint, be it there or not."""
    return folder / "checkpoints" / "last.ckpt"


def kept_checkpoint(folder: Path, *, patience: int) -> Path:
    """Return where a run keeps the weights that count: its best ones if it has `patience`."""
    newest = newest_checkpoint(folder)
    return newest.with_stem("best") if patience else newest


def has_ended(checkpoint: Mapping[str, Any], *, epochs: int, patience: int) -> bool:
    """Say whether a checkpoint is the last of its run: all epochs, or as many as patience allows.

    Lightning itself would train a run that had stopped early for one more epoch.
    """
    waited = [
        state["wait_count"]
        for name, state in checkpoint["callbacks"].items()
        if name.startswith("EarlyStopping")
    ]
    stopped = bool(patience) and any(count >= patience for count in waited)
    return stopped or epochs_done(checkpoint) >= epochs


def epochs_done(checkpoint: Mapping[str, Any]) -> int:
    """Return how many epochs a checkpoint has seen.

    Lightning draws a resumed run's first batch before it tells the sampler which epoch it is.
    """
    return int(checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])


@dataclasses.dataclass(frozen=True, slots=True)
class OpenRun:
    """A run's folder that is ready to be trained in.

    Attributes:
        checkpoint: What to go on from; None begins anew.
        facts: Hashes of what decides the run beside its recipe, by name.
    """

    checkpoint: Path | None
    facts: Mapping[str, str]


def open_run(folder: Path, recipe: Any, *, facts: Mapping[str, str], resume: bool) -> OpenRun:
    """Open a run's folder and write recipe and facts into it.

    Args:
        folder: The folder, that of a run, or one that is missing or empty.
        recipe: A recipe's dataclass.
        facts: Hashes of what else decides the run, by name; they stand above the recipe.
        resume: Whether to go on from its newest checkpoint, if there is one.

    Raises:
        RecipeError: The folder has a run already and `resume` is not asked for, or that run was
            made from another recipe or other facts; the message names what differs.
        OutputError: The folder holds something else than a run, or cannot be written.
    """
    RUN.claim(folder)
    checkpoint, noted = newest_checkpoint(folder), folder / RECIPE
    if checkpoint.exists() and not resume:
        raise RecipeError(
            f"{folder}: holds a run already. Pass --resume to go on, or choose another folder"
        )
    if checkpoint.exists() and noted.exists():
        before = _noted_facts(noted)
        if others := [
            *_other_keys(read_recipe(type(recipe), noted), recipe),
            *(name for name, value in facts.items() if before.get(name) != value),
        ]:
            raise RecipeError(
                f"{folder}: this run was begun with another {', '.join(others)}, see {noted}. "
                "Give what it was begun with, or choose another folder"
            )
        return OpenRun(checkpoint, before)
    lines = "".join(f"{_FACT}{name}: {value}\n" for name, value in facts.items())
    noted.write_text(lines + recipe_text(recipe), encoding="utf-8")
    return OpenRun(checkpoint if checkpoint.exists() else None, facts)


def _noted_facts(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    facts = (line.removeprefix(_FACT).rpartition(": ") for line in lines if line.startswith(_FACT))
    return {name: value for name, _, value in facts}


def _other_keys(before: Any, now: Any) -> list[str]:
    """Return the dotted names of the keys in which two recipes differ."""

    def flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in document.items():
            if isinstance(value, dict):
                found |= flat(value, f"{prefix}{key}.")
            else:
                found[prefix + key] = value
        return found

    first, second = flat(recipe_document(before)), flat(recipe_document(now))
    return sorted(key for key in first | second if first.get(key) != second.get(key))


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
