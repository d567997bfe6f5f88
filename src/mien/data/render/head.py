"""The parametric head: its mesh, and its shape for a person and an expression."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.errors import DatasetError

__all__ = ["Head", "read_head"]

_ARRAYS = (
    "vertices", "quads", "quad_group", "groups",
    "target_names", "target_start", "target_vertex", "target_delta",
)  # fmt: skip
_MIDDLE_DM = 0.06
"""Half of the strip about the middle over which the left side's weight becomes the right's."""


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """A mesh with named displacements of its vertices.

    Attributes:
        rest: `(V, 3)` float32, decimetres: x to the person's left, y up, z forward.
        triangles: `(T, 3)` int64.
        groups: `(T,)` str, the part that a triangle belongs to (`body`, `helper-l-eye`, ...).
        targets: Vertices `(n,)` int64 and displacements `(n, 3)` float32 by name.
        leftness: `(V,)` float32, 1 on the person's left, 0 on the right.
    """

    rest: NDArray[np.float32]
    triangles: NDArray[np.int64]
    groups: NDArray[np.str_]
    targets: dict[str, tuple[NDArray[np.int64], NDArray[np.float32]]]
    leftness: NDArray[np.float32]

    def shaped(
        self, left: Mapping[str, float], right: Mapping[str, float] | None = None
    ) -> NDArray[np.float32]:
        """Return the vertices under weighted targets, `(V, 3)`.

        Args:
            left: Weights of targets on the person's left side.
            right: Those on the right; None takes the same.
        """
        right = left if right is None else right
        index, moved = [], []
        for name in {**left, **right}:
            vertex, delta = self.targets[name]
            share = self.leftness[vertex]
            weight = left.get(name, 0.0) * share + right.get(name, 0.0) * (1 - share)
            index.append(vertex)
            moved.append(delta * weight.astype(np.float32)[:, None])
        vertices = self.rest.copy()
        if index:
            all_index, all_moved = np.concatenate(index), np.concatenate(moved)
            for axis in range(3):
                vertices[:, axis] += np.bincount(all_index, all_moved[:, axis], len(vertices))
        return vertices


def read_head(path: str | Path) -> Head:
    """Read a head: an npz, or the folder that holds `head.npz`.

    Raises:
        DatasetError: The file is no such head.
    """
    path = Path(path)
    path = path / "head.npz" if path.is_dir() else path
    try:
        with path.open("rb") as opened, np.load(opened) as file:
            arrays = {name: file[name] for name in _ARRAYS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(
            f"{path}: expected a head as an npz with {', '.join(_ARRAYS)}, found {error}"
        ) from error
    named = arrays["groups"][arrays["quad_group"]]
    kept = ~np.char.startswith(named, "joint")
    quads, named = arrays["quads"][kept].astype(np.int64), named[kept]
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    flat = (
        (triangles[:, 0] != triangles[:, 1])
        & (triangles[:, 1] != triangles[:, 2])
        & (triangles[:, 0] != triangles[:, 2])
    )
    start = arrays["target_start"]
    vertex = arrays["target_vertex"].astype(np.int64)
    delta = arrays["target_delta"].astype(np.float32)
    rest = arrays["vertices"].astype(np.float32)
    return Head(
        rest=rest,
        triangles=triangles[flat],
        groups=np.concatenate([named, named])[flat],
        targets={
            str(name): (vertex[a:b], delta[a:b])
            for name, a, b in zip(arrays["target_names"], start[:-1], start[1:], strict=True)
        },
        leftness=(np.clip(rest[:, 0] / _MIDDLE_DM, -1, 1) / 2 + 0.5).astype(np.float32),
    )
