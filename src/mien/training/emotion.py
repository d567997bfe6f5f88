"""Training of the emotion network: two label systems and an embedding on one trunk."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import (
    Callback,
    EarlyStopping,
    LearningRateMonitor,
    ModelCheckpoint,
)
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torchmetrics import MeanMetric

from mien.data import VOTE_COLUMNS, Dataset, image_sketch
from mien.emotions import FER2013_7
from mien.errors import DivergedError, InputError, RecipeError
from mien.models.emotion import PIXEL_MEAN, PIXEL_STD, EmotionNet, EmotionOutputs
from mien.models.onnx_weights import load_onnx_weights
from mien.training.augment import augment
from mien.training.batches import Batch, batches
from mien.training.devices import DeviceOptions, trainer_on
from mien.training.distillation import DistillationOptions, Teachers, distillation_loss
from mien.training.emotion_recipe import EmotionRecipe
from mien.training.lineage import Seen, all_seen, note_seen, noted_seen, seen_by
from mien.training.losses import embedding_loss, soft_cross_entropy
from mien.training.run import (
    CURVE,
    Curve,
    OnEpoch,
    OpenRun,
    epochs_done,
    has_ended,
    kept_checkpoint,
    newest_checkpoint,
    open_run,
)
from mien.training.schedule import averaged_weights, warm_cosine, weight_groups
from mien.training.weights import (
    file_sha256,
    give_weights,
    read_checkpoint,
    teacher,
    weights_sha256,
)

__all__ = ["EmotionModule", "train_emotion", "with_faces"]

_SEEDS_APART = 1 << 40
"""How far the seeds of two devices lie apart: farther than any training has steps."""

_SETTLING_FACES = 1024
"""How many augmented images decide the norms' statistics of weights out of a model file."""


class EmotionModule(lightning.LightningModule):
    """The emotion network with its losses and optimiser.

    Attributes:
        recipe: What it is trained by.
        network: The network.
        facts: What else decides its weights, by name: hashes of teachers and the start, and the
            sketch of the images that all of them saw.
    """

    def __init__(self, recipe: EmotionRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = EmotionNet(recipe.network)
        # channels_last is the layout in which a CPU's convolutions need no reordering.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.facts: dict[str, str] = {}
        self._teachers = self._taught_by(recipe.distillation) if recipe.distillation else None
        names = ("ferplus", "fer2013", "fer2013_six")
        self.right = nn.ModuleDict({name: MeanMetric() for name in names})
        # A loss that is no number has to be seen: by default the mean would pass over it.
        means = {name: MeanMetric(nan_strategy="disable") for name in _losses(recipe)}
        self.losses = nn.ModuleDict(means)

    def _taught_by(self, options: DistillationOptions) -> Teachers:
        networks = [teacher(Path(path)) for path in options.teachers]
        for path, network in zip(options.teachers, networks, strict=True):
            self.facts[f"teacher {path}"] = weights_sha256(network)
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return Teachers(networks, options.temperature, asked_per_step=options.asked_per_step)

    def on_fit_start(self) -> None:
        """Take the teachers along to the device; they are no part of the module's state."""
        if self._teachers is not None:
            self._teachers.to(self.device)

    def forward(self, faces: Tensor) -> EmotionOutputs:
        """Run the network on `(B, 1, 48, 48)` images of 0 to 255."""
        outputs: EmotionOutputs = self.network(_normalised(faces))
        return outputs

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Augment, mix, and return the weighted sum of the three losses."""
        faces, ferplus, fer2013 = batch
        # Chance comes from seed, step and device: a resumed run draws the same numbers.
        step_seed = self.recipe.seed * 1_000_003 + self.global_step
        own_seed = step_seed + self.global_rank * _SEEDS_APART
        generator = torch.Generator(self.device).manual_seed(own_seed)
        _seed_dropout(self.device, own_seed)
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
        losses = {"ferplus": ferplus_loss, "fer2013": fer2013_loss, "embedding": near}
        if self._teachers is not None and self.recipe.distillation is not None:
            weight, temperature = (
                self.recipe.distillation.weight,
                self.recipe.distillation.temperature,
            )
            answers = self._teachers(_normalised(faces), seed=step_seed)
            taught = distillation_loss(outputs, answers, temperature)
            losses |= {"ferplus_taught": taught[0], "fer2013_taught": taught[1]}
            ferplus_loss = (1 - weight) * ferplus_loss + weight * taught[0]
            fer2013_loss = (1 - weight) * fer2013_loss + weight * taught[1]
        for name, loss in losses.items():
            self.losses[name].update(loss.detach())  # type: ignore[operator]
        total: Tensor = (
            self.recipe.ferplus_weight * ferplus_loss
            + self.recipe.fer2013_weight * fer2013_loss
            + self.recipe.embedding_weight * near
        )
        return total

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Count the right answers of both heads, where the images have labels."""
        faces, ferplus, fer2013 = batch
        outputs = self(faces)
        answers = {
            "ferplus": (outputs.logits, ferplus),
            "fer2013": (outputs.fer2013_logits, fer2013),
            "fer2013_six": (_six(outputs.fer2013_logits.softmax(dim=1)), _six(fer2013)),
        }
        for name, (scores, targets) in answers.items():
            labelled = targets.max(dim=1).values > 0.5
            right = scores.argmax(dim=1) == targets.argmax(dim=1)
            metric = self.right[name]
            metric.update(right[labelled].float())  # type: ignore[operator]
            self.log(f"val/{name}_accuracy", metric, prog_bar=name != "fer2013_six")  # type: ignore[arg-type]

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's losses, and what the best one is chosen by: the trained heads' accuracy.

        The losses are kept until here: Lightning's log takes a millisecond per step and value.
        """
        for name, mean in self.losses.items():
            loss = mean.compute()  # type: ignore[operator]
            mean.reset()  # type: ignore[operator]
            self.log(f"train/{name}", loss)
            if not torch.isfinite(loss):
                raise DivergedError(
                    f"diverged: train/{name} is {float(loss)} in epoch {self.current_epoch + 1}. "
                    "Lower learning_rate, or go on from the epoch before, which is kept"
                )
        recipe = self.recipe
        weights = {"ferplus": recipe.ferplus_weight, "fer2013": recipe.fer2013_weight}
        values = [self.right[name].compute() for name, weight in weights.items() if weight]  # type: ignore[operator]
        # A head is no number where no image has its labels.
        self.log("val/score", torch.stack(values).nanmean())

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The recipe's optimiser with a warm-up and half a cosine."""
        recipe = self.recipe
        groups = weight_groups(self, weight_decay=recipe.weight_decay)
        optimiser: torch.optim.Optimizer
        if recipe.optimiser == "sgd":
            optimiser = torch.optim.SGD(
                groups,
                lr=recipe.learning_rate,
                momentum=recipe.momentum,
                nesterov=recipe.momentum > 0,
                fused=True,
            )
        else:
            optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)
        total = int(self.trainer.estimated_stepping_batches)
        warmup = max(1, round(total * recipe.warmup_epochs / recipe.epochs))
        return warm_cosine(optimiser, warmup_steps=warmup, total_steps=total)


def _seed_dropout(device: torch.device, seed: int) -> None:
    """Seed what dropout draws from; `torch.manual_seed` takes 2 % of a step for other devices."""
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


def _losses(recipe: EmotionRecipe) -> tuple[str, ...]:
    heads = ("ferplus", "fer2013")
    taught = tuple(f"{head}_taught" for head in heads) if recipe.distillation else ()
    return (*heads, "embedding", *taught)


def _normalised(faces: Tensor) -> Tensor:
    return (faces.float() - PIXEL_MEAN) / PIXEL_STD


def _six(probabilities: Tensor) -> Tensor:
    """Add FER-2013's disgust to angry, `(B, 7)` -> `(B, 6)`."""
    angry, disgust = FER2013_7.labels.index("angry"), FER2013_7.labels.index("disgust")
    kept = [index for index in range(len(FER2013_7)) if index != disgust]
    merged = probabilities.clone()
    merged[:, angry] += probabilities[:, disgust]
    return merged[:, kept]


def _begin_with(module: EmotionModule, start: Path, train: Dataset) -> None:
    if start.suffix != ".onnx":
        give_weights(module.network, start)
        return
    generator = torch.Generator().manual_seed(module.recipe.seed)
    rows = torch.randperm(len(train), generator=generator)[:_SETTLING_FACES].numpy()
    faces = torch.from_numpy(train.images[rows]).unsqueeze(1).float()
    faces = augment(faces, module.recipe.augmentation, generator)
    load_onnx_weights(module.network, start, example=_normalised(faces))


def _rescaled(distributions: Tensor) -> Tensor:
    """Rescale rows to sum to 1: mixing with an unlabelled image leaves less than that."""
    total = distributions.sum(dim=1, keepdim=True)
    return distributions / torch.where(total > 0, total, 1.0)


def with_faces(data: Dataset) -> Dataset:
    """Leave out the images that more than half of their voters call no face."""
    not_a_face = data.votes[:, VOTE_COLUMNS.index("NF")]
    return data.select(2 * not_a_face <= data.votes.sum(axis=1))


def train_emotion(
    recipe: EmotionRecipe,
    data: Dataset,
    *,
    out: str | Path,
    resume: bool = False,
    start: str | Path | None = None,
    devices: DeviceOptions | None = None,
    on_epoch: OnEpoch | None = None,
    progress: bool = True,
) -> EmotionModule:
    """Train an emotion network.

    Args:
        recipe: What to train and how.
        data: Images with labels; `train` is trained on, `val` is watched.
        out: The run's folder: recipe, checkpoints, metrics as CSV and for TensorBoard.
        resume: Go on from the folder's last checkpoint, if it has one.
        start: What a new training begins with: the averaged weights of a checkpoint, or those of
            a model file, which ends with `.onnx`; None draws them.
        devices: On what to train; None takes what Lightning finds.
        on_epoch: Called with each epoch's metrics; what it raises ends the training.
        progress: Whether to show a progress bar.

    Returns:
        The module with the averaged weights of the last epoch; of the best one if the recipe has
        `patience`.

    Raises:
        ArtefactError: `start` or a teacher is a model file, but not of such a network.
        DivergedError: A loss is no number any more; the epoch before is kept.
        InputError: There is no image to train on or to watch.
        RecipeError: The recipe is for other images, the folder holds another run, `start` or a
            teacher cannot be read, or there are no such devices.
    """
    out, start = Path(out), None if start is None else Path(start)
    usable = with_faces(data)
    for part in ("train", "val"):
        if not len(usable.part(part)):
            raise InputError(
                f"{data.source}: no image in {part}; `mien data split --kind stratified` divides "
                "a dataset, and --split-file takes its division"
            )
    recipe = _for_these(recipe, data)
    lightning.seed_everything(recipe.seed, verbose=False)
    module = EmotionModule(recipe)
    if start is not None:
        module.facts["start"] = f"{start.name} {file_sha256(start)}"
    opened = open_run(out, recipe, facts=module.facts, resume=resume)
    module.facts = dict(opened.facts)
    module.facts |= _seen(out, opened, recipe, data.part("train"), start).facts()
    checkpoint = opened.checkpoint
    saved = read_checkpoint(checkpoint) if checkpoint is not None else None
    if start is not None and checkpoint is None:
        _begin_with(module, start, usable.part("train"))
    folder = newest_checkpoint(out).parent
    best = ModelCheckpoint(
        folder, filename="best", monitor="val/score", mode="max", enable_version_counter=False
    )
    # `save_last` of the above would keep the last best one: resuming would lose what came after.
    newest = ModelCheckpoint(
        folder, filename="last", save_on_train_epoch_end=True, enable_version_counter=False
    )
    callbacks: list[Callback] = [
        best,
        newest,
        Curve(out / CURVE, on_epoch=on_epoch),
        averaged_weights(recipe.ema_decay),
        LearningRateMonitor("epoch"),
    ]
    if recipe.patience:
        callbacks.append(EarlyStopping("val/score", mode="max", patience=recipe.patience))
    trainer = trainer_on(devices or DeviceOptions(), recipe, out, callbacks, progress=progress)
    train = batches(
        usable.part("train"),
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        epoch=epochs_done(saved) if saved is not None else 0,
        label_smoothing=recipe.label_smoothing,
    )
    val = batches(usable.part("val"), batch_size=recipe.batch_size)
    if saved is not None and has_ended(saved, epochs=recipe.epochs, patience=recipe.patience):
        module.trainer = trainer
    else:
        trainer.fit(module, train, val, ckpt_path=checkpoint, weights_only=True)
    if trainer.is_global_zero:
        give_weights(module.network, kept_checkpoint(out, patience=recipe.patience))
    return module


def _seen(
    out: Path, opened: OpenRun, recipe: EmotionRecipe, train: Dataset, start: Path | None
) -> Seen:
    """Return which images a run's weights see, and note it in its folder."""
    if opened.checkpoint is not None and (noted := noted_seen(out)) is not None:
        return noted
    before = [Path(path) for path in recipe.distillation.teachers] if recipe.distillation else []
    before += [start] if start is not None else []
    # A run that goes on need not be told its start anew.
    noted_start = opened.facts.get("start", "").rpartition(" ")[0]
    lost = (noted_start,) if start is None and noted_start else ()
    own = Seen(image_sketch(train.images), lost)
    seen = all_seen([own, *map(seen_by, before)])
    note_seen(out, seen)
    return seen


def _for_these(recipe: EmotionRecipe, data: Dataset) -> EmotionRecipe:
    """Return the recipe with the images' hash in it.

    Raises:
        RecipeError: It has another one.
    """
    found = data.sha256()
    if recipe.data_sha256 not in (None, found):
        raise RecipeError(
            f"data_sha256: the recipe is for {recipe.data_sha256}, {data.source} as it is divided "
            f"here is {found}. Give those images and that division, or take the key out"
        )
    return dataclasses.replace(recipe, data_sha256=found)
