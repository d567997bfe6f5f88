"""Training of the emotion network: FER+ votes, FER-2013 labels and an embedding on one trunk."""

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
)
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics import MeanMetric

from mien._checking import Within, check_number, check_path
from mien.data import VOTE_COLUMNS, Dataset, image_sketch, merged_sketches
from mien.emotions import FER2013_7, ferplus_soft_labels
from mien.errors import DivergedError, InputError, RecipeError
from mien.models.emotion import PIXEL_MEAN, PIXEL_STD, EmotionNet, EmotionOutputs
from mien.models.onnx_weights import load_onnx_weights
from mien.options import DeviceOptions
from mien.training.augment import augment
from mien.training.batches import Batch, batches, mixed_per_batch
from mien.training.devices import make_trainer, set_torch_threads
from mien.training.distillation import DistillationOptions, TeacherEnsemble, distillation_loss
from mien.training.emotion_recipe import EmotionRecipe
from mien.training.lineage import Lineage, lineage_of, merge_lineages, read_lineage, write_lineage
from mien.training.losses import embedding_loss, soft_cross_entropy
from mien.training.run import (
    METRICS_FILE,
    MetricsLog,
    OnEpoch,
    OpenRun,
    RunCheckpoint,
    as_keyboard_interrupt,
    completed_epochs,
    is_finished,
    open_run,
    selected_checkpoint,
)
from mien.training.schedule import ema_callback, parameter_groups, warmup_cosine
from mien.training.weights import (
    file_sha256,
    load_checkpoint_weights,
    load_teacher,
    read_checkpoint,
    weights_sha256,
)

__all__ = ["EmotionModule", "drop_non_faces", "train_emotion"]

_DEVICE_SEED_STRIDE = 1 << 40
"""Difference between the seeds of two devices, larger than the steps of any training."""

_NORM_STATISTICS_IMAGES = 1024
"""Number of augmented images for the batch norm statistics of weights from a model file."""


_MAJORITY = 0.5
"""Share of the votes above which an expression counts as the right one."""


class EmotionModule(lightning.LightningModule):
    """The emotion network with its losses and optimiser.

    Attributes:
        recipe: The recipe of the training.
        network: The network.
        provenance: Other inputs of the training, by name: hashes of the teachers and the start,
            and the sketch of all their training images.
    """

    def __init__(self, recipe: EmotionRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = EmotionNet(recipe.network)
        # With channels_last a CPU's convolutions need no reordering of their inputs.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.provenance: dict[str, str] = {}
        self._teachers = self._load_teachers(recipe.distillation) if recipe.distillation else None
        names = ("ferplus", "fer2013", "fer2013_six")
        self.accuracy = nn.ModuleDict({name: MeanMetric() for name in names})
        # A loss that is NaN must not be hidden: by default the mean would leave it out.
        means = {name: MeanMetric(nan_strategy="disable") for name in _losses(recipe)}
        self.losses = nn.ModuleDict(means)
        # The same of the other part of the data: what the losses and accuracies are compared with.
        self.train_accuracy = nn.ModuleDict({name: MeanMetric() for name in names[:2]})
        self.val_losses = nn.ModuleDict({name: MeanMetric() for name in names[:2]})

    def _load_teachers(self, options: DistillationOptions) -> TeacherEnsemble:
        networks = [load_teacher(Path(path)) for path in options.teachers]
        for path, network in zip(options.teachers, networks, strict=True):
            self.provenance[f"teacher {path}"] = weights_sha256(network)
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return TeacherEnsemble(
            networks, options.temperature, teachers_per_step=options.teachers_per_step
        )

    def on_fit_start(self) -> None:
        """Move the teachers to the device; they are not part of the module's state."""
        if self._teachers is not None:
            self._teachers.to(self.device)

    def forward(self, faces: Tensor) -> EmotionOutputs:
        """Run the network on `(B, 1, 48, 48)` images of 0 to 255."""
        outputs: EmotionOutputs = self.network(_normalised(faces))
        return outputs

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Augment and mix the images, and return the weighted sum of the losses."""
        faces, ferplus, fer2013, own = batch
        # Random numbers depend on seed, step and device alone, so that a resumed run repeats them.
        step_seed = self.recipe.seed * 1_000_003 + self.global_step
        own_seed = step_seed + self.global_rank * _DEVICE_SEED_STRIDE
        generator = torch.Generator(self.device).manual_seed(own_seed)
        _seed_dropout(self.device, own_seed)
        faces = augment(faces.float(), self.recipe.augmentation, generator)
        if self.recipe.mixup:
            beta = np.random.default_rng(step_seed).beta(self.recipe.mixup, self.recipe.mixup)
            share = max(beta, 1 - beta)
            faces, ferplus, fer2013, own = (
                share * part + (1 - share) * part.flip(0) for part in (faces, ferplus, fer2013, own)
            )
        outputs = self(faces)
        ferplus_loss = soft_cross_entropy(outputs.logits, ferplus)
        fer2013_loss = soft_cross_entropy(outputs.fer2013_logits, fer2013)
        embedding_term = embedding_loss(outputs.embedding, _rows_sum_to_one(ferplus))
        losses = {"ferplus": ferplus_loss, "fer2013": fer2013_loss, "embedding": embedding_term}
        if self._teachers is not None and self.recipe.distillation is not None:
            options = self.recipe.distillation
            # Of mixed images only the share counts that is the dataset's own.
            taught = own > 0
            targets = self._teachers(_normalised(faces[taught]), seed=step_seed)
            heads = (outputs.logits[taught], outputs.fer2013_logits[taught])
            distilled = distillation_loss(heads, targets, options.temperature, own[taught])
            losses |= {
                "ferplus_distillation": distilled[0],
                "fer2013_distillation": distilled[1],
            }
            labels_weight = 1 - options.weight * own  # (B,)
            teachers_weight = options.weight * own.mean()
            ferplus_loss = (
                soft_cross_entropy(outputs.logits, ferplus, labels_weight)
                + teachers_weight * distilled[0]
            )
            fer2013_loss = (
                soft_cross_entropy(outputs.fer2013_logits, fer2013, labels_weight)
                + teachers_weight * distilled[1]
            )
        for name, loss in losses.items():
            self.losses[name].update(loss.detach())  # type: ignore[operator]
        for name, scores, labels in (
            ("ferplus", outputs.logits, ferplus),
            ("fer2013", outputs.fer2013_logits, fer2013),
        ):
            self.train_accuracy[name].update(*_correct(scores.detach(), labels))  # type: ignore[operator]
        total: Tensor = (
            self.recipe.ferplus_weight * ferplus_loss
            + self.recipe.fer2013_weight * fer2013_loss
            + self.recipe.embedding_weight * embedding_term
        )
        return total

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Update accuracy and loss of both heads on the images that have labels."""
        faces, ferplus, fer2013, _ = batch
        outputs = self(faces)
        heads = {
            "ferplus": (outputs.logits, ferplus),
            "fer2013": (outputs.fer2013_logits, fer2013),
            "fer2013_six": (_six(outputs.fer2013_logits.softmax(dim=1)), _six(fer2013)),
        }
        for name, (scores, targets) in heads.items():
            metric = self.accuracy[name]
            metric.update(*_correct(scores, targets))  # type: ignore[operator]
            self.log(f"val/{name}_accuracy", metric, prog_bar=name != "fer2013_six")  # type: ignore[arg-type]
            if name in self.val_losses and bool(targets.any()):
                self.val_losses[name].update(soft_cross_entropy(scores.float(), targets))  # type: ignore[operator]
                self.log(f"val/{name}_loss", self.val_losses[name])  # type: ignore[arg-type]

    def on_validation_epoch_end(self) -> None:
        """Log the training's figures and `val/score`, the mean accuracy of the trained heads.

        They are logged here and not in each step, where Lightning takes a millisecond each.
        """
        for name, mean in self.losses.items():
            loss = mean.compute()  # type: ignore[operator]
            mean.reset()  # type: ignore[operator]
            self.log(f"train/{name}", loss)
            if not torch.isfinite(loss):
                raise DivergedError(
                    f"diverged: train/{name} is {float(loss)} in epoch {self.current_epoch + 1}. "
                    "Lower learning_rate, or resume from the checkpoint of the epoch before"
                )
        for name, mean in self.train_accuracy.items():
            self.log(f"train/{name}_accuracy", mean.compute())  # type: ignore[operator]
            mean.reset()  # type: ignore[operator]
        recipe = self.recipe
        weights = {"ferplus": recipe.ferplus_weight, "fer2013": recipe.fer2013_weight}
        values = [self.accuracy[name].compute() for name, weight in weights.items() if weight]  # type: ignore[operator]
        # The accuracy of a head is NaN if no image has its labels.
        self.log("val/score", torch.stack(values).nanmean())

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the recipe's optimiser and schedule."""
        recipe = self.recipe
        groups = parameter_groups(self, weight_decay=recipe.weight_decay)
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
        return warmup_cosine(optimiser, warmup_steps=warmup, total_steps=total)


def _seed_dropout(device: torch.device, seed: int) -> None:
    """Seed dropout; `torch.manual_seed` would take 2 % of a step for devices that are not used."""
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


def _losses(recipe: EmotionRecipe) -> tuple[str, ...]:
    heads = ("ferplus", "fer2013")
    distilled = tuple(f"{head}_distillation" for head in heads) if recipe.distillation else ()
    return (*heads, "embedding", *distilled)


def _correct(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return whether the highest score is the right one, `(B,)`, and its weight, 0 or 1, `(B,)`.

    Rows without a majority do not count.
    """
    correct = scores.argmax(dim=1) == targets.argmax(dim=1)
    return correct.float(), (targets.max(dim=1).values > _MAJORITY).float()


def _normalised(faces: Tensor) -> Tensor:
    return (faces.float() - PIXEL_MEAN) / PIXEL_STD


def _six(probabilities: Tensor) -> Tensor:
    """Add FER-2013's disgust to angry, `(B, 7)` -> `(B, 6)`."""
    angry, disgust = FER2013_7.labels.index("angry"), FER2013_7.labels.index("disgust")
    kept = [index for index in range(len(FER2013_7)) if index != disgust]
    merged = probabilities.clone()
    merged[:, angry] += probabilities[:, disgust]
    return merged[:, kept]


def _initialise(module: EmotionModule, start: Path, train: Dataset) -> None:
    if start.suffix != ".onnx":
        load_checkpoint_weights(module.network, start)
        return
    generator = torch.Generator().manual_seed(module.recipe.seed)
    rows = torch.randperm(len(train), generator=generator)[:_NORM_STATISTICS_IMAGES].numpy()
    faces = torch.from_numpy(train.images[rows]).unsqueeze(1).float()
    faces = augment(faces, module.recipe.augmentation, generator)
    load_onnx_weights(module.network, start, example=_normalised(faces))


def _rows_sum_to_one(distributions: Tensor) -> Tensor:
    """Scale rows to a sum of 1, which is less after mixing with an unlabelled image."""
    total = distributions.sum(dim=1, keepdim=True)
    return distributions / torch.where(total > 0, total, 1.0)


def drop_non_faces(data: Dataset) -> Dataset:
    """Leave out the images that more than half of the FER+ votes call not a face."""
    votes = data.votes.astype(np.int64)  # twice 128 votes are more than a byte holds
    return data.select(2 * votes[:, VOTE_COLUMNS.index("NF")] <= votes.sum(axis=1))


def train_emotion(
    recipe: EmotionRecipe,
    data: Dataset,
    *,
    out: str | Path,
    resume: bool = False,
    start: str | Path | None = None,
    mix: Dataset | None = None,
    mix_share: float = 0.25,
    devices: DeviceOptions | None = None,
    on_epoch: OnEpoch | None = None,
    progress: bool = True,
) -> EmotionModule:
    """Train an emotion network.

    Args:
        recipe: Everything that decides the training.
        data: Images with labels; `train` is for training, `val` for validation after each epoch.
        out: The run's folder: recipe, checkpoints, metrics as CSV and for TensorBoard.
        resume: Whether to resume from the folder's last checkpoint, if it has one.
        start: Initial weights of a new training: those of a checkpoint (averaged) or of a model
            file, which ends with `.onnx`; None draws them at random.
        mix: Images that are mixed into each batch beside those of `train`, all of its subset
            `train` (rendered heads, say). An epoch stays one pass over `data`. The recipe's
            teachers answer for images of `data` alone; these learn from their labels.
        mix_share: Their share in each batch, above 0 and below 1.
        devices: The devices to train on; None takes what Lightning finds.
        on_epoch: Called with each epoch's metrics; an exception of it ends the training.
        progress: Whether to show a progress bar.

    Returns:
        The module with the averaged weights of the last epoch, or of the best epoch if the recipe
        has `patience`.

    Raises:
        ArtefactError: The model file of `start` or of a teacher holds another network.
        DivergedError: A loss is not finite; the checkpoint of the epoch before is kept.
        InputError: `train` or `val` has no images or no labels for a head that has a weight, or
            `mix` has no images or another share, or one that is less than an image of a batch.
        OutputError: The folder cannot be written.
        RecipeError: The recipe is for other images, the folder holds another run, `start` or a
            teacher cannot be read, or the devices do not exist.
    """
    out = check_path("out", out)
    start = None if start is None else check_path("start", start)
    devices = devices or DeviceOptions()
    set_torch_threads(devices.threads)
    usable = drop_non_faces(data)
    for subset in ("train", "val"):
        if not len(usable.subset(subset)):
            raise InputError(
                f"{data.source}: no image in {subset}; `mien data split --kind stratified` divides "
                "a dataset, and --split or Split.apply takes the file"
            )
    mixed = _mixed(mix, mix_share, recipe.batch_size)
    _check_labels(recipe, usable, mixed)
    recipe = _bind_to_data(recipe, data)
    lightning.seed_everything(recipe.seed, verbose=False)
    module = EmotionModule(recipe)
    if start is not None:
        module.provenance["start"] = f"{start.name} {file_sha256(start)}"
    if mix is not None:
        module.provenance["mix"] = f"{mix_share:g} {mix.source} {mix.sha256()}"
    opened = open_run(out, recipe, provenance=module.provenance, resume=resume)
    module.provenance = dict(opened.provenance)
    learned = [data] if mix is None else [data, mix]
    sketch = merged_sketches(image_sketch(each.subset("train").images) for each in learned)
    module.provenance |= _lineage(out, opened, recipe, sketch, start).provenance()
    checkpoint = opened.checkpoint
    saved = read_checkpoint(checkpoint) if checkpoint is not None else None
    if start is not None and checkpoint is None:
        _initialise(module, start, usable.subset("train"))
    best = RunCheckpoint(out, name="best", best_of="val/score")
    # `save_last` of the above keeps the last best epoch, and resuming would lose later ones.
    last = RunCheckpoint(out, name="last", on_train_epoch_end=True)
    callbacks: list[Callback] = [
        best,
        last,
        MetricsLog(out / METRICS_FILE, on_epoch=on_epoch),
        ema_callback(recipe.ema_decay),
        LearningRateMonitor("epoch"),
    ]
    if recipe.patience:
        callbacks.append(EarlyStopping("val/score", mode="max", patience=recipe.patience))
    trainer = make_trainer(devices, recipe, out, callbacks, progress=progress)
    train = batches(
        usable.subset("train"),
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        epoch=completed_epochs(saved) if saved is not None else 0,
        label_smoothing=recipe.label_smoothing,
        mix=mixed,
        mix_share=mix_share,
    )
    val = batches(usable.subset("val"), batch_size=recipe.batch_size)
    if saved is not None and is_finished(saved, epochs=recipe.epochs, patience=recipe.patience):
        module.trainer = trainer
    else:
        with as_keyboard_interrupt():
            trainer.fit(module, train, val, ckpt_path=checkpoint, weights_only=True)
    if trainer.is_global_zero:
        load_checkpoint_weights(module.network, selected_checkpoint(out, patience=recipe.patience))
    return module


def _mixed(mix: Dataset | None, share: float, batch_size: int) -> Dataset | None:
    if mix is None:
        return None
    check_number("mix_share", share, Within(0, 1, above=True, below=True))
    images = drop_non_faces(mix).subset("train")
    if not len(images):
        raise InputError(f"{mix.source}: no image in train to mix in")
    if not mixed_per_batch(batch_size, share):
        raise InputError(
            f"mix_share: {share:g} of a batch of {batch_size} is no image. Give at least "
            f"{1 / batch_size:.2g}, or a larger batch_size"
        )
    return images


def _check_labels(recipe: EmotionRecipe, data: Dataset, mixed: Dataset | None) -> None:
    """Check that a head with a weight can learn from `train` and be watched on `val`.

    Raises:
        InputError: There is none.
    """
    train, val = data.subset("train"), data.subset("val")
    learned = _label_counts(train)
    if mixed is not None:
        learned += _label_counts(mixed)
    weights = np.array([recipe.ferplus_weight, recipe.fer2013_weight])
    watched = _label_counts(val)
    if ((learned > 0) & (watched > 0) & (weights > 0)).any():
        return
    found = "; ".join(
        f"{name}, weight {weight:g}: {in_train} in train, {in_val} in val"
        for name, weight, in_train, in_val in zip(
            ("FER+ votes with a majority", "FER-2013 labels"),
            weights,
            learned,
            watched,
            strict=True,
        )
    )
    raise InputError(
        f"{data.source}: expected labels of a head with a weight, in train and in val; found "
        f"{found}. Give images with such labels, or the other head a weight in the recipe"
    )


def _label_counts(data: Dataset) -> NDArray[np.int64]:
    """Count the images with a majority of FER+ votes, and those with a FER-2013 label, `(2,)`."""
    soft, _ = ferplus_soft_labels(data.votes)
    return np.array([(soft.max(axis=1) > _MAJORITY).sum(), (data.fer2013_labels >= 0).sum()])


def _lineage(
    out: Path,
    opened: OpenRun,
    recipe: EmotionRecipe,
    sketch: str,
    start: Path | None,
) -> Lineage:
    """Return the lineage of a run's weights, and write it into the run's folder.

    `sketch` is that of all images that it trains on.
    """
    own = Lineage(sketch)
    if opened.checkpoint is not None and (written := read_lineage(out)) is not None:
        lineage = merge_lineages([written, own])
    else:
        named = [Path(path) for path in recipe.distillation.teachers] if recipe.distillation else []
        named += [start] if start is not None else []
        # A resumed run is not given its start again.
        earlier_start = opened.provenance.get("start", "").rpartition(" ")[0]
        unknown = (earlier_start,) if start is None and earlier_start else ()
        lineage = merge_lineages([own, Lineage(unknown=unknown), *map(lineage_of, named)])
    write_lineage(out, lineage)
    return lineage


def _bind_to_data(recipe: EmotionRecipe, data: Dataset) -> EmotionRecipe:
    """Return the recipe with the hash of the images.

    Raises:
        RecipeError: The recipe has another hash.
    """
    found = data.sha256()
    if recipe.data_sha256 not in (None, found):
        raise RecipeError(
            f"data_sha256: the recipe is for {recipe.data_sha256}, {data.source} as it is divided "
            f"here is {found}. Give those images and that division, or take the key out"
        )
    return dataclasses.replace(recipe, data_sha256=found)
