"""Teachers: trained networks whose answers a student learns beside the labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from mien._decode import all_demands, demand
from mien.models.emotion import EmotionNet, EmotionOutputs

__all__ = [
    "DistillationOptions",
    "Teachers",
    "distillation_loss",
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DistillationOptions:
    """Who teaches, and how much it counts (Hinton et al. 2015).

    Attributes:
        teachers: Model files of `mien train emotion`, or the folders of its runs, from the working
            folder on.
        weight: Share of the teachers' part in each head's loss; the labels have the rest.
        temperature: What both sides' logits are divided by in the teachers' part.
        asked_per_step: How many of the teachers, drawn anew in each step, answer; 0 asks all. The
            mean over many steps is the same, and a step costs less.
    """

    teachers: tuple[str, ...]
    weight: float = 0.6
    temperature: float = 2.0
    asked_per_step: int = 0

    @all_demands()
    def __post_init__(self) -> None:
        demand(bool(self.teachers), "teachers", "at least one", self.teachers)
        demand(0 < self.weight <= 1, "weight", "above 0, at most 1", self.weight)
        demand(self.temperature > 0, "temperature", "above 0", self.temperature)
        inside = 0 <= self.asked_per_step <= len(self.teachers)
        expected = f"0 to the {len(self.teachers)} teachers"
        demand(inside, "asked_per_step", expected, self.asked_per_step)


class Teachers:
    """Several networks that answer as one: the mean of their softened probabilities."""

    def __init__(
        self, networks: Sequence[EmotionNet], temperature: float, *, asked_per_step: int = 0
    ) -> None:
        self.networks = [network.eval().requires_grad_(False) for network in networks]
        self.temperature = temperature
        self.asked_per_step = asked_per_step or len(self.networks)

    def to(self, device: torch.device) -> None:
        """Move them to a device."""
        for network in self.networks:
            network.to(device)

    @torch.no_grad()
    def __call__(self, faces: Tensor, *, seed: int) -> tuple[Tensor, Tensor]:
        """Answer.

        Args:
            faces: `(B, 1, 48, 48)`, normalised: the very view that the student sees.
            seed: Decides who is asked, where not all are.

        Returns:
            Softened probabilities of the FER+ classes `(B, 8)` and the FER-2013 classes `(B, 7)`.
        """
        order = torch.randperm(len(self.networks), generator=torch.Generator().manual_seed(seed))
        asked = order[: self.asked_per_step].tolist()
        answers = [self.networks[number](faces) for number in asked]
        return (
            self._mean([answer.logits for answer in answers]),
            self._mean([answer.fer2013_logits for answer in answers]),
        )

    def _mean(self, logits: list[Tensor]) -> Tensor:
        softened = [functional.softmax(each.float() / self.temperature, dim=1) for each in logits]
        return torch.stack(softened).mean(dim=0)


def distillation_loss(
    outputs: EmotionOutputs, taught: tuple[Tensor, Tensor], temperature: float
) -> tuple[Tensor, Tensor]:
    """Return the teachers' part of both heads' losses, mean divergences over the batch.

    Both are multiplied by the temperature's square, which keeps the gradients' size (Hinton et al.
    2015, section 2).
    """

    def divergence(logits: Tensor, wanted: Tensor) -> Tensor:
        answered = functional.log_softmax(logits.float() / temperature, dim=1)
        return functional.kl_div(answered, wanted, reduction="batchmean") * temperature**2

    return divergence(outputs.logits, taught[0]), divergence(outputs.fer2013_logits, taught[1])
