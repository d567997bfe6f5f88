"""The state of a video's analysis between two frames, which a later run can continue from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from mien.inference.holding import HeldFrames
from mien.options import VideoOptions
from mien.structures import FacePrediction, Faces, FrameResult, Quality
from mien.track import Baselines, People, SamplingInterval, Smoother, Tracker
from mien.units import HeadPose

__all__ = ["Detection", "VideoState"]


@dataclasses.dataclass(slots=True, eq=False)
class Detection:
    """The last frame in which faces were detected."""

    frame: int
    timestamp_s: float
    faces: Faces
    tracks: list[int]


class VideoState:
    """The state of a video's analysis between two frames: tracks, people, smoothing, and so on.

    Args:
        options: Smoothing, how long a track may be interrupted, and which tracks are people.
        baselines: The baselines of its people, from `Pipeline.baselines`; None without.

    Attributes:
        is_complete: Whether the results of all frames up to the state have been yielded, or are
            held back in it. Only then can another run continue from it.
    """

    def __init__(self, options: VideoOptions, baselines: Baselines | None = None) -> None:
        self.baselines = baselines
        self.smoother = Smoother(options.smoothing)
        self.tracker = Tracker(max_gap_s=options.max_gap_s)
        self.people = People(options.min_duration_s)
        self.interval = SamplingInterval()
        self.held = HeldFrames[FrameResult](self.people)
        self.detection: Detection | None = None
        self.is_complete = True
        self._held_documents: dict[int, dict[str, Any]] = {}

    @property
    def frame(self) -> int:
        """The number of the last frame that the state includes; -1 before the first."""
        return -1 if self.detection is None else self.detection.frame

    @property
    def timestamp_s(self) -> float:
        """The time of that frame in the video, in seconds; 0 before the first."""
        return 0.0 if self.detection is None else self.detection.timestamp_s

    def note_detection(self, timestamp_s: float) -> None:
        """Say when the next frame was taken in which faces were detected.

        For how long tracks may be interrupted and people are remembered follows from it.
        """
        interval_s = self.interval.update(timestamp_s)
        self.tracker.sampling_interval_s = self.smoother.sampling_interval_s = interval_s
        if self.baselines is not None:
            self.baselines.sampling_interval_s = interval_s

    def to_document(self) -> dict[str, Any]:
        """Return the state as plain values that JSON can hold."""
        detection = self.detection
        known = self._held_documents
        self._held_documents = {
            result.frame: known.get(result.frame) or dataclasses.asdict(result)
            for result, *_ in self.held.items
        }
        return {
            "people": self.people.to_document(),
            "interval": self.interval.to_document(),
            "held": [
                {"result": self._held_documents[result.frame], "tracks": list(tracks)}
                for result, _, tracks in self.held.items
            ],
            "smoother": self.smoother.to_document(),
            "tracker": self.tracker.to_document(),
            "baselines": self.baselines and self.baselines.to_document(),
            "detection": detection
            and {
                "frame": detection.frame,
                "timestamp_s": detection.timestamp_s,
                "tracks": detection.tracks,
                "boxes_xyxy": detection.faces.boxes_xyxy.tolist(),
                "landmarks_xy": detection.faces.landmarks_xy.tolist(),
                "detection_scores": detection.faces.detection_scores.tolist(),
            },
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Restore the exact state from a document of `to_document`."""
        self.people.restore(document["people"])
        if "interval" in document:  # Runs of earlier versions have none.
            self.interval.restore(document["interval"])
        self.held = HeldFrames(self.people)
        for each in document["held"]:
            result = _result(each["result"])
            self.held.add(result, result.timestamp_s or 0.0, each["tracks"])
        self.smoother.restore(document["smoother"])
        self.tracker.restore(document["tracker"])
        if self.baselines is not None:
            self.baselines.restore(document["baselines"])
        detection = document["detection"]
        if detection is not None:
            count = len(detection["tracks"])
            faces = Faces(
                boxes_xyxy=np.array(detection["boxes_xyxy"], np.float32).reshape(count, 4),
                landmarks_xy=np.array(detection["landmarks_xy"], np.float32).reshape(count, 5, 2),
                detection_scores=np.array(detection["detection_scores"], np.float32),
            )
            self.detection = Detection(
                detection["frame"], detection["timestamp_s"], faces, detection["tracks"]
            )


def _result(document: Mapping[str, Any]) -> FrameResult:
    """Return the result whose fields a document has, after JSON."""
    faces = [
        FacePrediction(
            **face
            | {
                "box_xyxy": tuple(face["box_xyxy"]),
                "landmarks_xy": tuple(map(tuple, face["landmarks_xy"])),
                "embedding": tuple(face["embedding"]),
                "quality": Quality(**face["quality"]),
                "pose": _pose(face.get("pose")),
                "raw_pose": _pose(face.get("raw_pose")),
            }
        )
        for face in document["faces"]
    ]
    return FrameResult(**{**document, "faces": tuple(faces), "notes": tuple(document["notes"])})


def _pose(document: Mapping[str, float] | None) -> HeadPose | None:
    return None if document is None else HeadPose(**document)
