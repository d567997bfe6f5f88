"""Tracking: which face of a frame belongs to which person of the frames before."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.structures import Faces

__all__ = ["Tracker", "track_timeout_s"]

MIN_TIMEOUT_INTERVALS = 2.5
"""Sampling intervals that a track survives, so that one missed detection does not end it."""

MAX_DISTANCE = 1.0
"""A face whose centre is farther from its expected place, in units of its size, is another
person's."""

MAX_SCALE_CHANGE = 2.0
"""A face that is larger or smaller by more than this factor is another person's."""

VELOCITY_WEIGHT = 0.6
"""Weight of a newly measured velocity in the expected one."""


def track_timeout_s(gap_s: float, sampling_interval_s: float) -> float:
    """Return after how many seconds without a detection a track ends.

    Args:
        gap_s: The time that was asked for.
        sampling_interval_s: Seconds from one detection to the next.
    """
    return max(gap_s, MIN_TIMEOUT_INTERVALS * sampling_interval_s)


@dataclasses.dataclass(slots=True)
class _Track:
    number: int
    box_xyxy: NDArray[np.float32]
    velocity: NDArray[np.float64]
    last_seen_s: float

    def expected(self, timestamp_s: float) -> NDArray[np.float64]:
        """Return the box where the face should be by now, `(4,)`."""
        return self.box_xyxy + np.tile(self.velocity, 2) * (timestamp_s - self.last_seen_s)


class Tracker:
    """Gives each face the number of its person, from the boxes alone.

    A face belongs to the track whose expected box is nearest: the last box, moved at the last known
    velocity. Two people who cross keep their numbers if they keep moving.

    Args:
        max_gap_s: A person who was not detected for longer gets a new number.

    Attributes:
        sampling_interval_s: Seconds from one detection to the next, 0 if unknown. Where detections
            are rare, tracks last for two and a half of these intervals.
    """

    def __init__(self, *, max_gap_s: float = 1.0) -> None:
        self.max_gap_s = max_gap_s
        self.sampling_interval_s = 0.0
        self._tracks: list[_Track] = []
        self._next = 0

    def update(self, faces: Faces, timestamp_s: float) -> list[int]:
        """Number the faces of the next frame.

        Args:
            faces: The faces of one frame.
            timestamp_s: When it was taken; not before the frame of the last call.

        Returns:
            One number per face, from 0 in the order of first appearance.
        """
        timeout_s = track_timeout_s(self.max_gap_s, self.sampling_interval_s)
        self._tracks = [
            track for track in self._tracks if timestamp_s - track.last_seen_s <= timeout_s
        ]
        numbers: list[int] = [-1] * len(faces)
        for face, track in self._matches(faces.boxes_xyxy, timestamp_s):
            self._move(track, faces.boxes_xyxy[face], timestamp_s)
            numbers[face] = track.number
        for face, number in enumerate(numbers):
            if number < 0:
                numbers[face] = self._begin(faces.boxes_xyxy[face], timestamp_s)
        return numbers

    def to_document(self) -> dict[str, Any]:
        """Return all tracks as plain values that JSON can hold."""
        return {
            "next": self._next,
            "tracks": [
                {
                    "number": track.number,
                    "box_xyxy": track.box_xyxy.tolist(),
                    "velocity": track.velocity.tolist(),
                    "last_seen_s": track.last_seen_s,
                }
                for track in self._tracks
            ],
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Restore the state that `to_document` returned, to the last bit."""
        self._next = document["next"]
        self._tracks = [
            _Track(
                track["number"],
                np.array(track["box_xyxy"], np.float32),
                np.array(track["velocity"], np.float64),
                track["last_seen_s"],
            )
            for track in document["tracks"]
        ]

    def _matches(self, boxes: NDArray[np.float32], timestamp_s: float) -> list[tuple[int, _Track]]:
        """Pair faces with tracks, nearest pairs first."""
        pairs = []
        for track in self._tracks:
            expected = track.expected(timestamp_s)
            for face, box in enumerate(boxes):
                distance = _distance(expected, box)
                if distance is not None:
                    pairs.append((distance, face, track))
        pairs.sort(key=lambda pair: pair[0])
        taken_faces: set[int] = set()
        taken_tracks: set[int] = set()
        chosen = []
        for _, face, track in pairs:
            if face not in taken_faces and track.number not in taken_tracks:
                taken_faces.add(face)
                taken_tracks.add(track.number)
                chosen.append((face, track))
        return chosen

    def _move(self, track: _Track, box: NDArray[np.float32], timestamp_s: float) -> None:
        elapsed_s = timestamp_s - track.last_seen_s
        if elapsed_s > 0:
            step = (_centre(box) - _centre(track.box_xyxy)) / elapsed_s
            track.velocity = VELOCITY_WEIGHT * step + (1 - VELOCITY_WEIGHT) * track.velocity
        track.box_xyxy, track.last_seen_s = box, timestamp_s

    def _begin(self, box: NDArray[np.float32], timestamp_s: float) -> int:
        track = _Track(self._next, box, np.zeros(2), timestamp_s)
        self._tracks.append(track)
        self._next += 1
        return track.number


def _centre(box: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray((box[:2] + box[2:]) / 2, np.float64)


def _size(box: NDArray[np.floating]) -> float:
    return max(float(np.sqrt(np.prod(np.maximum(box[2:] - box[:2], 1e-3)))), 1e-3)


def _distance(expected: NDArray[np.float64], box: NDArray[np.float32]) -> float | None:
    """Return how far a face is from its expected box, or None if it is another person's."""
    expected_size, size = _size(expected), _size(box)
    scale_change = max(expected_size / size, size / expected_size)
    offset = float(np.hypot(*(_centre(box) - _centre(expected)))) / max(expected_size, size)
    if scale_change > MAX_SCALE_CHANGE or offset > MAX_DISTANCE:
        return None
    return offset + 0.5 * float(np.log2(scale_change))
