"""Which cells answer for which face, and what their answers cost."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["CellGrid", "FaceTargets", "assign_cells", "detector_loss", "pairwise_iou"]

_CENTRE_RADIUS_CELLS = 2.0
_CANDIDATES = 10


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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaceTargets:
    """The G faces of one picture.

    Attributes:
        boxes_xyxy: `(G, 4)` in pixels.
        landmarks_xy: `(G, 5, 2)` in pixels.
        sure: `(G,)` bool; cells in the others' boxes count for nothing.
        landmarked: `(G,)` bool.
    """

    boxes_xyxy: Tensor
    landmarks_xy: Tensor
    sure: Tensor
    landmarked: Tensor

    def to(self, device: torch.device) -> FaceTargets:
        """Return the same faces on another device."""
        names = [field.name for field in dataclasses.fields(self)]
        return FaceTargets(**{name: getattr(self, name).to(device) for name in names})


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the intersection over union of `(N, 4)` and `(M, 4)` boxes, `(N, M)`."""
    corner = torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2])
    shared = corner.clamp(min=0).prod(dim=2)
    areas_a = (a[:, 2:] - a[:, :2]).clamp(min=0).prod(dim=1)
    areas_b = (b[:, 2:] - b[:, :2]).clamp(min=0).prod(dim=1)
    return shared / (areas_a[:, None] + areas_b - shared).clamp(min=1e-6)


def decoded_boxes(cells: Tensor, grid: CellGrid) -> Tensor:
    """Return the boxes that raw cells `(..., N, 16)` stand for, `(..., N, 4)` in pixels."""
    strides = grid.strides[:, None]
    centres = grid.points_xy + cells[..., 2:4] * strides
    half = cells[..., 4:6].clamp(max=6).exp() * strides / 2
    return torch.cat((centres - half, centres + half), dim=-1)


@torch.no_grad()
def assign_cells(cells: Tensor, boxes: Tensor, grid: CellGrid, targets: FaceTargets) -> Tensor:
    """Choose the cells that answer for each sure face (SimOTA, Ge et al. 2021).

    Args:
        cells: `(N, 16)`, one picture's raw values.
        boxes: `(N, 4)`, their decoded boxes.
        grid: The cells' places.
        targets: The picture's faces.

    Returns:
        `(N,)` long: the number of the face, -1 for background, -2 for cells that count for nothing.
    """
    assigned = torch.full((len(cells),), -1, device=cells.device)
    unsure = targets.boxes_xyxy[~targets.sure]
    if len(unsure):
        assigned[_inside(grid.points_xy, unsure).any(dim=1)] = -2
    numbers = torch.nonzero(targets.sure)[:, 0]
    if not len(numbers):
        return assigned
    faces = targets.boxes_xyxy[numbers]
    centres = (faces[:, :2] + faces[:, 2:]) / 2
    offset = (grid.points_xy[:, None] - centres).abs().amax(dim=2) / grid.strides[:, None]
    near = offset < _CENTRE_RADIUS_CELLS  # (N, G)
    possible = near & (_inside(grid.points_xy, faces) | (offset < 1))
    chosen = torch.nonzero(possible.any(dim=1))[:, 0]
    iou = pairwise_iou(boxes[chosen], faces)  # (n, G)
    score = (cells[chosen, 0].sigmoid() * cells[chosen, 1].sigmoid()).sqrt()
    cost = -score.clamp(min=1e-6).log()[:, None] - 3 * iou.clamp(min=1e-6).log()
    cost = cost + 1e5 * ~possible[chosen]
    counts = iou.topk(min(_CANDIDATES, len(chosen)), dim=0).values.sum(dim=0).int().clamp(min=1)
    order = cost.argsort(dim=0).argsort(dim=0)  # rank of each cell for each face
    taken = (order < counts) & possible[chosen]
    cost = torch.where(taken, cost, torch.inf)
    best = cost.argmin(dim=1)
    answered = taken.any(dim=1)
    assigned[chosen[answered]] = numbers[best[answered]]
    return assigned


def detector_loss(cells: Tensor, grid: CellGrid, targets: list[FaceTargets]) -> dict[str, Tensor]:
    """Compute the four losses of a batch, each over the number of answering cells.

    `obj` says whether a cell answers for a face, with plain cross-entropy, so that a score stays a
    probability; `cls` how well an answering cell's box fits, by its intersection over union; `box`
    is the distance-IoU loss (Zheng et al. 2020); `kps` the smooth L1 distance of the landmarks over
    the face's size.

    Args:
        cells: `(B, N, 16)` raw float32 values.
        grid: The cells' places.
        targets: The faces of each of the B pictures.

    Returns:
        The scalars `obj`, `cls`, `box` and `kps`.
    """
    boxes = decoded_boxes(cells, grid)
    pictures = zip(cells.detach(), boxes.detach(), targets, strict=True)
    assigned = torch.stack([assign_cells(raw, box, grid, faces) for raw, box, faces in pictures])
    positive = assigned >= 0
    count = positive.sum().clamp(min=1)
    obj = cells[..., 1]
    wanted = positive.float()
    counted = (assigned != -2).float()
    obj_loss = functional.binary_cross_entropy_with_logits(obj, wanted, counted, reduction="sum")
    picture = torch.nonzero(positive)[:, 0]
    starts = torch.tensor([0, *(len(target.sure) for target in targets[:-1])]).cumsum(0)
    face = assigned[positive] + starts.to(cells.device)[picture]
    true_boxes = torch.cat([target.boxes_xyxy for target in targets])[face]
    iou, distance = _iou_and_distance(boxes[positive], true_boxes)
    cls_loss = functional.binary_cross_entropy_with_logits(
        cells[..., 0][positive], iou.detach(), reduction="sum"
    )
    return {
        "obj": obj_loss / count,
        "cls": cls_loss / count,
        "box": (1 - iou + distance).sum() / count,
        "kps": _landmark_loss(cells[positive], positive, grid, targets, face) / count,
    }


def _landmark_loss(
    cells: Tensor, positive: Tensor, grid: CellGrid, targets: list[FaceTargets], face: Tensor
) -> Tensor:
    number = torch.nonzero(positive)[:, 1]
    strides = grid.strides[number][:, None, None]
    found = grid.points_xy[number][:, None] + cells[:, 6:].view(-1, 5, 2) * strides
    true = torch.cat([target.landmarks_xy for target in targets])[face]
    counted = torch.cat([target.landmarked for target in targets])[face]
    box = torch.cat([target.boxes_xyxy for target in targets])[face]
    size = (box[:, 2:] - box[:, :2]).prod(dim=1).sqrt().clamp(min=1)[:, None, None]
    error = functional.smooth_l1_loss(found / size, true / size, reduction="none", beta=0.02)
    return (error.mean(dim=(1, 2)) * counted).sum()


def _inside(points: Tensor, boxes: Tensor) -> Tensor:
    """Say which of `(N, 2)` points lie in which of `(G, 4)` boxes, `(N, G)`."""
    return ((points[:, None] > boxes[:, :2]) & (points[:, None] < boxes[:, 2:])).all(dim=2)


def _iou_and_distance(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the IoU of pairs and the squared distance of their centres over their hull's."""
    corner = torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])
    shared = corner.clamp(min=0).prod(dim=1)
    areas = (a[:, 2:] - a[:, :2]).prod(dim=1) + (b[:, 2:] - b[:, :2]).prod(dim=1)
    iou = shared / (areas - shared).clamp(min=1e-6)
    hull = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    between = (a[:, :2] + a[:, 2:] - b[:, :2] - b[:, 2:]) / 2
    return iou, between.square().sum(dim=1) / hull.square().sum(dim=1).clamp(min=1e-6)
