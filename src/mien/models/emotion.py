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

from mien._checking import check_options
from mien._decode import all_demands, demand
from mien.emotions import FER2013_7, FERPLUS_8
from mien.models.baseline import MAX_WIDTH, Activation, BaselineOptions, baseline_trunk

__all__ = [
    "EMBEDDING_SIZE",
    "FACE_PX",
    "PIXEL_MEAN",
    "PIXEL_STD",
    "EmotionNet",
    "EmotionOutputs",
    "FineTunedOptions",
    "FineTunedOutputs",
    "HeadLogits",
    "TrunkOptions",
    "staged_trunk",
]

PIXEL_MEAN = 129.5
"""Mean luma of FER-2013's 28,709 Training images, 0 to 255; what a network's input subtracts."""

PIXEL_STD = 65.0
"""Standard deviation of their luma; what a network's input is divided by."""

FACE_PX = 48
"""Side of a network's input in pixels: the size of FER-2013's images."""

EMBEDDING_SIZE = 16
"""Length of the expression embedding, as in Vemulapalli and Agarwala 2019."""


_MAX_DEPTH, _MAX_CLASSES = 64, 1000
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


class FineTunedOutputs(NamedTuple):
    """What a network with classes of its own gives: `EmotionOutputs`, then the own classes.

    Attributes:
        logits: As in `EmotionOutputs`, like the next three.
        own_logits: `(B, K)` over the own classes.
    """

    logits: Tensor
    fer2013_logits: Tensor
    embedding: Tensor
    activation: Tensor
    own_logits: Tensor


class HeadLogits(NamedTuple):
    """The logits of a network's heads.

    Attributes:
        ferplus: `(B, 8)` over `FERPLUS_8`.
        fer2013: `(B, 7)` over `FER2013_7`.
        own: `(B, K)` over the own classes; None where the network has none.
        adapted: `(B, 8)`, the part of `ferplus` that comes from the adapter; None without one.
    """

    ferplus: Tensor
    fer2013: Tensor
    own: Tensor | None
    adapted: Tensor | None


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
        check_options(self)
        same = len(self.widths) == len(self.depths) and bool(self.widths)
        found = f"{self.widths} and {self.depths}"
        demand(same, "widths and depths", "one of each per stage", found)
        for name, largest in (("widths", MAX_WIDTH), ("depths", _MAX_DEPTH)):
            sizes = getattr(self, name)
            inside = all(0 < size <= largest for size in sizes)
            demand(inside, name, f"numbers above 0, at most {largest}", sizes)
        demand(0 <= self.dropout < 1, "dropout", "0 to below 1", self.dropout)
        inside = self.crop_px % 2 == 0 and 0 < self.crop_px <= FACE_PX
        demand(inside, "crop_px", f"an even number of 2 to {FACE_PX}", self.crop_px)
        dense = 0 <= self.dense_width <= MAX_WIDTH
        demand(dense, "dense_width", f"0 to {MAX_WIDTH}", self.dense_width)
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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FineTunedOptions(TrunkOptions):
    """What fine-tuning adds to a network.

    Attributes:
        adapter_width: Units of a layer beside the trunk: it sees the means of the last three
            stages, and adds to the logits of both heads; 0 leaves it out.
        own_classes: Classes of a third head, for a user's own labels; 0 leaves it out.
    """

    adapter_width: int = 0
    own_classes: int = 0

    @all_demands()
    def __post_init__(self) -> None:
        TrunkOptions.__post_init__(self)
        for name, largest in (("adapter_width", MAX_WIDTH), ("own_classes", _MAX_CLASSES)):
            value = getattr(self, name)
            demand(0 <= value <= largest, name, f"0 to {largest}", value)


class EmotionNet(nn.Module):
    """A grey face in, the heads and the class activation maps out.

    The heads are linear in the trunk's features, the mean of its last stage. A network that was
    fine-tuned has an adapter beside it, a layer that sees more of the trunk (`FineTunedOptions`).
    """

    def __init__(self, options: TrunkOptions) -> None:
        super().__init__()
        self.options = options
        channels = options.dense_width or options.widths[-1]
        fer_pp = options.family == "fer-pp"
        ends: list[tuple[int, int]] = []
        if fer_pp:
            self.trunk = baseline_trunk(options.baseline())
        else:
            self.trunk, ends = staged_trunk(options)
        self._ends = ends
        self.dropout = nn.Dropout(0.0 if fer_pp else options.dropout)
        self.ferplus_head = nn.Linear(channels, len(FERPLUS_8))
        self.fer2013_head = nn.Linear(channels, len(FER2013_7))
        self.embedding_head = nn.Linear(channels, EMBEDDING_SIZE)
        seen = channels + sum(width for _, width in self._ends)
        added = options if isinstance(options, FineTunedOptions) else FineTunedOptions()
        hidden, own = added.adapter_width, added.own_classes
        self.adapter = _Adapter(seen, hidden) if hidden else None
        self.own_head = nn.Linear(seen + hidden, own) if own else None

    def forward(self, faces: Tensor) -> EmotionOutputs | FineTunedOutputs:
        """Run the network.

        Args:
            faces: `(B, 1, 48, 48)` float, normalised as the spec says.
        """
        maps, features = self.features(faces)
        kept = self.dropout(features)
        heads = self.heads(kept)
        channels = maps.shape[1]
        embedding = nn.functional.normalize(self.embedding_head(kept[:, :channels]), dim=1)
        activation = torch.einsum("bchw,kc->bkhw", maps, self.ferplus_head.weight)
        if heads.adapted is not None:  # it does not say where, so it is spread evenly
            activation = activation + heads.adapted[:, :, None, None]
        if heads.own is None:
            return EmotionOutputs(heads.ferplus, heads.fer2013, embedding, activation)
        return FineTunedOutputs(heads.ferplus, heads.fer2013, embedding, activation, heads.own)

    def features(self, faces: Tensor, *, all_stages: bool = False) -> tuple[Tensor, Tensor]:
        """Run the trunk.

        Args:
            faces: `(B, 1, 48, 48)` float, normalised as the spec says.
            all_stages: Whether to return the features of an adapter, too, where there is none.

        Returns:
            The maps of its last layer, `(B, C, h, w)`, and the features, `(B, D)`: their mean over
            h and w, and where there is an adapter, those of the two stages before.
        """
        border = (FACE_PX - self.options.crop_px) // 2
        inside = slice(border, FACE_PX - border)
        maps = faces[:, :, inside, inside]
        if self.adapter is None and self.own_head is None and not all_stages:
            maps = self.trunk(maps)
            return maps, maps.mean(dim=(2, 3))
        ends = {place for place, _ in self._ends}
        earlier: list[Tensor] = []
        for place, layer in enumerate(self.trunk):
            maps = layer(maps)
            if place in ends:
                earlier.append(maps.mean(dim=(2, 3)))
        return maps, torch.cat((maps.mean(dim=(2, 3)), *earlier), dim=1)

    def heads(self, features: Tensor) -> HeadLogits:
        """Return the logits of the heads for features `(B, D)`."""
        pooled = features[:, : self.ferplus_head.in_features]
        ferplus, fer2013, adapted = self.ferplus_head(pooled), self.fer2013_head(pooled), None
        if self.adapter is not None:
            hidden, adapted, added = self.adapter(features)
            ferplus, fer2013 = ferplus + adapted, fer2013 + added
            features = torch.cat((features, hidden), dim=1)
        own = None if self.own_head is None else self.own_head(features)
        return HeadLogits(ferplus, fer2013, own, adapted)


class _Adapter(nn.Module):
    """A layer on the features, and what it adds to the logits of both heads: nothing at first."""

    def __init__(self, seen: int, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(seen, width)
        self.ferplus = nn.Linear(width, len(FERPLUS_8))
        self.fer2013 = nn.Linear(width, len(FER2013_7))
        for head in (self.ferplus, self.fer2013):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = self.layer(features).relu()
        return hidden, self.ferplus(hidden), self.fer2013(hidden)


def staged_trunk(options: TrunkOptions) -> tuple[nn.Sequential, list[tuple[int, int]]]:
    """Return a trunk of any family but FER-PP's, and where the two stages before its last end.

    These are the numbers of their last layers, with their channels.
    """
    layers: list[nn.Module] = []
    ends: list[tuple[int, int]] = []
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
        if last_stage - 2 <= stage < last_stage:
            ends.append((len(layers) - 1, width))
    if options.dense_width:
        dense = _conv(channels, options.dense_width, size=1)
        layers.append(nn.Sequential(dense, nn.ReLU(inplace=True)))
    return nn.Sequential(*layers), ends


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
