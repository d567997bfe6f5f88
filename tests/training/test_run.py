import csv
import errno
import warnings
from pathlib import Path

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from mien.errors import OutputError, RecipeError
from mien.training import EmotionRecipe, run
from mien.training.run import MetricsLog, RunCheckpoint, last_checkpoint, open_run

RECIPE = EmotionRecipe()
BEGUN_WITH = {"mix": "0.25 heads 1f", "start": "emotion.onnx 2e"}


@pytest.fixture
def begun(tmp_path):
    """The folder of a run that has no checkpoint yet."""
    open_run(tmp_path, RECIPE, provenance=BEGUN_WITH, resume=False)
    return tmp_path


@pytest.fixture
def checkpoint(begun):
    path = last_checkpoint(begun)
    path.parent.mkdir()
    path.touch()
    return path


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "mix"),
        ({"mix": "0.25 heads 1f", "start": "emotion.onnx 3d"}, "start"),
        ({"mix": "0.5 heads 1f"}, "mix"),
        (BEGUN_WITH | {"teacher": "4c"}, "teacher"),
    ],
)
def test_a_run_goes_on_with_all_inputs_that_it_was_begun_with(begun, checkpoint, given, named):
    with pytest.raises(RecipeError, match=f"begun with another {named}, see"):
        open_run(begun, RECIPE, provenance=given, resume=True)


def test_the_start_need_not_be_given_again(begun, checkpoint):
    for given in ({"mix": BEGUN_WITH["mix"]}, BEGUN_WITH):
        opened = open_run(begun, RECIPE, provenance=given, resume=True)
        assert (opened.checkpoint, opened.provenance) == (checkpoint, BEGUN_WITH)


def test_without_a_checkpoint_the_start_is_needed_again(begun):
    with pytest.raises(RecipeError, match="begun with another start, see"):
        open_run(begun, RECIPE, provenance={"mix": BEGUN_WITH["mix"]}, resume=True)
    assert open_run(begun, RECIPE, provenance=BEGUN_WITH, resume=True).checkpoint is None


class Module(lightning.LightningModule):
    """One weight, whose score falls with each epoch."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, *_):
        return (self.weight - 1).square().sum()

    def validation_step(self, *_):
        self.log("val/score", -float(self.current_epoch), batch_size=1)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(folder, *, epochs, checkpoint=None, log=None):
    """Train, and return the callbacks for the best and the newest checkpoint."""
    kept = [
        RunCheckpoint(folder, name="best", best_of="val/score"),
        RunCheckpoint(folder, name="last", on_train_epoch_end=True),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            default_root_dir=folder,
            accelerator="cpu",
            max_epochs=epochs,
            logger=False,
            callbacks=[*kept, *([log] if log else [])],
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        data = [torch.ones(1)]
        trainer.fit(Module(), data, data, ckpt_path=checkpoint, weights_only=True)
    return kept


def epoch_of(path):
    return torch.load(path, weights_only=True)["epoch"]


def test_a_run_that_was_moved_keeps_its_best_epoch(tmp_path):
    fit(tmp_path / "run", epochs=1)
    moved = (tmp_path / "run").rename(tmp_path / "moved")
    best, _ = fit(moved, epochs=3, checkpoint=last_checkpoint(moved))
    assert epoch_of(moved / "checkpoints" / "best.ckpt") == 0
    assert epoch_of(last_checkpoint(moved)) == 2
    assert Path(best.best_model_path) == moved / "checkpoints" / "best.ckpt"
    assert float(best.best_model_score) == 0
    assert not (tmp_path / "run").exists()


def test_the_state_of_checkpoints_has_lightnings_own_key(tmp_path):
    own = ModelCheckpoint(tmp_path, monitor="val/score", mode="max")
    assert RunCheckpoint(tmp_path, name="best", best_of="val/score").state_key == own.state_key
    newest = RunCheckpoint(tmp_path, name="last", on_train_epoch_end=True)
    assert newest.state_key == ModelCheckpoint(tmp_path).state_key


@pytest.mark.parametrize(("epochs", "fails"), [(3, 2), (2, 2)])
def test_metrics_that_cannot_be_written_do_not_end_a_training(
    tmp_path, monkeypatch, caplog, epochs, fails
):
    path = tmp_path / "metrics.csv"
    tries, really = [], Path.replace

    def replace(self, target):
        if self.name.startswith("metrics.csv"):
            tries.append(target)
            if len(tries) <= fails:
                raise PermissionError(errno.EACCES, "it is open elsewhere")
        return really(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    fit(tmp_path, epochs=epochs, log=MetricsLog(path))
    with path.open(newline="") as file:
        assert [float(row["epoch"]) for row in csv.DictReader(file)] == [*range(1, epochs + 1)]
    assert "metrics.csv: cannot write: it is open elsewhere. The next epoch" in caplog.text


def test_metrics_that_can_never_be_written_are_an_error_after_the_last_checkpoint(
    tmp_path, monkeypatch
):
    def locked(path):
        raise OutputError(f"{path}: cannot write")

    monkeypatch.setattr(run, "whole_file", locked)
    with pytest.raises(OutputError, match=r"metrics\.csv: cannot write"):
        fit(tmp_path, epochs=1, log=MetricsLog(tmp_path / "metrics.csv"))
    assert epoch_of(last_checkpoint(tmp_path)) == 0
