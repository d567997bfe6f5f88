"""The network of FER-PP, the predecessor of mien, as a baseline for speed and accuracy.

Six 3x3 convolutions in three pairs, each pair followed by batch normalisation, pooling and dropout.
FER-PP tuned the width and the activation (ELU or swish) of every layer; its tuned network had 0.72
million parameters, as the default here has.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import torch
from torch import Tensor, nn

from mien._checking import check_options
from mien._decode import all_demands, demand
from mien.emotions import SIX

__all__ = ["MAX_WIDTH", "Activation", "BaselineNet", "BaselineOptions", "baseline_trunk"]

MAX_WIDTH = 2048
"""Most channels of a layer."""

Activation = Literal["elu", "swish"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BaselineOptions:
    """The twelve hyper-parameters of FER-PP.

    Attributes:
        filters: Channels of the six convolutions.
        activations: Activation after each of them.
        dropout: Share of features dropped after each pair, in training.
    """

    filters: tuple[int, ...] = (64, 64, 128, 128, 128, 256)
    activations: tuple[Activation, ...] = ("elu",) * 6
    dropout: float = 0.3

    @all_demands()
    def __post_init__(self) -> None:
        check_options(self)
        demand(len(self.filters) == 6, "filters", "six numbers", self.filters)
        demand(len(self.activations) == 6, "activations", "six names", self.activations)
        inside = all(0 < size <= MAX_WIDTH for size in self.filters)
        demand(inside, "filters", f"numbers from 1 to {MAX_WIDTH}", self.filters)
        demand(0 <= self.dropout < 1, "dropout", "0 to below 1", self.dropout)


def baseline_trunk(options: BaselineOptions) -> nn.Sequential:
    """Return the convolutions: `(B, 1, 48, 48)` faces in, `(B, filters[5], 6, 6)` features out."""
    layers: list[nn.Module] = []
    channels = 1
    for number, (width, name) in enumerate(zip(options.filters, options.activations, strict=True)):
        layers += [nn.Conv2d(channels, width, 3, padding=1), _activation(name)]
        channels = width
        if number % 2:
            layers += [nn.BatchNorm2d(width), nn.MaxPool2d(2), nn.Dropout(options.dropout)]
    return nn.Sequential(*layers)


class BaselineNet(nn.Module):
    """FER-PP's convolutional network over the six expressions."""

    def __init__(self, options: BaselineOptions) -> None:
        super().__init__()
        self.trunk = baseline_trunk(options)
        self.head = nn.Linear(options.filters[-1], len(SIX))

    def forward(self, faces: Tensor) -> Tensor:
        """Return the logits of `(B, 1, 48, 48)` faces, `(B, 6)` in the order of `SIX`."""
        features: Tensor = self.trunk(faces)  # (B, C, 6, 6)
        logits: Tensor = self.head(torch.flatten(features.mean(dim=(2, 3)), 1))
        return logits


def _activation(name: Activation) -> nn.Module:
    return nn.ELU() if name == "elu" else nn.SiLU()
