"""A network of expression units in onnxruntime, with the spec that gives its outputs' meaning."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien._checking import check_path
from mien.errors import SpecError
from mien.preprocess import network_input, similarity_transforms
from mien.runtime import open_session
from mien.spec import POSE_OUTPUT, UNITS_OUTPUT, CropSpec, ModelSpec
from mien.structures import Faces
from mien.track import Smoother
from mien.units import MAX_POSE_DEG, MAX_UNITS_ROLL_DEG, MIN_UNITS_PX, POSE_FIELDS, UNITS, HeadPose

__all__ = ["FaceUnits", "UnitAnswers", "UnitModel", "read_units", "smoothed_units"]

SHIPPED = Path(__file__).parent.parent / "assets" / "units.onnx"


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
        path: An ONNX file that contains its spec, as `mien train units` writes it; None takes the
            shipped network.
        threads: Threads of one run.
        device: The device that runs it, as for `EmotionModel`.

    Attributes:
        path: The file.
        spec: Its input, and the meaning of its outputs.
        crop: How faces are cropped for it.

    Raises:
        ArtefactError: The file is missing, is not an ONNX file, or gives numbers that are not
            finite.
        DeviceError: The device is not available.
        SpecError: The file has no valid spec, or is not a network of these units.
    """

    def __init__(
        self, path: str | Path | None = None, *, threads: int = 1, device: str = "cpu"
    ) -> None:
        self.path = check_path("path", path) if path is not None else SHIPPED
        self._threads, self._device = threads, device
        self._session, spec = open_session(self.path, threads=threads, device=device)
        if spec is None:
            spec = ModelSpec.from_metadata({}, str(self.path))
        if spec.task != "units" or spec.crop is None:
            raise SpecError(
                f"{self.path}: field 'task': expected 'units', found '{spec.task}': this file has "
                "no expression units. The shipped network has them, --units in the command line "
                "and Analyzer(units=True); a file of your own is made with: mien train units"
            )
        for output, labels in ((UNITS_OUTPUT, UNITS), (POSE_OUTPUT, POSE_FIELDS)):
            found = spec.labels_of(output)
            if found != labels:
                raise SpecError(
                    f"{self.path}: field 'outputs.{output}.labels': expected the {len(labels)} "
                    f"names of `mien train units`, {labels[0]} to {labels[-1]}, found "
                    f"{len(found)}, {found[0]} to {found[-1]}. Train the network again"
                )
        self.spec = spec
        self.crop: CropSpec = spec.crop
        self._try()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle how it is loaded: another process, or machine, opens its own file."""
        load = functools.partial(UnitModel, threads=self._threads, device=self._device)
        return load, (None if self.path == SHIPPED else self.path,)

    def __repr__(self) -> str:
        return f"UnitModel({self.spec.name!r}, {str(self.path)!r})"

    def _try(self) -> None:
        """Run the network once, on two grey crops, so that what is wrong shows here."""
        crops = np.full((2, self.crop.size, self.crop.size), 127.5, np.float32)
        for output, value in zip(_OUTPUTS, self._run(crops), strict=True):
            expected = (2, len(self.spec.labels_of(output)))
            if value.shape != expected:
                raise SpecError(
                    f"{self.path}: output {output!r}: expected {expected}, found {value.shape} for "
                    "2 faces"
                )

    def _run(self, crops: NDArray[Any]) -> list[NDArray[np.float32]]:
        batch = network_input(crops, self.spec.input)
        return self._session.run(list(_OUTPUTS), {self.spec.input.name: batch})

    def read(self, crops: NDArray[Any]) -> UnitAnswers:
        """Read the units and the pose of faces.

        Args:
            crops: `(B, S, S)`, luma of 0 to 255, cropped by `crop`; B may be 0.

        Raises:
            ArtefactError: The network cannot be run, or gives numbers that are not finite.
            FrameError: The crops have another shape, or are not finite.
        """
        units, pose = self._run(crops)
        return UnitAnswers(
            units=dict(zip(UNITS, units.T, strict=True)),
            pose=dict(zip(POSE_FIELDS, pose.T, strict=True)),
        )


_OUTPUTS = (UNITS_OUTPUT, POSE_OUTPUT)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaceUnits:
    """The units and the pose of one face in one frame.

    Attributes:
        units: `(51,)` in the order of `mien.units.UNITS`, 0 to 1.
        pose: How the head is turned in the frame.
        missing: Why they are not given, as in `FacePrediction.units_missing`; None if they are.
    """

    units: NDArray[np.floating]
    pose: HeadPose
    missing: str | None = None

    @property
    def trusted_pose(self) -> HeadPose | None:
        """The pose; None where the landmarks say more of the head than the network could see."""
        return None if self.missing in ("small", "rotated") else self.pose

    @property
    def by_name(self) -> dict[str, float]:
        """The coefficients by name."""
        return dict(zip(UNITS, self.units.tolist(), strict=True))


def read_units(model: UnitModel, faces: Faces, crops: NDArray[np.float32]) -> list[FaceUnits]:
    """Read the units of the faces of one or several frames.

    Args:
        model: The network.
        faces: F faces, in pixels of the image whose size counts.
        crops: `(F, S, S)`, cropped by the network's `crop`.
    """
    answers = model.read(crops)
    values = np.stack(list(answers.units.values()), axis=1)  # (F, 51)
    # The crop's axes are turned with the face: what the crop turns back is part of the roll.
    transforms = similarity_transforms(faces.landmarks_xy, model.crop)
    turned_deg = -np.degrees(np.angle(transforms[:, 0]))
    sides = (faces.boxes_xyxy[:, 2:] - faces.boxes_xyxy[:, :2]).min(axis=1)
    found = []
    for number, (side_px, turn_deg) in enumerate(zip(sides, turned_deg, strict=True)):
        yaw, pitch, roll = (float(answers.pose[name][number]) for name in POSE_FIELDS)
        pose = HeadPose(yaw_deg=yaw, pitch_deg=pitch, roll_deg=_wrapped(roll + float(turn_deg)))
        missing = None
        if side_px < MIN_UNITS_PX:
            missing = "small"
        elif max(abs(yaw), abs(pitch)) > MAX_POSE_DEG:
            missing = "turned away"
        elif abs(pose.roll_deg) > MAX_UNITS_ROLL_DEG:
            missing = "rotated"
        found.append(FaceUnits(units=values[number], pose=pose, missing=missing))
    return found


def smoothed_units(
    smoother: Smoother, track: int, found: FaceUnits, timestamp_s: float
) -> FaceUnits:
    """Smooth the units and the pose of a person; missing ones change nothing.

    Args:
        smoother: The state of the tracks, which has taken the person's probabilities of the frame.
        track: The person's number.
        found: What was read in this frame.
        timestamp_s: When the frame was taken.
    """
    if found.missing is not None:
        return found
    pose, count = found.pose, len(found.units)
    # A direction is smoothed as a point on the circle: 179 and -179 degrees are near.
    roll = math.radians(pose.roll_deg)
    turn = (pose.yaw_deg, pose.pitch_deg, math.cos(roll), math.sin(roll))
    values = smoother.update_values(track, np.concatenate([found.units, turn]), timestamp_s)
    yaw, pitch, across, down = values[count:].tolist()
    return FaceUnits(
        units=values[:count],
        pose=HeadPose(
            yaw_deg=yaw, pitch_deg=pitch, roll_deg=math.degrees(math.atan2(down, across))
        ),
    )


def _wrapped(angle_deg: float) -> float:
    """Return the same direction as an angle of -180 to 180 degrees."""
    return (angle_deg + 180) % 360 - 180
