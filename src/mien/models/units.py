"""The network of expression units: what the parts of a grey face do, and how the head is turned."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mien._checking import check_options
from mien._decode import all_demands, demand
from mien.models.emotion import FACE_PX, TrunkOptions, staged_trunk
from mien.units import MIRRORED, MIRRORED_POSE_SIGNS, POSE_FIELDS, UNITS

__all__ = ["UnitNet", "UnitOptions", "UnitOutputs"]

_POSE_SCALE_DEG = 10.0
"""The head's last layer gives angles in this unit, so that its outputs are near 1."""

_MAX_CHANNELS = 2048

_LEAST_MEAN = 0.003


class UnitOutputs(NamedTuple):
    """What the network gives for B faces.

    Attributes:
        units: `(B, 51)` in the order of `UNITS`, 0 to 1.
        pose_deg: `(B, 3)` in the order of `POSE_FIELDS`; the roll is that within the crop.
    """

    units: Tensor
    pose_deg: Tensor


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UnitOptions:
    """Size of the network.

    Attributes:
        trunk: Shape of the trunk, of any family but FER-PP's.
        head_channels: Channels that the trunk's last maps are reduced to before they are laid out
            as one row per face: where something is in the face counts.
        head_width: Width of the layer after that.
        dropout: Share of that layer's outputs that is dropped in training.
    """

    trunk: TrunkOptions = dataclasses.field(
        default_factory=lambda: TrunkOptions(widths=(24, 48, 96, 128), depths=(1, 1, 2, 2))
    )
    head_channels: int = 32
    head_width: int = 128
    dropout: float = 0.1

    @all_demands()
    def __post_init__(self) -> None:
        check_options(self)
        demand(self.trunk.family != "fer-pp", "trunk.family", "another one than fer-pp", "fer-pp")
        for name in ("head_channels", "head_width"):
            value = getattr(self, name)
            demand(0 < value <= _MAX_CHANNELS, name, f"1 to {_MAX_CHANNELS}", value)
        demand(0 <= self.dropout < 1, "dropout", "0 to below 1", self.dropout)


class UnitNet(nn.Module):
    """A grey face in, its expression units and its pose out.

    The network looks at each face and at its mirror image, and takes the mean of both readings. So
    in a mirrored image left and right change places exactly, and yaw and roll their signs.
    """

    mirrored: Tensor
    pose_signs: Tensor

    def __init__(self, options: UnitOptions) -> None:
        super().__init__()
        self.options = options
        self.trunk, _ = staged_trunk(options.trunk)
        side = options.trunk.crop_px >> (len(options.trunk.widths) - 1)
        channels = options.trunk.dense_width or options.trunk.widths[-1]
        self.reduce = nn.Sequential(
            nn.Conv2d(channels, options.head_channels, 1, bias=False),
            nn.BatchNorm2d(options.head_channels),
            nn.ReLU(inplace=True),
        )
        self.hidden = nn.Linear(options.head_channels * side**2, options.head_width)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(options.head_width, len(UNITS) + len(POSE_FIELDS))
        self.register_buffer("mirrored", torch.tensor(MIRRORED), persistent=False)
        self.register_buffer("pose_signs", torch.tensor(MIRRORED_POSE_SIGNS), persistent=False)

    @torch.no_grad()
    def begin_at(self, units: Tensor) -> None:
        """Have an untrained network answer about the mean of the coefficients, `(51,)`, 0 to 1.

        Most coefficients are near 0 in most faces; from 0.5, where a sigmoid begins, the first
        steps would do nothing but go there.
        """
        self.head.weight.mul_(0.1)
        self.head.bias.zero_()
        self.head.bias[: len(UNITS)].copy_(units.clamp(_LEAST_MEAN, 1 - _LEAST_MEAN).logit())

    def forward(self, faces: Tensor) -> UnitOutputs:
        """Read faces and their mirror images.

        Args:
            faces: `(B, 1, 48, 48)` float, normalised as the spec says.
        """
        units, pose = self.read(torch.cat([faces, faces.flip(3)]))
        plain, flipped = units.view(2, -1, len(UNITS)).unbind()
        pose, flipped_pose = pose.view(2, -1, len(POSE_FIELDS)).unbind()
        return UnitOutputs(
            (plain + flipped.index_select(1, self.mirrored)) / 2,
            (pose + flipped_pose * self.pose_signs) / 2,
        )

    def read(self, faces: Tensor) -> UnitOutputs:
        """Read faces as they are, which takes half the time, for training."""
        border = (FACE_PX - self.options.trunk.crop_px) // 2
        inside = slice(border, FACE_PX - border)
        maps = self.reduce(self.trunk(faces[:, :, inside, inside]))
        hidden = self.dropout(self.hidden(maps.flatten(1)).relu())
        values = self.head(hidden)
        units, pose = values.split([len(UNITS), len(POSE_FIELDS)], dim=1)
        return UnitOutputs(units.sigmoid(), pose * _POSE_SCALE_DEG)
