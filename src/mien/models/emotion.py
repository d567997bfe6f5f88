"""The emotion network: a convolutional trunk of one of four families with three heads on it.

Plain 3x3 convolutions with batch normalisation and ReLU run several times faster on a CPU than
fancier blocks of the same size, in training and in use alike; the other families are there to be
compared with them, and as different members of an ensemble of teachers.
"""

from __future__ import annotations

import dataclasses
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from mien._decode import all_demands, demand
from mien.emotions import FER2013_7, FERPLUS_8
from mien.models.baseline import Activation, BaselineOptions, baseline_trunk

__all__ = [
    "EMBEDDING_SIZE",
    "FACE_PX",
    "PIXEL_MEAN",
    "PIXEL_STD",
    "EmotionNet",
    "EmotionOutputs",
    "TrunkOptions",
]

PIXEL_MEAN = 129.5
"""Mean luma of FER-2013's 28,709 Training images, 0 to 255; what a network's input subtracts."""

PIXEL_STD = 65.0
"""Standard deviation of their luma; what a network's input is divided by."""

FACE_PX = 48
"""Side of a network's input in pixels: the size of FER-2013's images."""

EMBEDDING_SIZE = 16
"""Length of the expression embedding, as in Vemulapalli and Agarwala 2019."""


_MAX_WIDTH, _MAX_DEPTH = 2048, 64
"""Larger networks are slips of the pen, and would ask for more memory than there is."""


class EmotionOutputs(NamedTuple):
    """What the network gives for B faces.

    Attributes:
        logits: `(B, 8)` over `FERPLUS_8`.
        fer2013_logits: `(B, 7)` over `FER2013_7`.
        embedding: `(B, 16)`, unit length: like expressions lie close.
        activation: `(B, 8, h, w)` class activation maps of `logits`; with the head's bias, their
            mean over h and w is `logits` (Zhou et al. 2016).
    """

    logits: Tensor
    fer2013_logits: Tensor
    embedding: Tensor
    activation: Tensor


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrunkOptions:
    """Shape of the trunk.

    Attributes:
        family: What a stage is made of. `plain`: 3x3 convolutions, each with batch normalisation
            and ReLU. `residual`: after one such convolution, blocks of two with the identity
            added (He et al. 2016). `separable`: a 3x3 convolution per channel and a 1x1 one across
            them, with the identity added where the width stays (Chollet 2017); the first stage is
            plain. `fer-pp`: FER-PP's six convolutions, see `baseline_trunk`; a stage is one.
        squeeze_excite: Whether each stage ends with a gate per channel (Hu et al. 2018).
        pool_first: Whether the last convolution of a plain stage is pooled before its batch
            normalisation and ReLU instead of after them. They then see a quarter of the values,
            and a training step on a CPU takes two thirds of the time.
        crop_px: Side of the middle square that the network looks at, of its input's 48 pixels. Less
            than 48 leaves room for a training to shift images without filling their borders.
        widths: Channels of each stage; stages are joined by 2x2 max pooling.
        depths: Units of each stage: convolutions if plain, the first one and blocks if residual,
            pairs of convolutions if separable.
        dense_width: Channels of a dense layer with batch normalisation and ReLU on every position
            of the last stage, before the mean over them; 0 leaves it out.
        activations: Activation of each of FER-PP's convolutions; empty for the other families.
        dropout: Share of feature channels dropped before the heads, in training; FER-PP's
            network drops after each pair of convolutions instead.
    """

    family: Literal["plain", "residual", "separable", "fer-pp"] = "plain"
    squeeze_excite: bool = False
    pool_first: bool = False
    crop_px: int = FACE_PX
    widths: tuple[int, ...] = (32, 64, 96, 176)
    depths: tuple[int, ...] = (1, 1, 2, 3)
    dense_width: int = 0
    activations: tuple[Activation, ...] = ()
    dropout: float = 0.2

    @all_demands()
    def __post_init__(self) -> None:
        same = len(self.widths) == len(self.depths) and bool(self.widths)
        found = f"{self.widths} and {self.depths}"
        demand(same, "widths and depths", "one of each per stage", found)
        for name, largest in (("widths", _MAX_WIDTH), ("depths", _MAX_DEPTH)):
            sizes = getattr(self, name)
            inside = all(0 < size <= largest for size in sizes)
            demand(inside, name, f"numbers above 0, at most {largest}", sizes)
        demand(0 <= self.dropout < 1, "dropout", "0 to below 1", self.dropout)
        inside = self.crop_px % 2 == 0 and 0 < self.crop_px <= FACE_PX
        demand(inside, "crop_px", f"an even number of 2 to {FACE_PX}", self.crop_px)
        dense = 0 <= self.dense_width <= _MAX_WIDTH
        demand(dense, "dense_width", f"0 to {_MAX_WIDTH}", self.dense_width)
        if self.family != "fer-pp":
            # Each stage but the first halves the pixels of a side.
            most = max(1, self.crop_px.bit_length())
            demand(len(self.widths) <= most, "widths", f"at most {most} stages", self.widths)
        demand(
            not self.pool_first or (self.family == "plain" and not self.squeeze_excite),
            "pool_first",
            "false for residual and separable stages and for stages with a gate",
            self.pool_first,
        )
        if self.family == "fer-pp":
            demand(len(self.widths) == 6, "widths", "six numbers for fer-pp", self.widths)
            names = self.activations
            demand(len(names) == 6, "activations", "six names for fer-pp", names)
            demand(set(self.depths) == {1}, "depths", "1 for each of six layers", self.depths)
            demand(not self.squeeze_excite, "squeeze_excite", "false in FER-PP's network", True)
            demand(self.dense_width == 0, "dense_width", "0 in FER-PP's network", self.dense_width)
        else:
            demand(not self.activations, "activations", "none but for fer-pp", self.activations)

    def baseline(self) -> BaselineOptions:
        """Return what FER-PP's network has of it."""
        return BaselineOptions(
            filters=self.widths, activations=self.activations, dropout=self.dropout
        )


class EmotionNet(nn.Module):
    """A grey face in, three heads and the class activation maps out."""

    def __init__(self, options: TrunkOptions) -> None:
        super().__init__()
        self.options = options
        channels = options.dense_width or options.widths[-1]
        fer_pp = options.family == "fer-pp"
        self.trunk = baseline_trunk(options.baseline()) if fer_pp else _staged(options)
        self.dropout = nn.Dropout(0.0 if fer_pp else options.dropout)
        self.ferplus_head = nn.Linear(channels, len(FERPLUS_8))
        self.fer2013_head = nn.Linear(channels, len(FER2013_7))
        self.embedding_head = nn.Linear(channels, EMBEDDING_SIZE)

    def forward(self, faces: Tensor) -> EmotionOutputs:
        """Run the network.

        Args:
            faces: `(B, 1, 48, 48)` float, normalised as the spec says.
        """
        border = (FACE_PX - self.options.crop_px) // 2
        seen = slice(border, FACE_PX - border)
        features = self.trunk(faces[:, :, seen, seen])  # (B, C, h, w)
        pooled = features.mean(dim=(2, 3))  # (B, C)
        kept = self.dropout(pooled)  # (B, C)
        embedding = nn.functional.normalize(self.embedding_head(kept), dim=1)  # (B, 16)
        activation = torch.einsum("bchw,kc->bkhw", features, self.ferplus_head.weight)
        return EmotionOutputs(
            self.ferplus_head(kept), self.fer2013_head(kept), embedding, activation
        )


def _staged(options: TrunkOptions) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = 1
    last_stage = len(options.widths) - 1
    for stage, (width, depth) in enumerate(zip(options.widths, options.depths, strict=True)):
        if stage and not options.pool_first:
            layers.append(nn.MaxPool2d(2))
        for unit in range(depth):
            if options.pool_first and unit == depth - 1 and stage < last_stage:
                layers.append(_pooled_unit(channels, width))
            else:
                layers.append(_unit(options.family, channels, width, first=unit == 0))
            channels = width
        if options.squeeze_excite:
            layers.append(_Gate(width))
    if options.dense_width:
        dense = _conv(channels, options.dense_width, size=1)
        layers.append(nn.Sequential(dense, nn.ReLU(inplace=True)))
    return nn.Sequential(*layers)


def _unit(family: str, channels: int, width: int, *, first: bool) -> nn.Module:
    if family == "residual" and not first:
        return _Added(
            nn.Sequential(_conv(width, width), nn.ReLU(inplace=True), _conv(width, width))
        )
    if family == "separable" and channels > 1:
        body = nn.Sequential(
            _conv(channels, channels, groups=channels),
            nn.ReLU(inplace=True),
            _conv(channels, width, size=1),
        )
        return _Added(body) if channels == width else nn.Sequential(body, nn.ReLU(inplace=True))
    return nn.Sequential(_conv(channels, width), nn.ReLU(inplace=True))


def _pooled_unit(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )


def _conv(channels: int, width: int, *, size: int = 3, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, size, padding=size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(width),
    )


class _Added(nn.Module):
    """A body with the identity added, then ReLU."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, features: Tensor) -> Tensor:
        added: Tensor = features + self.body(features)
        return added.relu()


class _Gate(nn.Module):
    """Squeeze and excitation: each channel times a number that the whole image decides."""

    def __init__(self, width: int) -> None:
        super().__init__()
        squeezed = max(8, width // 8)
        self.gate = nn.Sequential(
            nn.Linear(width, squeezed),
            nn.ReLU(inplace=True),
            nn.Linear(squeezed, width),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        gate: Tensor = self.gate(features.mean(dim=(2, 3)))  # (B, C)
        return features * gate[:, :, None, None]
