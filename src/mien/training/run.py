"""A run's folder: its recipe, its checkpoints, and its metrics."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from mien._estimate import TimeEstimate
from mien._marking import Marker
from mien._output import whole_file
from mien._reading import read_text
from mien.errors import OutputError, RecipeError
from mien.training.recipe import read_recipe, recipe_document, recipe_text

__all__ = [
    "METRICS_FILE",
    "RECIPE_FILE",
    "RUN",
    "MetricsLog",
    "OnEpoch",
    "OpenRun",
    "RunCheckpoint",
    "TimeLeft",
    "WholeCheckpoints",
    "as_keyboard_interrupt",
    "completed_epochs",
    "is_finished",
    "last_checkpoint",
    "open_run",
    "selected_checkpoint",
    "write_run_file",
]

_LOG = logging.getLogger(__name__)

RECIPE_FILE = "recipe.toml"
"""The recipe with every key, so that the run can be repeated."""

METRICS_FILE = "metrics.csv"
"""The metrics, one row per epoch."""

_COMMENT = "# "

_CHECKPOINT_PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")
"""Paths in the state of Lightning's `ModelCheckpoint`."""

RUN = Marker(
    name="mien-run.txt",
    text="This folder belongs to a run of `mien train`, which replaces its own files in it.\n",
    kind="folder of a run",
    option="out=FOLDER",
)
"""What makes a folder that of a run."""

OnEpoch = Callable[[Mapping[str, float]], None]
"""Takes one epoch's metrics by name; `epoch` is one of them."""


class TimeLeft(Callback):
    """Says after the first seconds how long a training will still take.

    The estimate has no time for validation; an early stop makes it shorter.
    """

    _estimate: TimeEstimate | None = None

    def on_train_start(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        """Begin to watch the pace; what a resumed training did before does not count."""
        if trainer.is_global_zero:
            self._estimate = TimeEstimate("training", done=trainer.global_step)

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Say it once."""
        if self._estimate is not None:
            self._estimate(trainer.global_step, trainer.estimated_stepping_batches)


def last_checkpoint(folder: Path) -> Path:
    """Return the path of a run's last checkpoint, which may not exist yet."""
    return folder / "checkpoints" / "last.ckpt"


def selected_checkpoint(folder: Path, *, patience: int) -> Path:
    """Return the path of the checkpoint whose weights a run ends with.

    That is the one with the best score if the recipe has `patience`, else the last one.
    """
    last = last_checkpoint(folder)
    return last.with_stem("best") if patience else last


def is_finished(checkpoint: Mapping[str, Any], *, epochs: int, patience: int) -> bool:
    """Say whether a checkpoint is the last of its run, after all epochs or an early stop.

    Lightning itself would train a run that was stopped early for one more epoch.
    """
    waited = [
        state["wait_count"]
        for name, state in checkpoint["callbacks"].items()
        if name.startswith("EarlyStopping")
    ]
    stopped = bool(patience) and any(count >= patience for count in waited)
    return stopped or completed_epochs(checkpoint) >= epochs


def completed_epochs(checkpoint: Mapping[str, Any]) -> int:
    """Return the number of completed epochs in a checkpoint.

    Lightning draws a resumed run's first batch before it tells the sampler the epoch's number.
    """
    return int(checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])


@dataclasses.dataclass(frozen=True, slots=True)
class OpenRun:
    """A run's folder that is ready for training.

    Attributes:
        checkpoint: The checkpoint to resume from; None for a new run.
        provenance: Hashes of the run's inputs apart from its recipe, by name.
    """

    checkpoint: Path | None
    provenance: Mapping[str, str]


def open_run(folder: Path, recipe: Any, *, provenance: Mapping[str, str], resume: bool) -> OpenRun:
    """Open a run's folder and write the recipe and the provenance into it.

    Args:
        folder: The folder of a run, or one that is missing or empty.
        recipe: A recipe's dataclass.
        provenance: Hashes of the run's other inputs, by name; the recipe's file has them on top.
        resume: Whether to resume from the last checkpoint, if there is one.

    Raises:
        RecipeError: The folder already holds a run and `resume` is false, or the run to resume was
            begun with another recipe, other inputs or inputs that are not given now; the message
            names the differences. Only its `start` need not be given again once there is a
            checkpoint.
        OutputError: The folder is not that of a run, or cannot be written.
    """
    RUN.claim(folder)
    checkpoint, written = last_checkpoint(folder), folder / RECIPE_FILE
    if checkpoint.exists() and not resume:
        raise RecipeError(
            f"{folder}: holds a run already. Pass resume=True to go on, or choose another folder"
        )
    if resume and written.exists():
        before = _read_provenance(written)
        started = {"start"} if checkpoint.exists() and "start" not in provenance else set()
        if differences := [
            *_different_keys(read_recipe(type(recipe), written), recipe),
            *(
                name
                for name in sorted((before.keys() | provenance.keys()) - started)
                if before.get(name) != provenance.get(name)
            ),
        ]:
            raise RecipeError(
                f"{folder}: this run was begun with another {', '.join(differences)}, see "
                f"{written}. Give what it was begun with, or choose another folder"
            )
        return OpenRun(checkpoint if checkpoint.exists() else None, before)
    lines = "".join(f"{_COMMENT}{name}: {value}\n" for name, value in provenance.items())
    write_run_file(written, lines + recipe_text(recipe))
    return OpenRun(checkpoint if checkpoint.exists() else None, provenance)


def write_run_file(path: Path, text: str) -> None:
    """Write a file of a run's folder, unless another process of the training has written it.

    Raises:
        OutputError: The file cannot be written.
    """
    with contextlib.suppress(OSError):
        if path.read_bytes() == text.encode():
            return
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _read_provenance(path: Path) -> dict[str, str]:
    lines = read_text(path, RecipeError, expected="the recipe of a run").splitlines()
    entries = (
        line.removeprefix(_COMMENT).rpartition(": ") for line in lines if line.startswith(_COMMENT)
    )
    return {name: value for name, _, value in entries}


def _different_keys(before: Any, now: Any) -> list[str]:
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


@contextlib.contextmanager
def as_keyboard_interrupt() -> Iterator[None]:
    """Have Ctrl-C raise `KeyboardInterrupt` out of a training.

    Lightning itself ends the process with status 1, and has it ignore the next Ctrl-C.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from error


class WholeCheckpoints(TorchCheckpointIO):
    """Has Lightning replace a checkpoint only by a complete one.

    Lightning itself writes it into the system's temporary folder and moves it from there. Between
    two file systems that is a copy, of which a kill leaves a part in the place of the checkpoint.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint.

        Raises:
            OutputError: The file cannot be written; the checkpoint before it stays.
        """
        packed = io.BytesIO()
        torch.save(checkpoint, packed)
        with whole_file(Path(path)) as partial:
            partial.write_bytes(packed.getbuffer())


class RunCheckpoint(ModelCheckpoint):
    """Keeps one checkpoint in a run's folder, also after the folder was moved or copied.

    Lightning's own forgets the best score where the folder has another path, and the first epoch
    after that replaces the best one.

    Args:
        folder: The run's folder.
        name: The checkpoint's name, without its suffix.
        best_of: The metric whose highest value is kept; None keeps the newest.
        on_train_epoch_end: Whether to save after an epoch's training instead of after a validation;
            None leaves the choice to Lightning.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        best_of: str | None = None,
        on_train_epoch_end: bool | None = None,
    ) -> None:
        super().__init__(
            last_checkpoint(folder).parent,
            filename=name,
            monitor=best_of,
            mode="min" if best_of is None else "max",  # a part of Lightning's key of the state
            save_on_train_epoch_end=on_train_epoch_end,
            enable_version_counter=False,
        )

    @property
    def state_key(self) -> str:
        """Return Lightning's own key, under which runs have their state already."""
        return super().state_key.replace(type(self).__qualname__, ModelCheckpoint.__qualname__, 1)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state of a checkpoint, with the files at their present place."""

        def here(path: str) -> str:
            # This class takes apart paths of all systems.
            return str(Path(str(self.dirpath)) / PureWindowsPath(path).name) if path else path

        moved = {name: here(state_dict[name]) for name in _CHECKPOINT_PATHS}
        scores = {here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict(
            state_dict | moved | {"dirpath": self.dirpath, "best_k_models": scores}
        )


class MetricsLog(Callback):
    """Writes every epoch's metrics as CSV and keeps them in the checkpoints.

    Lightning's own CSV logger starts a new file when a run is resumed; this log continues. A file
    that cannot be written, as one that is open in a spreadsheet on Windows, does not end the
    training: the log warns, and has all rows when it can be written again.

    Args:
        path: The CSV.
        on_epoch: Called with each new row; an exception of it ends the training.
    """

    def __init__(self, path: Path, *, on_epoch: OnEpoch | None = None) -> None:
        self.path = path
        self.on_epoch = on_epoch
        self.rows: list[dict[str, float]] = []
        self._is_written = True

    def state_dict(self) -> dict[str, Any]:
        """Return the rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the rows of a checkpoint."""
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
            try:
                self._write()
            except OutputError as error:
                # The checkpoint of the epoch is saved after this.
                _LOG.warning("WARNING: %s. The next epoch tries it again", error)
        if self.on_epoch is not None:
            self.on_epoch(row)

    def on_train_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Write the file if it is not what it should be.

        Raises:
            OutputError: It cannot be written.
        """
        if trainer.is_global_zero and self.rows and not self._is_written:
            self._write()

    def _write(self) -> None:
        self._is_written = False
        with (
            whole_file(self.path) as partial,
            partial.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.DictWriter(file, list(self.rows[-1]))
            writer.writeheader()
            writer.writerows(self.rows)
        self._is_written = True
