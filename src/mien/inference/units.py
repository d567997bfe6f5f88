"""A network of expression units in onnxruntime, with the spec that gives its outputs' meaning."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import SpecError
from mien.preprocess import network_input
from mien.runtime import open_session
from mien.spec import POSE_OUTPUT, UNITS_OUTPUT, CropSpec, ModelSpec

__all__ = ["UnitAnswers", "UnitModel"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnitAnswers:
    """The network's answers to B crops.

    Attributes:
        units: Each coefficient by its name, `(B,)` float32, 0 to 1.
        pose: Each angle by its name, `(B,)` float32, degrees; the roll is that within the crop.
    """

    units: Mapping[str, NDArray[np.float32]]
    pose: Mapping[str, NDArray[np.float32]]


class UnitModel:
    """A network of expression units that is ready to run.

    Args:
        path: An ONNX file that contains its spec, as `mien train units` writes it.
        threads: Threads of one run.
        device: The device that runs it, as for `EmotionModel`.

    Attributes:
        path: The file.
        spec: Its input, and the meaning of its outputs.
        crop: How faces are cropped for it.

    Raises:
        ArtefactError: The file is missing, or is not an ONNX file.
        DeviceError: The device is not available.
        SpecError: The file has no valid spec, or is not a network of units.
    """

    def __init__(self, path: str | Path, *, threads: int = 1, device: str = "cpu") -> None:
        self.path = Path(path)
        self._session, spec = open_session(self.path, threads=threads, device=device)
        if spec is None:
            spec = ModelSpec.from_metadata({}, str(self.path))
        if spec.task != "units" or spec.crop is None:
            raise SpecError(
                f"{self.path}: field 'task': expected 'units', found '{spec.task}'. A file with "
                "units is made with: mien train units"
            )
        self.spec = spec
        self.crop: CropSpec = spec.crop

    def __repr__(self) -> str:
        return f"UnitModel({self.spec.name!r}, {str(self.path)!r})"

    def read(self, crops: NDArray[Any]) -> UnitAnswers:
        """Read the units and the pose of faces.

        Args:
            crops: `(B, S, S)`, luma of 0 to 255, cropped by `crop`; B may be 0.

        Raises:
            ArtefactError: The network cannot be run, or gives numbers that are not finite.
            FrameError: The crops have another shape, or are not finite.
        """
        batch = network_input(crops, self.spec.input)
        names = (UNITS_OUTPUT, POSE_OUTPUT)
        units, pose = self._session.run(list(names), {self.spec.input.name: batch})
        by_name = [
            dict(zip(self.spec.labels_of(name), values.T, strict=True))
            for name, values in zip(names, (units, pose), strict=True)
        ]
        return UnitAnswers(units=by_name[0], pose=by_name[1])
