"""What decides a training of the emotion network: the keys of its recipe."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from mien._decode import all_demands, demand
from mien._wording import counted
from mien.models.emotion import TrunkOptions
from mien.training.augment import AugmentationOptions
from mien.training.distillation import DistillationOptions

__all__ = ["EmotionRecipe", "unfilled_average"]

_MOST_LEFT = 0.05
"""Averaged weights that hold more of those before the first step are no average of the training."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EmotionRecipe:
    """Everything that decides a training; the keys of a recipe file.

    Attributes:
        network: Shape of the network.
        augmentation: Strengths of the augmentation.
        distillation: Trained networks to learn from beside the labels; None learns from labels
            alone.
        epochs: Passes over the training part.
        batch_size: Images per step, all devices together.
        learning_rate: Peak of the schedule: linear warm-up, then half a cosine to zero.
        warmup_epochs: Length of the warm-up.
        optimiser: `sgd` with Nesterov momentum, or `adamw`.
        momentum: Nesterov momentum of the SGD.
        weight_decay: L2 penalty on weight matrices and kernels, not on biases and norms.
        ema_decay: Decay per step of the averaged weights, which are those that count.
        label_smoothing: Share of the FER-2013 target spread over all classes.
        mixup: Both parameters of the beta distribution of mixing shares; 0 switches it off.
        ferplus_weight: Weight of the FER+ head's loss.
        fer2013_weight: Weight of the FER-2013 head's loss.
        embedding_weight: Weight of the embedding's loss.
        framing: How much larger than in FER-2013's images faces are in the crops that the model
            file asks for; the training itself takes its images as they are.
        data_sha256: Hash of the divided images that it is for, as a run's own copy of its recipe
            says it; None takes any.
        patience: Epochs without a better `val/score` after which the training stops, and the best
            epoch's weights count; 0 trains to the end, and the last epoch's count.
        seed: The seed of weights, order and augmentation.
        precision: Lightning's precision; `bf16-mixed` is quicker where the CPU has bf16.
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
        demand(self.epochs > 0, "epochs", "at least 1", self.epochs)
        demand(self.batch_size > 1, "batch_size", "at least 2", self.batch_size)
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


def unfilled_average(recipe: EmotionRecipe, *, images: int) -> list[str]:
    """Warn of a training that is too short for its averaged weights, which are those that count.

    Args:
        recipe: How it is trained.
        images: How many it is trained on.

    Returns:
        A sentence that names what to change, or nothing.
    """
    steps = recipe.epochs * max(1, images // recipe.batch_size)
    left: float = recipe.ema_decay**steps
    if left <= _MOST_LEFT:
        return []
    highest = math.floor(100 * _MOST_LEFT ** (1 / steps)) / 100
    return [
        f"the averaged weights, which are those that count, will still hold {left:.0%} of what "
        f"they were before the first of {counted(steps, 'step')}: lower ema_decay from "
        f"{recipe.ema_decay:g} to at most {highest:g}, or make more steps with more epochs or a "
        "smaller batch_size"
    ]
