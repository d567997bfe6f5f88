"""Losses of the face detector: the difference from its teacher in every cell."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["CellGrid", "decoded_boxes", "detector_losses", "pairwise_iou"]

_MIN_SCORE = 0.1
"""The teacher's boxes and landmarks count in cells with at entropy this score; others are noise."""

_FULL_WEIGHT_PX = 40
"""Side of a face from which its landmarks have full weight, which is smaller in proportion below.

A teacher's landmarks are off by a share of a cell, and most faces are small."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellGrid:
    """All N cells of all levels.

    Attributes:
        points_xy: `(N, 2)`, the reference points of the cells in pixels.
        strides: `(N,)`, pixels per cell.
    """

    points_xy: Tensor
    strides: Tensor

    @classmethod
    def of(
        cls, height: int, width: int, strides: tuple[int, ...], device: torch.device
    ) -> CellGrid:
        """Build the grid of a network input of the given size."""
        points, sizes = [], []
        for stride in strides:
            y, x = torch.meshgrid(
                torch.arange(height // stride), torch.arange(width // stride), indexing="ij"
            )
            level = torch.stack((x, y), dim=2).flatten(0, 1).float() * stride
            points.append(level)
            sizes.append(torch.full((len(level),), float(stride)))
        return cls(points_xy=torch.cat(points).to(device), strides=torch.cat(sizes).to(device))


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the intersection over union of `(N, 4)` and `(M, 4)` boxes, `(N, M)`."""
    corner = torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2])
    shared = corner.clamp(min=0).prod(dim=2)
    areas_a = (a[:, 2:] - a[:, :2]).clamp(min=0).prod(dim=1)
    areas_b = (b[:, 2:] - b[:, :2]).clamp(min=0).prod(dim=1)
    return shared / (areas_a[:, None] + areas_b - shared).clamp(min=1e-6)


def decoded_boxes(cells: Tensor, grid: CellGrid) -> Tensor:
    """Return the boxes of cells `(..., N, 16)`, `(..., N, 4)` in pixels."""
    strides = grid.strides[:, None]
    centres = grid.points_xy + cells[..., 2:4] * strides
    half = cells[..., 4:6].clamp(max=6).exp() * strides / 2
    return torch.cat((centres - half, centres + half), dim=-1)


def detector_losses(cells: Tensor, targets: Tensor, grid: CellGrid) -> dict[str, Tensor]:
    """Compute the four losses of a batch, each divided by the sum of the teacher's scores.

    `obj` and `cls` are Kullback-Leibler divergences of the student's probabilities from the
    teacher's, `cls` weighted by the teacher's `obj`. `box` is the distance-IoU loss (Zheng et al.
    2020), `kps` the smooth L1 distance of the landmarks relative to the size of the face. These two
    are weighted by the teacher's score, `kps` also by the size of faces of less than 40 pixels. All
    are 0 if the student's outputs are the teacher's.

    Args:
        cells: `(B, N, 16)` raw float32 outputs of the student: cls, obj, bbox (4), kps (10).
        targets: `(B, N, 16)` float32 outputs of the teacher; cls and obj as probabilities.
        grid: The cells' places.

    Returns:
        The scalars `obj`, `cls`, `box` and `kps`.
    """
    cls, obj = targets[..., 0], targets[..., 1]
    score = (cls * obj).sqrt()
    weight = torch.where(score >= _MIN_SCORE, score, 0.0)
    total = weight.sum().clamp(min=1.0)
    foreground = torch.nonzero(weight, as_tuple=True)  # indices of n cells
    boxes, target_boxes = (
        decoded_boxes(cells, grid)[foreground],
        decoded_boxes(targets, grid)[foreground],
    )
    iou, distance = _iou_and_distance(boxes, target_boxes)
    size = (target_boxes[:, 2:] - target_boxes[:, :2]).prod(dim=1).sqrt().clamp(min=1.0)
    per_cell = (grid.strides[foreground[1]] / size)[:, None]
    landmarks = functional.smooth_l1_loss(
        cells[foreground][:, 6:] * per_cell,
        targets[foreground][:, 6:] * per_cell,
        reduction="none",
        beta=0.02,
    )
    landmark_weight = weight[foreground] * (size / _FULL_WEIGHT_PX).clamp(max=1)
    return {
        "obj": _divergence(cells[..., 1], obj).sum() / total,
        "cls": (_divergence(cells[..., 0], cls) * obj).sum() / total,
        "box": ((1 - iou + distance) * weight[foreground]).sum() / total,
        "kps": (landmarks.mean(dim=1) * landmark_weight).sum()
        / landmark_weight.sum().clamp(min=1.0),
    }


def _divergence(logits: Tensor, probabilities: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of Bernoulli distributions from their targets."""
    entropy = functional.binary_cross_entropy(probabilities, probabilities, reduction="none")
    return (
        functional.binary_cross_entropy_with_logits(logits, probabilities, reduction="none")
        - entropy
    )


def _iou_and_distance(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the IoU of pairs and the squared distance of their centres over their hull's."""
    corner = torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])
    shared = corner.clamp(min=0).prod(dim=1)
    areas = (a[:, 2:] - a[:, :2]).prod(dim=1) + (b[:, 2:] - b[:, :2]).prod(dim=1)
    iou = shared / (areas - shared).clamp(min=1e-6)
    hull = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    between = (a[:, :2] + a[:, 2:] - b[:, :2] - b[:, 2:]) / 2
    return iou, between.square().sum(dim=1) / hull.square().sum(dim=1).clamp(min=1e-6)
