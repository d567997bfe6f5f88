"""The recipe of a training of the network of expression units."""

from __future__ import annotations

import dataclasses
from typing import Literal

from mien._checking import check_options
from mien._decode import all_demands, demand
from mien.models.units import UnitOptions
from mien.training.augment import AugmentationOptions

__all__ = ["UnitRecipe"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UnitRecipe:
    """Everything that decides a training; the keys of a recipe file.

    Attributes:
        network: Size of the network.
        augmentation: Strengths of the augmentation.
        frozen_trunk: Whether the trunk stays as it is: a head on the trunk of an emotion network.
        epochs: Passes over the training subset.
        batch_size: Images per step, all devices together.
        learning_rate: Peak of AdamW's schedule: linear warm-up, then half a cosine to zero.
        warmup_epochs: Length of the warm-up.
        weight_decay: Weight decay of AdamW on weight matrices and kernels.
        ema_decay: Decay per step of the averaged weights, which are validated and exported.
        pose_weight: Weight of the pose's loss; that of the coefficients has weight 1.
        seed: Seed of weights, order and augmentation.
        precision: Lightning's precision; `bf16-mixed` is faster on CPUs with bf16.
    """

    network: UnitOptions = dataclasses.field(default_factory=UnitOptions)
    augmentation: AugmentationOptions = dataclasses.field(default_factory=AugmentationOptions)
    frozen_trunk: bool = False
    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 0.003
    warmup_epochs: float = 0.5
    weight_decay: float = 0.01
    ema_decay: float = 0.99
    pose_weight: float = 0.3
    seed: int = 1
    precision: Literal["32-true", "bf16-mixed"] = "32-true"

    @all_demands()
    def __post_init__(self) -> None:
        check_options(self)
        demand(0 < self.epochs <= 100_000, "epochs", "1 to 100000", self.epochs)
        demand(1 < self.batch_size <= 65_536, "batch_size", "2 to 65536", self.batch_size)
        demand(self.learning_rate > 0, "learning_rate", "a number above 0", self.learning_rate)
        demand(0 <= self.ema_decay < 1, "ema_decay", "0 to below 1", self.ema_decay)
        demand(0 <= self.seed < 2**32, "seed", "0 to below 2**32", self.seed)
        for name in ("warmup_epochs", "weight_decay", "pose_weight"):
            demand(getattr(self, name) >= 0, name, "0 or more", getattr(self, name))
