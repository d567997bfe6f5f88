"""What the report on a video is made from: the results per person, and how they were made."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien._hashing import file_sha256
from mien.emotions import SIX
from mien.options import BaselineOptions
from mien.structures import FacePrediction, FrameResult

__all__ = ["AnalysisDescription", "NetworkDescription", "Person", "VideoSummary"]


@dataclasses.dataclass(frozen=True, slots=True)
class NetworkDescription:
    """Which network was used.

    Attributes:
        name: The name in its spec.
        sha256: Hash of its file, 64 hexadecimal digits.
    """

    name: str
    sha256: str

    @classmethod
    def of_file(cls, name: str, path: Path) -> NetworkDescription:
        """Describe the network in a file."""
        return cls(name, file_sha256(path))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisDescription:
    """How the results of a video were made.

    Attributes:
        model: The emotion network.
        detector: The face detector; None if it has no file.
        unsure_below: Answers of a lower confidence are unsure, 0 to 1.
        min_face_px: Faces whose shorter side is below this were left out.
        smoothing_s: The time constant of the smoothing.
        detect_every: Frames from one detection to the next; None if that was chosen by time.
        max_fps: The most frames a second that were analysed; None for all.
        baseline: Whose baseline was taken off the probabilities; None if none was.
        min_score: Faces with a lower detection score were left out; None for the detector's own.
        min_duration_s: People who were seen for less were left out; None for the usual rule.
        unit_model: The network of expression units; None without units.
    """

    model: NetworkDescription
    detector: NetworkDescription | None
    unsure_below: float
    min_face_px: int
    smoothing_s: float
    detect_every: int | None
    max_fps: float | None
    baseline: BaselineOptions | None = None
    min_score: float | None = None
    min_duration_s: float | None = None
    unit_model: NetworkDescription | None = None


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class FaceUnitValues:
    """The expression units of one face in one frame, in few bytes.

    Attributes:
        units: `(51,)` float32 in the order of `mien.units.UNITS`, smoothed.
        pose_deg: Yaw, pitch and roll, smoothed.
        raw_closed: How far the eyes are closed, 0 to 1, in this frame alone.
        raw_pitch_deg: The pitch in this frame alone.
    """

    units: NDArray[np.float32]
    pose_deg: tuple[float, ...]
    raw_closed: float
    raw_pitch_deg: float


@dataclasses.dataclass(slots=True)
class Person:
    """The results of one person, in order of time; parallel lists of n.

    Attributes:
        times_s: Seconds from the start of the video.
        probabilities: Six each, in the order of `SIX`.
        labels: Index of the shown expression in `SIX`.
        reasons: Why an answer is unsure; None where it is not.
        boxes: `xyxy` in pixels of the frame.
        frames: Numbers of the frames.
        units: What `FaceUnitValues` says of each frame; None where there are no units.
    """

    times_s: list[float] = dataclasses.field(default_factory=list)
    probabilities: list[tuple[float, ...]] = dataclasses.field(default_factory=list)
    labels: list[int] = dataclasses.field(default_factory=list)
    reasons: list[str | None] = dataclasses.field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = dataclasses.field(default_factory=list)
    frames: list[int] = dataclasses.field(default_factory=list)
    units: list[FaceUnitValues | None] = dataclasses.field(default_factory=list)


class VideoSummary:
    """Collects the results of a video, frame by frame, for its report.

    Attributes:
        source: The video.
        frames: Number of frames.
        duration_s: Time of the last frame.
        error: Why the video ended early, or None.
        people: Each person by number.
    """

    def __init__(self) -> None:
        self.source = ""
        self.frames = 0
        self.duration_s = 0.0
        self.error: str | None = None
        self.people: dict[int, Person] = {}

    def add(self, result: FrameResult) -> None:
        """Add the result of one frame."""
        self.source = result.source
        if result.error is not None:
            self.error = result.error
            return
        self.frames += 1
        self.duration_s = max(self.duration_s, result.timestamp_s or 0.0)
        for face in result.faces:
            person = self.people.setdefault(face.track or 0, Person())
            person.times_s.append(result.timestamp_s or 0.0)
            person.probabilities.append(tuple(face.probabilities.values()))
            person.labels.append(SIX.labels.index(face.emotion))
            person.reasons.append(face.unsure_reason)
            person.boxes.append(face.box_xyxy)
            person.frames.append(result.frame)
            person.units.append(_unit_values(face))


def _unit_values(face: FacePrediction) -> FaceUnitValues | None:
    if face.units is None or face.pose is None:
        return None
    raw, raw_pose = face.raw_units or face.units, face.raw_pose or face.pose
    return FaceUnitValues(
        units=np.array(tuple(face.units.values()), np.float32),
        pose_deg=dataclasses.astuple(face.pose),
        raw_closed=(raw["eyeBlinkLeft"] + raw["eyeBlinkRight"]) / 2,
        raw_pitch_deg=raw_pose.pitch_deg,
    )
