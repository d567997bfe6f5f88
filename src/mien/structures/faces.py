"""The faces of one frame, as a detector finds them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.errors import FrameError

__all__ = ["Face", "Faces"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Face:
    """One detected face.

    Attributes:
        box_xyxy: `(4,)` float32, pixels of the frame.
        landmarks_xy: `(5, 2)` float32, pixels of the frame.
        detection_score: 0 to 1.
    """

    box_xyxy: NDArray[np.float32]
    landmarks_xy: NDArray[np.float32]
    detection_score: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Faces:
    """The faces of one frame as parallel arrays of length F; F is 0 when there is none.

    Attributes:
        boxes_xyxy: `(F, 4)` float32, pixels of the frame.
        landmarks_xy: `(F, 5, 2)` float32, pixels of the frame.
        detection_scores: `(F,)` float32, 0 to 1.
    """

    boxes_xyxy: NDArray[np.float32]
    landmarks_xy: NDArray[np.float32]
    detection_scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        count = len(self.detection_scores)
        expected = {
            "boxes_xyxy": (count, 4),
            "landmarks_xy": (count, 5, 2),
            "detection_scores": (count,),
        }
        for name, shape in expected.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != np.float32:
                raise FrameError(
                    f"{name}: expected {shape} of float32, found {array.shape} of {array.dtype}"
                )
            if not np.isfinite(array).all():
                raise FrameError(f"{name}: expected finite numbers, found NaN or infinity")

    @classmethod
    def none(cls) -> Self:
        """Return the faces of a frame without one."""
        return cls(
            boxes_xyxy=np.zeros((0, 4), np.float32),
            landmarks_xy=np.zeros((0, 5, 2), np.float32),
            detection_scores=np.zeros(0, np.float32),
        )

    @classmethod
    def from_list(cls, faces: Sequence[Face]) -> Self:
        """Return single faces as parallel arrays, in their order; the list may be empty."""
        if not faces:
            return cls.none()
        return cls(
            boxes_xyxy=np.stack([face.box_xyxy for face in faces]),
            landmarks_xy=np.stack([face.landmarks_xy for face in faces]),
            detection_scores=np.array([face.detection_score for face in faces], np.float32),
        )

    @classmethod
    def concatenate(cls, parts: Iterable[Faces]) -> Self:
        """Return the faces of several detections of one frame, one after the other.

        Args:
            parts: In pixels of the same frame; there may be none.
        """
        known = list(parts)
        if not known:
            return cls.none()
        return cls(
            boxes_xyxy=np.concatenate([faces.boxes_xyxy for faces in known]),
            landmarks_xy=np.concatenate([faces.landmarks_xy for faces in known]),
            detection_scores=np.concatenate([faces.detection_scores for faces in known]),
        )

    def __len__(self) -> int:
        return len(self.detection_scores)

    def __getitem__(self, index: int) -> Face:
        return Face(
            box_xyxy=self.boxes_xyxy[index],
            landmarks_xy=self.landmarks_xy[index],
            detection_score=float(self.detection_scores[index]),
        )

    def __iter__(self) -> Iterator[Face]:
        return (self[index] for index in range(len(self)))

    def scaled(self, scale_xy: ArrayLike) -> Faces:
        """Return the faces in pixels of the same frame at another size.

        Args:
            scale_xy: New width over old width, and new height over old height; rounded to float32.
        """
        scale = np.asarray(scale_xy, np.float32)
        return dataclasses.replace(
            self,
            boxes_xyxy=self.boxes_xyxy * np.tile(scale, 2),
            landmarks_xy=self.landmarks_xy * scale,
        )

    def shifted(self, offset_xy: ArrayLike) -> Faces:
        """Return the faces moved, for example from a part of a frame into the whole.

        Args:
            offset_xy: Pixels to the right and downwards; rounded to float32.
        """
        offset = np.asarray(offset_xy, np.float32)
        return dataclasses.replace(
            self,
            boxes_xyxy=self.boxes_xyxy + np.tile(offset, 2),
            landmarks_xy=self.landmarks_xy + offset,
        )

    def select(self, index: NDArray[Any]) -> Faces:
        """Return the faces that a numpy index (numbers or a mask) picks, in its order."""
        return Faces(
            boxes_xyxy=self.boxes_xyxy[index],
            landmarks_xy=self.landmarks_xy[index],
            detection_scores=self.detection_scores[index],
        )
