"""Training of the face detector by distillation from a teacher, on pseudo-labelled images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from mien.detect import YUNET_NMS_IOU, OnnxDetector, decode_yunet, padded_input, yunet_spec
from mien.errors import InputError
from mien.models.detector import PIXEL_MEAN, PIXEL_STD, STRIDES, DetectorNet
from mien.models.onnx_weights import load_onnx_weights, read_onnx
from mien.structures import Faces
from mien.training.detector_augment import draw_training_image
from mien.training.detector_loss import CellGrid, detector_losses, pairwise_iou
from mien.training.detector_recipe import DetectorRecipe
from mien.training.detector_targets import corrected_cells, teacher_cells
from mien.training.devices import set_torch_threads
from mien.training.pseudo_labels import (
    TEACHER_THRESHOLD,
    PseudoLabelledImage,
    is_for_choosing,
    is_held_out,
)
from mien.training.run import (
    RunCheckpoint,
    TimeLeft,
    WholeCheckpoints,
    as_keyboard_interrupt,
    open_run,
)
from mien.training.schedule import ema_callback, parameter_groups, warmup_cosine
from mien.training.weights import file_sha256, load_checkpoint_weights, read_checkpoint

__all__ = [
    "DetectorModule",
    "choose_score_threshold",
    "train_detector",
]

_CONFIDENT_SCORE = 0.7
"""Lowest score of a teacher's detection that counts as a face in validation."""

_MIN_LANDMARK_FACE_PX = 48
"""Landmark errors are measured on faces whose shorter side is longer than this."""

Batch = tuple[Tensor, Tensor]
"""Images `(B, 3, S, S)` uint8 BGR and what is to be learnt of them, `(B, N, 16)` float32."""


class _TrainingImages(IterableDataset[Batch]):
    """Batches of training images; only the seed and its number decide what a batch holds."""

    def __init__(
        self,
        images: Sequence[PseudoLabelledImage],
        teacher: Path,
        recipe: DetectorRecipe,
        *,
        pasted_faces: NDArray[np.uint8] | None,
        negatives: Sequence[NDArray[np.uint8]],
        first: int,
    ) -> None:
        self.images, self.pasted_faces, self.teacher = images, pasted_faces, teacher
        self.negatives = negatives
        self.recipe, self.first = recipe, first

    def __iter__(self) -> Iterator[Batch]:
        teacher = OnnxDetector(self.teacher)
        worker = get_worker_info()
        # The loader takes batches from the workers in turn: together they draw each number once.
        offset, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for number in range(self.first + offset, self.recipe.steps, stride):
            rng = np.random.default_rng((self.recipe.seed, number))
            image_px, count = self.recipe.augmentation.image_px, self.recipe.batch_size
            if self.recipe.large_images and rng.random() < self.recipe.large_images:
                image_px, count = 2 * image_px, max(2, count // 4)
            drawn = [
                draw_training_image(
                    self.images,
                    self.recipe.augmentation,
                    rng,
                    pasted_faces=self.pasted_faces,
                    negatives=self.negatives,
                    image_px=image_px,
                )
                for _ in range(count)
            ]
            # Channels last, as the network has its weights, whatever the axes are called.
            student_bgr = np.stack([image.student_rgb[..., ::-1] for image in drawn])
            targets = np.stack(
                [corrected_cells(teacher_cells(teacher, each.teacher_rgb), each) for each in drawn]
            )
            yield (
                torch.from_numpy(student_bgr).permute(0, 3, 1, 2),
                torch.from_numpy(targets),
            )


class DetectorModule(lightning.LightningModule):
    """The detector with its losses, its optimiser and its validation on held-out images."""

    def __init__(self, recipe: DetectorRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = DetectorNet(recipe.network)
        # With channels_last a CPU's convolutions need no reordering of their inputs.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._counts: list[tuple[int, int, int]] = []
        self._landmark_errors: list[float] = []

    def transfer_batch_to_device(
        self, batch: Batch | PseudoLabelledImage, device: torch.device, dataloader_idx: int
    ) -> Batch | PseudoLabelledImage:
        """Move a training batch to the device; images for validation stay where they are."""
        if isinstance(batch, PseudoLabelledImage):
            return batch
        images, targets = batch
        return images.to(device), targets.to(device)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Return the weighted sum of the losses."""
        images, targets = batch
        levels = self.network.cells(_normalised(images))
        height, width = images.shape[2:]
        grid = CellGrid.of(height, width, STRIDES, self.device)
        losses = detector_losses(torch.cat(levels, dim=1).float(), targets, grid)
        self.log_dict({f"train/{name}": loss for name, loss in losses.items()}, batch_size=1)
        box, landmarks = self.recipe.box_weight, self.recipe.landmark_weight
        total = losses["obj"] + losses["cls"] + box * losses["box"] + landmarks * losses["kps"]
        self.log("train/loss", total, prog_bar=True, batch_size=1)
        return total

    def validation_step(self, image: PseudoLabelledImage, batch_index: int) -> None:
        """Count true and false positives and missed faces in one held-out image."""
        faces = self.detect(image, score_threshold=0.6)
        confident = image.faces.detection_scores >= _CONFIDENT_SCORE
        targets = image.faces.select(confident)
        iou = pairwise_iou(
            torch.from_numpy(image.faces.boxes_xyxy), torch.from_numpy(faces.boxes_xyxy)
        )
        hits = int((iou[torch.from_numpy(confident)] > 0.5).any(dim=1).sum()) if len(faces) else 0
        false = len(faces) - int((iou > 0.3).any(dim=0).sum()) if len(image.faces) else len(faces)
        self._counts.append((hits, len(targets), false))
        self._landmark_errors.extend(landmark_errors(faces, targets))

    def on_validation_epoch_end(self) -> None:
        """Log recall, false positives per image, landmark error and score.

        The score, by which the best checkpoint is selected, is the recall minus both others.
        """
        hits, faces, false_positives = (sum(column) for column in zip(*self._counts, strict=True))
        images = len(self._counts)
        self._counts.clear()
        recall, false = hits / max(faces, 1), false_positives / images
        error = float(np.mean(self._landmark_errors)) if self._landmark_errors else 1.0
        self._landmark_errors.clear()
        self.log_dict(
            {
                "val/recall": recall,
                "val/false_positives_per_image": false,
                "val/landmark_error": error,
                "val/score": recall - false - error,
            },
            prog_bar=True,
            batch_size=1,
        )

    def detect(self, image: PseudoLabelledImage, *, score_threshold: float) -> Faces:
        """Run the network on an image at its own size; boxes are in pixels of the image."""
        spec = yunet_spec("mien-face", mean=PIXEL_MEAN, std=PIXEL_STD)
        padded = torch.from_numpy(padded_input(image.image_rgb, spec.input))
        values = self.network(padded.to(self.device))
        cells = {
            output.name: part[0].float().cpu().numpy()
            for output, part in zip(spec.outputs, values, strict=True)
        }
        return decode_yunet(
            cells,
            input_hw=(padded.shape[2], padded.shape[3]),
            strides=STRIDES,
            score_threshold=score_threshold,
            nms_iou=YUNET_NMS_IOU,
        )

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return AdamW and its schedule."""
        recipe = self.recipe
        groups = parameter_groups(self, weight_decay=recipe.weight_decay)
        optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate)
        return warmup_cosine(optimiser, warmup_steps=recipe.warmup_steps, total_steps=recipe.steps)


def _normalised(images: Tensor) -> Tensor:
    return (images.float() - PIXEL_MEAN) / PIXEL_STD


def landmark_errors(found: Faces, targets: Faces) -> list[float]:
    """Return the mean landmark distance of each target face that is found.

    Distances are in units of the target's eye distance. Only targets of more than 48 pixels count.
    """
    sides = (targets.boxes_xyxy[:, 2:] - targets.boxes_xyxy[:, :2]).min(axis=1)
    targets = targets.select(sides > _MIN_LANDMARK_FACE_PX)
    if not len(found) or not len(targets):
        return []
    boxes = (torch.from_numpy(each.boxes_xyxy) for each in (targets, found))
    best = pairwise_iou(*boxes).max(dim=1)
    hit = best.values.numpy() > 0.5
    chosen = found.landmarks_xy[best.indices.numpy()]
    between = targets.landmarks_xy[:, 1] - targets.landmarks_xy[:, 0]
    distances = np.linalg.norm(chosen - targets.landmarks_xy, axis=2).mean(axis=1)
    errors = distances / np.linalg.norm(between, axis=1).clip(min=1.0)
    return [float(error) for error in errors[hit]]


@torch.no_grad()
def choose_score_threshold(
    module: DetectorModule,
    images: Sequence[PseudoLabelledImage],
    *,
    max_false_positives_per_image: float = 0.03,
) -> float:
    """Choose the detection threshold on the held-out images.

    Args:
        module: The trained module.
        images: Pseudo-labelled images; only the half of the held-out tenth that is for choosing is
            used.
        max_false_positives_per_image: Largest mean number of detections per image that the teacher
            has in no view.

    Returns:
        The lowest threshold in steps of 0.01, 0.3 or more, with at most as many false positives; 1
        if there is none.

    Raises:
        InputError: None of the images is for choosing.
    """
    module.eval()
    held_out = [image for image in images if is_for_choosing(image.name)]
    if not held_out:
        raise InputError(
            f"expected images to choose the threshold by, which is one in twenty, chosen by name; "
            f"found none among {len(images)} images. Give more images"
        )
    scores: list[float] = []
    for image in held_out:
        faces = module.detect(image, score_threshold=TEACHER_THRESHOLD)
        boxes = (torch.from_numpy(each.boxes_xyxy) for each in (faces, image.faces))
        matched = (pairwise_iou(*boxes) > 0.3).any(dim=1).numpy()
        scores.extend(faces.detection_scores[~matched].tolist())
    # The decoder compares in float32, where a score of 0.9 passes a threshold of 0.9.
    thresholds = np.arange(round(100 * TEACHER_THRESHOLD), 101) / 100
    passing = np.array(scores, np.float32)[:, None] >= thresholds.astype(np.float32)
    few = passing.sum(axis=0) <= int(max_false_positives_per_image * len(held_out))  # (thresholds,)
    return float(thresholds[few.argmax()]) if few.any() else 1.0


_FACE_KINDS = frozenset({"face", "masked", "head"})
"""Kinds of images that show a face: where the teacher sees none, nothing is known."""


def _labelled(images: Sequence[PseudoLabelledImage]) -> list[PseudoLabelledImage]:
    """Leave out the images of a face in which the teacher is not sure of one."""
    return [
        image
        for image in images
        if image.kind not in _FACE_KINDS or (image.faces.detection_scores >= _CONFIDENT_SCORE).any()
    ]


def _oversample_empty(images: Sequence[PseudoLabelledImage]) -> list[PseudoLabelledImage]:
    """Repeat the images without a face, of which there are few, up to about a sixth of all."""
    empty = [
        image for image in images if not (image.faces.detection_scores >= _CONFIDENT_SCORE).any()
    ]
    times = max(1, round((len(images) - len(empty)) / (5 * max(len(empty), 1))))
    return [*images, *(empty * (times - 1))]


def _initialise(module: DetectorModule, start: Path, batches: _TrainingImages) -> None:
    if start.suffix == ".onnx":
        images, _ = next(iter(batches))
        context, module.network.context = module.network.context, None
        # A file of a network without that level begins with one that adds nothing.
        missing = not any("context." in each.name for each in read_onnx(start).graph.initializer)
        if not missing:
            module.network.context = context
        load_onnx_weights(module.network, start, example=_normalised(images))
        module.network.context = context
    else:
        load_checkpoint_weights(module.network, start)


def train_detector(
    recipe: DetectorRecipe,
    images: Sequence[PseudoLabelledImage],
    teacher: Path,
    *,
    out: Path,
    pasted_faces: NDArray[np.uint8] | None = None,
    negatives: Sequence[NDArray[np.uint8]] | None = None,
    start: Path | None = None,
    resume: bool = False,
    workers: int = 1,
    threads: int = 0,
) -> DetectorModule:
    """Train a face detector.

    Args:
        recipe: Everything that decides the training.
        images: Pseudo-labelled images; a tenth, chosen by name, is held out, half of it for
            validation.
        teacher: The ONNX file of a detector of the YuNet layout; the network learns its outputs.
        out: The run's folder: recipe, checkpoints, and metrics as CSV, a new file after each
            resumption.
        pasted_faces: Grey faces `(N, S, S)` uint8 to paste into training images, or None.
        negatives: Images without a face, `(H, W, 3)` uint8, whatever the teacher says, or
            None.
        start: Initial weights of a new training: those of a checkpoint (averaged) or of a model
            file, which ends with `.onnx`; None draws them at random.
        resume: Whether to resume from the folder's last checkpoint, if it has one.
        workers: Processes that compose training images.
        threads: Threads of torch on the CPU; 0 leaves torch's own number.

    Returns:
        The module with the averaged weights of the validation with the best score.

    Raises:
        ArtefactError: The model file of `start` holds another network.
        InputError: There is no image to train on, or none to choose the checkpoint by.
        OutputError: The folder cannot be written.
        RecipeError: The folder holds another run, or `start` or the teacher cannot be read.
    """
    set_torch_threads(threads)
    labelled = _labelled(images)
    sources = _oversample_empty([image for image in labelled if not is_held_out(image.name)])
    choosing = [image for image in labelled if is_for_choosing(image.name)]
    for part, use in ((sources, "to train on"), (choosing, "to choose the checkpoint by")):
        if not part:
            raise InputError(
                f"expected images {use}, found none among {len(labelled)} usable of {len(images)} "
                "images: a tenth, chosen by name, is held out, and half of that is to choose by. "
                "Give more images"
            )
    lightning.seed_everything(recipe.seed, verbose=False)
    digest = hashlib.sha256("".join(sorted(image.key for image in images)).encode())
    if pasted_faces is not None:
        digest.update(pasted_faces.tobytes())
    for negative in negatives or ():
        digest.update(negative.tobytes())
    provenance = {"images": digest.hexdigest(), "teacher": file_sha256(teacher)}
    if start is not None:
        provenance["start"] = f"{start.name} {file_sha256(start)}"
    checkpoint = open_run(out, recipe, provenance=provenance, resume=resume).checkpoint
    module = DetectorModule(recipe)
    done = int(read_checkpoint(checkpoint)["global_step"]) if checkpoint else 0
    train = _TrainingImages(
        sources, teacher, recipe, pasted_faces=pasted_faces, negatives=negatives or (), first=done
    )
    if start is not None and checkpoint is None:
        _initialise(module, start, train)
    best = RunCheckpoint(out, name="best", best_of="val/score")
    # `save_last` of the above keeps the last best step, and resuming would lose later ones.
    last = RunCheckpoint(out, name="last")
    trainer = lightning.Trainer(
        default_root_dir=out,
        max_steps=recipe.steps,
        max_epochs=-1,
        precision=recipe.precision,
        callbacks=[best, last, ema_callback(recipe.ema_decay), TimeLeft()],
        plugins=[WholeCheckpoints()],
        logger=CSVLogger(out, name="metrics", version=f"from-step-{done}"),
        val_check_interval=recipe.validate_every,
        check_val_every_n_epoch=None,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        gradient_clip_val=10.0,
        log_every_n_steps=50,
    )
    with as_keyboard_interrupt():
        trainer.fit(
            module,
            DataLoader(train, batch_size=None, num_workers=workers),
            DataLoader(choosing, batch_size=None),  # type: ignore[arg-type]
            ckpt_path=checkpoint,
            weights_only=True,
        )
    if best.best_model_path:
        load_checkpoint_weights(module.network, Path(best.best_model_path))
    return module
