"""What it costs a detector to say something else than its teacher, cell by cell."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["CellGrid", "decoded_boxes", "distillation_loss", "pairwise_iou"]

_LEAST_SCORE = 0.1
"""Boxes and landmarks of cells that the teacher scores below this are noise."""

_WHOLE_LANDMARKS_PX = 64
"""Landmarks of smaller faces count less, by their size: a teacher's own are off by a share of a
cell, and small faces are the most."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellGrid:
    """All N cells of all levels.

    Attributes:
        points_xy: `(N, 2)`, the cells' points in pixels.
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
    """Return the boxes that cells `(..., N, 16)` stand for, `(..., N, 4)` in pixels."""
    strides = grid.strides[:, None]
    centres = grid.points_xy + cells[..., 2:4] * strides
    half = cells[..., 4:6].clamp(max=6).exp() * strides / 2
    return torch.cat((centres - half, centres + half), dim=-1)


def distillation_loss(cells: Tensor, taught: Tensor, grid: CellGrid) -> dict[str, Tensor]:
    """Compute the four losses of a batch, each over the sum of the teacher's scores.

    `obj` and `cls` are the divergence (Kullback-Leibler) of the student's probabilities from the
    teacher's, the latter where the teacher sees something; `box` is the distance-IoU loss (Zheng et
    al. 2020), `kps` the smooth L1 distance of the landmarks over the face's size. The last two
    weigh each cell by the teacher's score, `kps` also by the size of faces of less than 64 pixels.
    All are 0 for a student that says what its teacher says.

    Args:
        cells: `(B, N, 16)` raw float32 values of the student: cls, obj, bbox (4), kps (10).
        taught: `(B, N, 16)` float32 of the teacher; cls and obj as probabilities.
        grid: The cells' places.

    Returns:
        The scalars `obj`, `cls`, `box` and `kps`.
    """
    cls, obj = taught[..., 0], taught[..., 1]
    score = (cls * obj).sqrt()
    weight = torch.where(score >= _LEAST_SCORE, score, 0.0)
    total = weight.sum().clamp(min=1.0)
    seen = torch.nonzero(weight, as_tuple=True)  # the n cells that count
    found, wanted = decoded_boxes(cells, grid)[seen], decoded_boxes(taught, grid)[seen]
    iou, distance = _iou_and_distance(found, wanted)
    size = (wanted[:, 2:] - wanted[:, :2]).prod(dim=1).sqrt().clamp(min=1.0)
    per_cell = (grid.strides[seen[1]] / size)[:, None]
    landmarks = functional.smooth_l1_loss(
        cells[seen][:, 6:] * per_cell, taught[seen][:, 6:] * per_cell, reduction="none", beta=0.02
    )
    counts = weight[seen] * (size / _WHOLE_LANDMARKS_PX).clamp(max=1)
    return {
        "obj": _divergence(cells[..., 1], obj).sum() / total,
        "cls": (_divergence(cells[..., 0], cls) * obj).sum() / total,
        "box": ((1 - iou + distance) * weight[seen]).sum() / total,
        "kps": (landmarks.mean(dim=1) * counts).sum() / counts.sum().clamp(min=1.0),
    }


def _divergence(logits: Tensor, probabilities: Tensor) -> Tensor:
    """Return the divergence of a logit's Bernoulli distribution from a known one."""
    least = functional.binary_cross_entropy(probabilities, probabilities, reduction="none")
    return (
        functional.binary_cross_entropy_with_logits(logits, probabilities, reduction="none") - least
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
