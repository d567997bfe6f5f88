"""The face detector: an anchor-free depthwise network in the YuNet layout."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien._checking import check_options
from mien._decode import all_demands, demand

__all__ = ["PIXEL_MEAN", "PIXEL_STD", "STRIDES", "DetectorNet", "DetectorOptions"]

STRIDES = (8, 16, 32)
"""Pixels per cell on the three levels."""

PIXEL_MEAN, PIXEL_STD = 127.5, 64.0
"""The network takes `(v - PIXEL_MEAN) / PIXEL_STD` of each channel."""

_PRIOR_PROBABILITY = 0.01
"""Object probability of every cell before training, since faces are rare (Lin et al. 2017)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DetectorOptions:
    """Size of the network.

    Attributes:
        stem: Channels at stride 2 and 4.
        width: Channels of the three levels.
        depths: Blocks of each level.
        landmark_depths: Blocks of each level before its landmark outputs.
        context_depth: Blocks at stride 64, which has no outputs of its own: it shows the coarsest
            level faces as large as the frame. 0 leaves it out.
    """

    stem: tuple[int, int] = (16, 32)
    width: int = 72
    depths: tuple[int, int, int] = (4, 3, 3)
    landmark_depths: tuple[int, int, int] = (1, 2, 2)
    context_depth: int = 0

    @all_demands()
    def __post_init__(self) -> None:
        check_options(self)
        for name, lowest, largest in (
            ("stem", 1, 1024), ("depths", 0, 64), ("landmark_depths", 0, 64)
        ):  # fmt: skip
            sizes = getattr(self, name)
            inside = all(lowest <= size <= largest for size in sizes)
            demand(inside, name, f"numbers from {lowest} to {largest}", sizes)
        demand(0 < self.width <= 1024, "width", "1 to 1024", self.width)
        demand(0 <= self.context_depth <= 64, "context_depth", "0 to 64", self.context_depth)


class DetectorNet(nn.Module):
    """Depthwise-separable trunk, a small feature pyramid, one head per level."""

    def __init__(self, options: DetectorOptions) -> None:
        super().__init__()
        first, second = options.stem
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
            _separable(first, second, stride=2),
            _separable(second, second),
        )
        channels = (second, options.width, options.width)
        self.levels = nn.ModuleList(
            nn.Sequential(
                _separable(before, options.width, stride=2),
                *(_separable(options.width, options.width) for _ in range(depth - 1)),
            )
            for before, depth in zip(channels, options.depths, strict=True)
        )
        self.context = _context(options.width, options.context_depth)
        self.merges = nn.ModuleList(_separable(options.width, options.width) for _ in STRIDES)
        self.heads = nn.ModuleList(
            _Head(options.width, landmark_depth=depth) for depth in options.landmark_depths
        )

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Run the network.

        Args:
            images: `(B, 3, H, W)` float BGR, normalised, H and W multiples of 32.

        Returns:
            The twelve outputs of the YuNet layout: `cls_s` and `obj_s` `(B, cells, 1)` as
            probabilities, then `bbox_s` `(B, cells, 4)` and `kps_s` `(B, cells, 10)`, each for
            s of 8, 16 and 32.
        """
        faces, landmarks = zip(*self._maps(images), strict=True)
        # A single channel lies in memory as its cells do: only the others are transposed.
        cls, obj, bbox = zip(*(face.split((1, 1, 4), dim=1) for face in faces), strict=True)
        scores = (score.flatten(1)[..., None].sigmoid() for score in (*cls, *obj))
        return (*scores, *map(_cells, bbox), *map(_cells, landmarks))

    def cells(self, images: Tensor) -> list[Tensor]:
        """Return each level's raw values, `(B, cells, 16)`: cls, obj, bbox (4), kps (10)."""
        return [_cells(torch.cat(maps, dim=1)) for maps in self._maps(images)]

    def _maps(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return each level's raw values for faces, `(B, 6, h, w)`, and landmarks, 10 instead."""
        features = self.stem(images)
        trunk = []
        for level in self.levels:
            features = level(features)
            trunk.append(features)
        coarsest = trunk[2]
        if self.context is not None:
            above = functional.interpolate(self.context(coarsest), scale_factor=2.0, mode="nearest")
            # Of an odd number of cells the last one has half a cell of stride 64.
            coarsest = coarsest + above[..., : coarsest.shape[2], : coarsest.shape[3]]
        merged: list[Tensor] = [self.merges[2](coarsest)]
        for number in (1, 0):
            above = functional.interpolate(merged[0], scale_factor=2.0, mode="nearest")
            merged.insert(0, self.merges[number](trunk[number] + above))
        return [head(level) for head, level in zip(self.heads, merged, strict=True)]


class _Head(nn.Module):
    """Head of one level: one block for scores and boxes, others for landmarks."""

    def __init__(self, width: int, *, landmark_depth: int) -> None:
        super().__init__()
        self.face_block = _separable(width, width)
        self.landmark_blocks = nn.Sequential(
            *(_separable(width, width) for _ in range(landmark_depth))
        )
        self.face = nn.Conv2d(width, 6, 1)
        self.landmarks = nn.Conv2d(width, 10, 1)
        for layer in (self.face, self.landmarks):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        bias = torch.zeros(6)
        bias[1] = math.log(_PRIOR_PROBABILITY / (1 - _PRIOR_PROBABILITY))
        bias[4:6] = 1.0  # initial boxes have sides of e cells
        self.face.bias = nn.Parameter(bias)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        face, landmarks = self.face_block(features), self.landmark_blocks(features)
        return self.face(face), self.landmarks(landmarks)


class _Depthwise(nn.Conv2d):
    """A depthwise convolution of 3x3, in float32 where it halves the sides.

    With bf16 a CPU takes three times as long for the gradient of such a one.
    """

    def __init__(self, channels: int, *, stride: int) -> None:
        super().__init__(channels, channels, 3, stride, padding=1, groups=channels, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        if self.stride == (1, 1) or not torch.is_autocast_enabled(features.device.type):
            return super().forward(features)
        with torch.autocast(features.device.type, enabled=False):
            return super().forward(features.float())


def _separable(channels: int, width: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        _Depthwise(channels, stride=stride),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )


def _context(width: int, depth: int) -> nn.Sequential | None:
    """Build the level of stride 64.

    Its last layer is linear and begins as 0, so that it can be added to a trained network without
    changing what that finds.
    """
    if not depth:
        return None
    norm = nn.BatchNorm2d(width)
    nn.init.zeros_(norm.weight)
    return nn.Sequential(
        _separable(width, width, stride=2),
        *(_separable(width, width) for _ in range(depth - 1)),
        nn.Conv2d(width, width, 1, bias=False),
        norm,
    )


def _cells(values: Tensor) -> Tensor:
    return values.permute(0, 2, 3, 1).flatten(1, 2)  # (B, cells, C)
