"""Training of the face detector on photos that a teacher has labelled."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from mien._decode import demand
from mien.detect import YUNET_NMS_IOU, OnnxDetector, decode_cells, padded_input, yunet_spec
from mien.models.detector import STRIDES, DetectorNet, DetectorOptions
from mien.models.onnx_weights import load_onnx_weights
from mien.structures import Faces, FrameRGB
from mien.training.detector_augment import DetectorAugmentation, draw_square
from mien.training.detector_loss import CellGrid, distillation_loss, pairwise_iou
from mien.training.pseudo_labels import TEACHER_THRESHOLD, LabelledPhoto, held_out
from mien.training.run import newest_checkpoint, open_run
from mien.training.schedule import averaged_weights, warm_cosine, weight_groups
from mien.training.weights import file_sha256, give_weights, read_checkpoint

__all__ = [
    "DetectorModule",
    "DetectorRecipe",
    "choose_score_threshold",
    "train_detector",
]

_KINDS = ("cls", "obj", "bbox", "kps")
_SURE_SCORE = 0.7
"""Held-out faces that the teacher scores at least this are what validation looks for."""

_LANDMARK_FACE_PX = 48
"""Landmarks are judged on faces whose shorter side is longer than this."""

Batch = tuple[Tensor, Tensor]
"""Images `(B, 3, S, S)` uint8 BGR and what the teacher says of them, `(B, N, 16)` float32."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DetectorRecipe:
    """Everything that decides a training; the keys of a recipe file.

    Attributes:
        network: Shape of the network.
        augmentation: How the training squares are drawn.
        steps: Optimiser steps.
        validate_every: Steps between validations, which are also the checkpoints.
        batch_size: Squares per step.
        learning_rate: Peak of the schedule: linear warm-up, then half a cosine to zero.
        warmup_steps: Length of the warm-up.
        weight_decay: Of AdamW.
        ema_decay: Decay per step of the averaged weights, which are those that count.
        box_weight: Weight of the box loss beside those of the scores, which are 1.
        landmark_weight: Weight of the landmark loss.
        seed: The seed of weights and squares.
        precision: Lightning's precision; `bf16-mixed` is quicker where the CPU has bf16.
    """

    network: DetectorOptions = dataclasses.field(default_factory=DetectorOptions)
    augmentation: DetectorAugmentation = dataclasses.field(default_factory=DetectorAugmentation)
    steps: int = 6000
    validate_every: int = 500
    batch_size: int = 24
    learning_rate: float = 0.002
    warmup_steps: int = 300
    weight_decay: float = 0.01
    ema_decay: float = 0.998
    box_weight: float = 3.0
    landmark_weight: float = 5.0
    seed: int = 1
    precision: Literal["32-true", "bf16-mixed"] = "32-true"

    def __post_init__(self) -> None:
        demand(self.steps > 0, "steps", "at least 1", self.steps)
        demand(self.batch_size > 1, "batch_size", "at least 2", self.batch_size)
        side = self.augmentation.square_px
        demand(side % 32 == 0, "augmentation.square_px", "a multiple of 32", side)


class _Squares(IterableDataset[Batch]):
    """Batches of training squares; seed and number decide what a batch holds."""

    def __init__(
        self,
        photos: Sequence[LabelledPhoto],
        teacher: Path,
        recipe: DetectorRecipe,
        *,
        crowd: NDArray[np.uint8] | None,
        first: int,
    ) -> None:
        self.photos, self.crowd, self.teacher = photos, crowd, teacher
        self.recipe, self.first = recipe, first

    def __iter__(self) -> Iterator[Batch]:
        teacher = OnnxDetector(self.teacher)
        worker = get_worker_info()
        # Batches are taken from the workers in turn: together they draw each number once.
        mine, apart = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for number in range(self.first + mine, self.recipe.steps, apart):
            rng = np.random.default_rng((self.recipe.seed, number))
            squares = [
                draw_square(self.photos, self.recipe.augmentation, rng, crowd=self.crowd)
                for _ in range(self.recipe.batch_size)
            ]
            images = np.stack([square.image_rgb[..., ::-1] for square in squares])
            taught = np.stack([taught_cells(teacher, square.clean_rgb) for square in squares])
            yield torch.from_numpy(images.transpose(0, 3, 1, 2).copy()), torch.from_numpy(taught)


def taught_cells(teacher: OnnxDetector, square_rgb: FrameRGB) -> NDArray[np.float32]:
    """Return what a teacher says of each cell of a square, in the order of `DetectorNet.cells`.

    Args:
        teacher: A detector of the YuNet layout.
        square_rgb: `(S, S, 3)` uint8, S a multiple of 32.

    Returns:
        `(N, 16)` float32: cls and obj as probabilities, bbox (4), kps (10).
    """
    outputs, _ = teacher.cells(square_rgb)
    levels = [
        np.concatenate([outputs[f"{kind}_{stride}"] for kind in _KINDS], axis=1)
        for stride in STRIDES
    ]
    cells = np.concatenate(levels)
    cells[:, :2] = cells[:, :2].clip(0, 1)
    return cells


class DetectorModule(lightning.LightningModule):
    """The detector with its losses, its optimiser and its validation on held-out photos."""

    def __init__(self, recipe: DetectorRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = DetectorNet(recipe.network)
        # channels_last is the layout in which a CPU's convolutions need no reordering.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._found: list[tuple[int, int, int]] = []
        self._landmark_errors: list[float] = []

    def transfer_batch_to_device(
        self, batch: Batch | LabelledPhoto, device: torch.device, dataloader_idx: int
    ) -> Batch | LabelledPhoto:
        """Move a training batch; a photo for validation stays where it is."""
        if isinstance(batch, LabelledPhoto):
            return batch
        images, taught = batch
        return images.to(device), taught.to(device)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Return the weighted sum of the losses."""
        images, taught = batch
        levels = self.network.cells(images.float())
        height, width = images.shape[2:]
        grid = CellGrid.of(height, width, STRIDES, self.device)
        losses = distillation_loss(torch.cat(levels, dim=1).float(), taught, grid)
        self.log_dict({f"train/{name}": loss for name, loss in losses.items()}, batch_size=1)
        box, landmarks = self.recipe.box_weight, self.recipe.landmark_weight
        total = losses["obj"] + losses["cls"] + box * losses["box"] + landmarks * losses["kps"]
        self.log("train/loss", total, prog_bar=True, batch_size=1)
        return total

    def validation_step(self, photo: LabelledPhoto, batch_index: int) -> None:
        """Count hits, misses and false alarms in one held-out photo."""
        faces = self.detect(photo, score_threshold=0.6)
        sure = photo.faces.select(photo.faces.detection_scores >= _SURE_SCORE)
        iou = pairwise_iou(
            torch.from_numpy(photo.faces.boxes_xyxy), torch.from_numpy(faces.boxes_xyxy)
        )
        wanted = torch.from_numpy(photo.faces.detection_scores >= _SURE_SCORE)
        hits = int((iou[wanted] > 0.5).any(dim=1).sum()) if len(faces) else 0
        alarms = len(faces) - int((iou > 0.3).any(dim=0).sum()) if len(photo.faces) else len(faces)
        self._found.append((hits, len(sure), alarms))
        self._landmark_errors.extend(landmark_errors(faces, sure))

    def on_validation_epoch_end(self) -> None:
        """Log recall, false alarms per photo and landmark errors, and the score that they make.

        The best weights are those with the best score: recall less alarms less landmark error.
        """
        hits, sure, alarms = (sum(column) for column in zip(*self._found, strict=True))
        photos = len(self._found)
        self._found.clear()
        recall, false = hits / max(sure, 1), alarms / photos
        error = float(np.mean(self._landmark_errors)) if self._landmark_errors else 1.0
        self._landmark_errors.clear()
        self.log_dict(
            {
                "val/recall": recall,
                "val/false_per_photo": false,
                "val/landmark_error": error,
                "val/score": recall - false - error,
            },
            prog_bar=True,
            batch_size=1,
        )

    def detect(self, photo: LabelledPhoto, *, score_threshold: float) -> Faces:
        """Run the network on a photo in its own size; boxes are in the photo's pixels."""
        spec = yunet_spec("mien-face")
        image = torch.from_numpy(padded_input(photo.image_rgb, spec.input))
        values = self.network(image.to(self.device))
        cells = {
            output.name: part[0].float().cpu().numpy()
            for output, part in zip(spec.outputs, values, strict=True)
        }
        return decode_cells(
            cells,
            input_hw=(image.shape[2], image.shape[3]),
            strides=STRIDES,
            score_threshold=score_threshold,
            nms_iou=YUNET_NMS_IOU,
        )

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW with a warm-up and half a cosine."""
        recipe = self.recipe
        groups = weight_groups(self, weight_decay=recipe.weight_decay)
        optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate)
        return warm_cosine(optimiser, warmup_steps=recipe.warmup_steps, total_steps=recipe.steps)


def landmark_errors(found: Faces, wanted: Faces) -> list[float]:
    """Return the mean distance of the landmarks of each wanted face that is found.

    Distances are in units of the wanted face's eye distance, of faces of 48 pixels and more.
    """
    sides = (wanted.boxes_xyxy[:, 2:] - wanted.boxes_xyxy[:, :2]).min(axis=1)
    wanted = wanted.select(sides > _LANDMARK_FACE_PX)
    if not len(found) or not len(wanted):
        return []
    boxes = (torch.from_numpy(each.boxes_xyxy) for each in (wanted, found))
    best = pairwise_iou(*boxes).max(dim=1)
    hit = best.values.numpy() > 0.5
    chosen = found.landmarks_xy[best.indices.numpy()]
    between = wanted.landmarks_xy[:, 1] - wanted.landmarks_xy[:, 0]
    distances = np.linalg.norm(chosen - wanted.landmarks_xy, axis=2).mean(axis=1)
    errors = distances / np.linalg.norm(between, axis=1).clip(min=1.0)
    return [float(error) for error in errors[hit]]


@torch.no_grad()
def choose_score_threshold(
    module: DetectorModule, photos: Sequence[LabelledPhoto], *, alarms_per_photo: float = 0.03
) -> float:
    """Choose the score from which on a detection counts, on the held-out photos.

    Args:
        module: The trained module.
        photos: Labelled photos; only the held-out tenth is looked at.
        alarms_per_photo: How many detections the teacher sees in no view are accepted on average.

    Returns:
        The lowest threshold of whole hundredths, 0.3 or more, with no more alarms than that; 1
        where there is none.
    """
    module.eval()
    chosen = [photo for photo in photos if held_out(photo.name)]
    scores: list[float] = []
    for photo in chosen:
        faces = module.detect(photo, score_threshold=TEACHER_THRESHOLD)
        boxes = (torch.from_numpy(each.boxes_xyxy) for each in (faces, photo.faces))
        known = (pairwise_iou(*boxes) > 0.3).any(dim=1).numpy()
        scores.extend(faces.detection_scores[~known].tolist())
    # The decoder compares in float32, where a score of 0.9 counts from a threshold of 0.9.
    steps = np.arange(round(100 * TEACHER_THRESHOLD), 101) / 100
    alarms = np.array(scores, np.float32)[:, None] >= steps.astype(np.float32)  # (n, steps)
    enough = alarms.sum(axis=0) <= int(alarms_per_photo * len(chosen))
    return float(steps[enough.argmax()]) if enough.any() else 1.0


def _balanced(photos: Sequence[LabelledPhoto]) -> list[LabelledPhoto]:
    """Repeat the photos without a face until they are about a quarter: there are few of them."""
    empty = [photo for photo in photos if not (photo.faces.detection_scores >= _SURE_SCORE).any()]
    times = max(1, round((len(photos) - len(empty)) / (3 * max(len(empty), 1))))
    return [*photos, *(empty * (times - 1))]


def _begin_with(module: DetectorModule, start: Path, squares: _Squares) -> None:
    if start.suffix == ".onnx":
        images, _ = next(iter(squares))
        load_onnx_weights(module.network, start, example=images.float())
    else:
        give_weights(module.network, start)


def train_detector(
    recipe: DetectorRecipe,
    photos: Sequence[LabelledPhoto],
    teacher: Path,
    *,
    out: Path,
    crowd: NDArray[np.uint8] | None = None,
    start: Path | None = None,
    resume: bool = False,
    workers: int = 1,
) -> DetectorModule:
    """Train a face detector.

    Args:
        recipe: What to train and how.
        photos: Labelled photos; a tenth, chosen by name, is held out for validation.
        teacher: The ONNX file of a detector of the YuNet layout, whose every cell is imitated.
        out: The run's folder; its recipe, checkpoints, and metrics as CSV, anew for each time that
            it goes on.
        crowd: `(N, S, S)` uint8, grey faces to strew over training squares, or None.
        start: Where this training begins: the weights of another run's checkpoint, or of a model
            file, which ends with `.onnx`; None draws them.
        resume: Go on from the folder's last checkpoint, if it has one.
        workers: Processes that draw training squares.

    Returns:
        The module with the averaged weights of the validation with the best score.

    Raises:
        RecipeError: The folder holds another run, or `start` is no checkpoint of such a network.
    """
    lightning.seed_everything(recipe.seed, verbose=False)
    seen = hashlib.sha256("".join(sorted(photo.key for photo in photos)).encode())
    if crowd is not None:
        seen.update(crowd.tobytes())
    facts = {"photos": seen.hexdigest(), "teacher": file_sha256(teacher)}
    if start is not None:
        facts["start"] = f"{start.name} {file_sha256(start)}"
    checkpoint = open_run(out, recipe, facts=facts, resume=resume).checkpoint
    module = DetectorModule(recipe)
    shown = _balanced([photo for photo in photos if not held_out(photo.name)])
    last = newest_checkpoint(out)
    done = int(read_checkpoint(checkpoint)["global_step"]) if checkpoint else 0
    squares = _Squares(shown, teacher, recipe, crowd=crowd, first=done)
    if start is not None and checkpoint is None:
        _begin_with(module, start, squares)
    best = ModelCheckpoint(
        last.parent, filename="best", monitor="val/score", mode="max", enable_version_counter=False
    )
    # `save_last` of the above would keep the last best one: resuming would lose what came after.
    newest = ModelCheckpoint(last.parent, filename=last.stem, enable_version_counter=False)
    trainer = lightning.Trainer(
        default_root_dir=out,
        max_steps=recipe.steps,
        max_epochs=-1,
        precision=recipe.precision,
        callbacks=[best, newest, averaged_weights(recipe.ema_decay)],
        logger=CSVLogger(out, name="metrics", version=f"from-step-{done}"),
        val_check_interval=recipe.validate_every,
        check_val_every_n_epoch=None,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        gradient_clip_val=10.0,
        log_every_n_steps=50,
    )
    trainer.fit(
        module,
        DataLoader(squares, batch_size=None, num_workers=workers),
        DataLoader([p for p in photos if held_out(p.name)], batch_size=None),  # type: ignore[arg-type]
        ckpt_path=checkpoint,
        weights_only=True,
    )
    if best.best_model_path:
        give_weights(module.network, Path(best.best_model_path))
    return module
