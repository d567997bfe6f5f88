"""Distillation: trained networks as teachers, whose outputs a student learns beside the labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from mien._checking import check_options
from mien._decode import all_demands, demand
from mien.models.emotion import EmotionNet

__all__ = [
    "DistillationOptions",
    "TeacherEnsemble",
    "distillation_loss",
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DistillationOptions:
    """The teachers and their weight in the loss (Hinton et al. 2015).

    Attributes:
        teachers: Model files of `mien train emotion`, or the folders of its runs; paths are
            relative to the working folder.
        weight: Weight of the distillation loss in each head's loss; the labels have the rest. For
            images that are mixed in beside the dataset no teacher answers, and the labels have
            the whole weight.
        temperature: Divisor of the logits of both sides in the distillation loss.
        teachers_per_step: How many of the teachers, drawn anew in each step, are used; 0 uses all.
            The mean over many steps is the same, and a step takes less time.
    """

    teachers: tuple[str, ...]
    weight: float = 0.6
    temperature: float = 2.0
    teachers_per_step: int = 0

    @all_demands()
    def __post_init__(self) -> None:
        check_options(self)
        named = bool(self.teachers) and all(map(str.strip, self.teachers))
        demand(named, "teachers", "at least one path, and none that is empty", self.teachers)
        demand(0 < self.weight <= 1, "weight", "above 0, at most 1", self.weight)
        inside = 0 < self.temperature <= 100
        demand(inside, "temperature", "above 0, at most 100", self.temperature)
        inside = 0 <= self.teachers_per_step <= len(self.teachers)
        expected = f"0 to the {len(self.teachers)} teachers"
        demand(inside, "teachers_per_step", expected, self.teachers_per_step)


class TeacherEnsemble:
    """Several networks as one teacher: the mean of their softened probabilities."""

    def __init__(
        self, networks: Sequence[EmotionNet], temperature: float, *, teachers_per_step: int = 0
    ) -> None:
        self.networks = [network.eval().requires_grad_(False) for network in networks]
        self.temperature = temperature
        self.teachers_per_step = teachers_per_step or len(self.networks)

    def to(self, device: torch.device) -> None:
        """Move the networks to a device."""
        for network in self.networks:
            network.to(device)

    @torch.no_grad()
    def __call__(self, faces: Tensor, *, seed: int) -> tuple[Tensor, Tensor]:
        """Run the teachers.

        Args:
            faces: `(B, 1, 48, 48)`, normalised; the same augmented images that the student gets.
            seed: Decides which teachers are used, if not all are.

        Returns:
            Softened probabilities of the FER+ classes `(B, 8)` and the FER-2013 classes `(B, 7)`.
        """
        order = torch.randperm(len(self.networks), generator=torch.Generator().manual_seed(seed))
        drawn = order[: self.teachers_per_step].tolist()
        outputs = [self.networks[number](faces) for number in drawn]
        return (
            self._mean([output.logits for output in outputs]),
            self._mean([output.fer2013_logits for output in outputs]),
        )

    def _mean(self, logits: list[Tensor]) -> Tensor:
        softened = [functional.softmax(each.float() / self.temperature, dim=1) for each in logits]
        return torch.stack(softened).mean(dim=0)


def distillation_loss(
    logits: tuple[Tensor, Tensor],
    targets: tuple[Tensor, Tensor],
    temperature: float,
    row_weights: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the distillation losses of both heads, weighted means of the rows' divergences.

    Both are multiplied by the square of the temperature, which keeps the size of the gradients
    (Hinton et al. 2015, section 2).

    Args:
        logits: The student's, of FER+'s classes `(B, 8)` and FER-2013's `(B, 7)`.
        targets: The teachers' softened probabilities `(B, 8)` and `(B, 7)`.
        temperature: The temperature of `targets`.
        row_weights: `(B,)`, 0 or more; both losses are 0 if all are.
    """

    def divergence(logits: Tensor, target: Tensor) -> Tensor:
        log_probabilities = functional.log_softmax(logits.float() / temperature, dim=1)
        rows = functional.kl_div(log_probabilities, target, reduction="none").sum(dim=1)  # (B,)
        mean = (rows * row_weights).sum() / row_weights.sum().clamp(min=1e-12)
        return mean * temperature**2

    return divergence(logits[0], targets[0]), divergence(logits[1], targets[1])
