"""Triangles to pixels: a depth buffer in numpy, without loops over triangles."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fragments", "rasterise", "vertex_normals"]

_NARROW = 1e-9


@dataclasses.dataclass(frozen=True, slots=True)
class Fragments:
    """What is seen in each covered pixel.

    Attributes:
        pixel: `(P,)` int64, index into the flattened image, each at most once, ascending.
        triangle: `(P,)` int64, index of the triangle in front.
        weights: `(P, 3)` float32, barycentric weights of its three vertices.
        depth: `(size, size)` float32, height towards the camera; -inf where nothing is.
    """

    pixel: NDArray[np.int64]
    triangle: NDArray[np.int64]
    weights: NDArray[np.float32]
    depth: NDArray[np.float32]

    def interpolate(
        self, triangles: NDArray[np.int64], values: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Interpolate values of vertices, `(V, A)` -> `(P, A)`."""
        corners = triangles[self.triangle]
        found = self.weights[:, :1] * values[corners[:, 0]]
        found += self.weights[:, 1:2] * values[corners[:, 1]]
        found += self.weights[:, 2:] * values[corners[:, 2]]
        return found


def rasterise(points: NDArray[np.float32], triangles: NDArray[np.int64], size: int) -> Fragments:
    """Find the triangle in front of each pixel.

    Args:
        points: `(V, 3)`: x to the right and y down in pixels, z towards the camera.
        triangles: `(T, 3)`, indices of vertices; both sides are seen.
        size: Side of the square image in pixels; centres of pixels lie at 0.5, 1.5, ...
    """
    corners = points[triangles]  # (T, 3, 3)
    x, y = corners[..., 0], corners[..., 1]
    left = np.maximum(np.ceil(x.min(1) - 0.5), 0).astype(np.int64)
    right = np.minimum(np.floor(x.max(1) - 0.5), size - 1).astype(np.int64)
    top = np.maximum(np.ceil(y.min(1) - 0.5), 0).astype(np.int64)
    bottom = np.minimum(np.floor(y.max(1) - 0.5), size - 1).astype(np.int64)
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    kept = np.flatnonzero((right >= left) & (bottom >= top) & (np.abs(area) > _NARROW))
    left, top = left[kept], top[kept]
    width, height = right[kept] - left + 1, bottom[kept] - top + 1
    count = width * height
    owner = np.repeat(np.arange(len(kept)), count)
    offset = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    row, column = np.divmod(offset, width[owner])
    column += left[owner]
    row += top[owner]
    # The second and third barycentric weight and the depth are planes over the image.
    x, y, z, area = x[kept], y[kept], corners[kept, :, 2], area[kept]
    second = np.stack([y[:, 2] - y[:, 0], x[:, 0] - x[:, 2]], 1) / area[:, None]
    third = np.stack([y[:, 0] - y[:, 1], x[:, 1] - x[:, 0]], 1) / area[:, None]
    dx = column.astype(np.float32) + np.float32(0.5) - x[owner, 0]
    dy = row.astype(np.float32) + np.float32(0.5) - y[owner, 0]
    b = second[owner, 0] * dx + second[owner, 1] * dy
    c = third[owner, 0] * dx + third[owner, 1] * dy
    inside = np.flatnonzero((b >= 0) & (c >= 0) & (b + c <= 1))
    owner, b, c = owner[inside], b[inside], c[inside]
    pixel = row[inside] * size + column[inside]
    depth = z[owner, 0] * (1 - b - c) + z[owner, 1] * b + z[owner, 2] * c
    front = np.full(size * size, -np.inf, np.float32)
    np.maximum.at(front, pixel, depth)
    winner = np.full(size * size, -1, np.int64)
    seen = np.flatnonzero(depth == front[pixel])
    winner[pixel[seen]] = seen
    covered = np.flatnonzero(winner >= 0)
    chosen = winner[covered]
    b, c = b[chosen], c[chosen]
    return Fragments(
        pixel=covered,
        triangle=kept[owner[chosen]],
        weights=np.stack([1 - b - c, b, c], 1).astype(np.float32),
        depth=front.reshape(size, size),
    )


def vertex_normals(
    vertices: NDArray[np.float32], triangles: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the mean normal at each vertex, weighted by area, `(V, 3)` of unit length."""
    corner = vertices[triangles]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    index = triangles.ravel(order="F")
    total = np.empty_like(vertices)
    for axis in range(3):
        weights = np.tile(normal[:, axis], 3)
        total[:, axis] = np.bincount(index, weights, len(vertices))
    length = np.linalg.norm(total, axis=1, keepdims=True)
    result: NDArray[np.float32] = (total / np.maximum(length, 1e-12)).astype(np.float32)
    return result
