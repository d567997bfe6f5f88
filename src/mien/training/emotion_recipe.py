"""The recipe of a training of the emotion network."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from mien._checking import check_options
from mien._decode import all_demands, demand
from mien._wording import pluralize
from mien.models.emotion import TrunkOptions
from mien.training.augment import AugmentationOptions
from mien.training.distillation import DistillationOptions

__all__ = ["EmotionRecipe", "ema_warnings"]

_MAX_INITIAL_SHARE = 0.05
"""Largest share of the initial weights in the averaged weights after a long enough training."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EmotionRecipe:
    """Everything that decides a training; the keys of a recipe file.

    Attributes:
        network: Size of the network.
        augmentation: Strengths of the augmentation.
        distillation: Trained networks as teachers beside the labels; None trains on labels alone.
        epochs: Passes over the training subset.
        batch_size: Images per step, all devices together.
        learning_rate: Peak of the schedule: linear warm-up, then half a cosine to zero.
        warmup_epochs: Length of the warm-up.
        optimiser: `sgd` with Nesterov momentum, or `adamw`.
        momentum: Nesterov momentum of the SGD.
        weight_decay: L2 penalty on weight matrices and kernels, not on biases and norms.
        ema_decay: Decay per step of the averaged weights, which are validated and exported.
        label_smoothing: Share of the FER-2013 target spread over all classes.
        mixup: Both parameters of the beta distribution of mixing shares; 0 switches it off.
        ferplus_weight: Weight of the FER+ head's loss.
        fer2013_weight: Weight of the FER-2013 head's loss.
        embedding_weight: Weight of the embedding's loss.
        framing: How much larger faces are in the crops that the model file asks for than in the
            images of FER-2013; the training takes its images as they are.
        data_sha256: Hash of the images and their split that it is for, as the copy in a run's
            folder has it; None takes any.
        patience: Epochs without a better `val/score` after which the training stops and takes the
            weights of the best epoch; 0 trains all epochs and takes those of the last.
        seed: Seed of weights, order and augmentation.
        precision: Lightning's precision; `bf16-mixed` is faster on CPUs with bf16.
    """

    network: TrunkOptions = dataclasses.field(default_factory=TrunkOptions)
    augmentation: AugmentationOptions = dataclasses.field(default_factory=AugmentationOptions)
    distillation: DistillationOptions | None = None
    epochs: int = 50
    batch_size: int = 128
    learning_rate: float = 0.06
    warmup_epochs: float = 2.0
    optimiser: Literal["sgd", "adamw"] = "sgd"
    momentum: float = 0.9
    weight_decay: float = 5e-4
    ema_decay: float = 0.998
    label_smoothing: float = 0.1
    mixup: float = 0.2
    ferplus_weight: float = 1.0
    fer2013_weight: float = 0.5
    embedding_weight: float = 0.1
    framing: float = 1.0
    data_sha256: str | None = None
    patience: int = 0
    seed: int = 1
    precision: Literal["32-true", "bf16-mixed"] = "32-true"

    @all_demands()
    def __post_init__(self) -> None:
        check_options(self)
        demand(0 < self.epochs <= 100_000, "epochs", "1 to 100000", self.epochs)
        demand(1 < self.batch_size <= 65_536, "batch_size", "2 to 65536", self.batch_size)
        demand(self.seed < 2**32, "seed", "below 2**32", self.seed)
        demand(self.learning_rate > 0, "learning_rate", "a number above 0", self.learning_rate)
        demand(0.5 <= self.framing <= 2, "framing", "0.5 to 2", self.framing)
        for name in ("momentum", "ema_decay", "label_smoothing"):
            value = getattr(self, name)
            demand(0 <= value < 1, name, "0 to below 1", value)
        for name in (
            "ferplus_weight", "fer2013_weight", "embedding_weight", "weight_decay",
            "warmup_epochs", "mixup", "patience", "seed",
        ):  # fmt: skip
            demand(getattr(self, name) >= 0, name, "0 or more", getattr(self, name))
        heads = self.ferplus_weight + self.fer2013_weight
        demand(heads != 0, "ferplus_weight", "above 0, or fer2013_weight above 0", heads)


def ema_warnings(recipe: EmotionRecipe, *, images: int) -> list[str]:
    """Warn of a training with too few steps for its averaged weights.

    Args:
        recipe: The recipe of the training.
        images: Number of training images.

    Returns:
        A sentence that names what to change, or nothing.
    """
    steps = recipe.epochs * max(1, images // recipe.batch_size)
    share: float = recipe.ema_decay**steps
    if share <= _MAX_INITIAL_SHARE:
        return []
    highest = math.floor(100 * _MAX_INITIAL_SHARE ** (1 / steps)) / 100
    return [
        "the averaged weights, which are validated and exported, will still hold "
        f"{share:.0%} of what they were before the first of {pluralize(steps, 'step')}: lower "
        "ema_decay from "
        f"{recipe.ema_decay:g} to at most {highest:g}, or make more steps with more epochs or a "
        "smaller batch_size"
    ]
