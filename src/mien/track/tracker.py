"""Which face of a frame is which person of the frames before: numbers within one clip."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.structures import Faces

__all__ = ["Tracker", "track_timeout_s"]

MISSED = 2.5
"""Detections: somebody who was missed once is remembered until the next look."""

FARTHEST = 1.0
"""A face whose centre is farther from where it is expected, in units of its size, is another's."""

LARGEST_GROWTH = 2.0
VELOCITY_SHARE = 0.6
"""How much of a newly seen velocity enters the expected one."""


def track_timeout_s(gap_s: float, sampling_interval_s: float) -> float:
    """Return after how many seconds without being seen somebody is forgotten.

    Args:
        gap_s: The time that was asked for.
        sampling_interval_s: Seconds from one look to the next.
    """
    return max(gap_s, MISSED * sampling_interval_s)


@dataclasses.dataclass(slots=True)
class _Track:
    number: int
    box_xyxy: NDArray[np.float32]
    velocity: NDArray[np.float64]
    seen_s: float

    def expected(self, timestamp_s: float) -> NDArray[np.float64]:
        """Return the box where the face should be by now, `(4,)`."""
        return self.box_xyxy + np.tile(self.velocity, 2) * (timestamp_s - self.seen_s)


class Tracker:
    """Gives faces numbers that stay with the person for as long as boxes can tell.

    A face belongs to the track that expects it nearest: centre and size carried on at the last
    known velocity. Two people who cross keep their numbers if they kept moving.

    Args:
        max_gap_s: A person who was not seen for longer gets a new number.

    Attributes:
        sampling_interval_s: Seconds from one look to the next, if that is known: where looks are far apart,
            people are remembered for some of them.
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
        longest_s = track_timeout_s(self.max_gap_s, self.sampling_interval_s)
        self._tracks = [track for track in self._tracks if timestamp_s - track.seen_s <= longest_s]
        numbers: list[int] = [-1] * len(faces)
        for face, track in self._matches(faces.boxes_xyxy, timestamp_s):
            self._move(track, faces.boxes_xyxy[face], timestamp_s)
            numbers[face] = track.number
        for face, number in enumerate(numbers):
            if number < 0:
                numbers[face] = self._begin(faces.boxes_xyxy[face], timestamp_s)
        return numbers

    def to_document(self) -> dict[str, Any]:
        """Return what is known of the people, as plain values that JSON can hold."""
        return {
            "next": self._next,
            "tracks": [
                {
                    "number": track.number,
                    "box_xyxy": track.box_xyxy.tolist(),
                    "velocity": track.velocity.tolist(),
                    "seen_s": track.seen_s,
                }
                for track in self._tracks
            ],
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take over what `to_document` returned, to the last bit."""
        self._next = document["next"]
        self._tracks = [
            _Track(
                track["number"],
                np.array(track["box_xyxy"], np.float32),
                np.array(track["velocity"], np.float64),
                track["seen_s"],
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
        passed = timestamp_s - track.seen_s
        if passed > 0:
            step = (_centre(box) - _centre(track.box_xyxy)) / passed
            track.velocity = VELOCITY_SHARE * step + (1 - VELOCITY_SHARE) * track.velocity
        track.box_xyxy, track.seen_s = box, timestamp_s

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
    """Return how far a face is from where it is expected, or None if it cannot be the same."""
    here, there = _size(expected), _size(box)
    growth = max(here / there, there / here)
    apart = float(np.hypot(*(_centre(box) - _centre(expected)))) / max(here, there)
    if growth > LARGEST_GROWTH or apart > FARTHEST:
        return None
    return apart + 0.5 * float(np.log2(growth))
