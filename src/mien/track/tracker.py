"""Tracking: which face of a frame belongs to which person of the frames before."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.structures import Faces
from mien.track.scenes import appearances, looks_like_another

__all__ = ["Tracker", "track_timeout_s"]

MIN_TIMEOUT_INTERVALS = 2.5
"""Sampling intervals that a track survives, so that one missed detection does not end it."""

MAX_DISTANCE = 1.0
"""A face whose centre is farther from its expected place, in units of its size, is another
person's."""

MAX_SCALE_CHANGE = 2.0
"""A face that is larger or smaller by more than this factor is another person's."""

MAX_COMPARED_S = 0.3
"""Crops that are farther apart in time are not compared: people turn their heads."""

VELOCITY_WEIGHT = 0.6
"""Weight of a newly measured velocity in the expected one."""


def track_timeout_s(gap_s: float, sampling_interval_s: float) -> float:
    """Return after how many seconds without a detection a track ends.

    Args:
        gap_s: The time that was asked for.
        sampling_interval_s: Seconds from one detection to the next.
    """
    return max(gap_s, MIN_TIMEOUT_INTERVALS * sampling_interval_s)


@dataclasses.dataclass(slots=True, eq=False)
class _Track:
    number: int
    box_xyxy: NDArray[np.float32]
    velocity: NDArray[np.float64]
    last_seen_s: float
    appearance: NDArray[np.uint8] | None = None
    appeared_s: float = 0.0

    def expected(self, timestamp_s: float) -> NDArray[np.float64]:
        """Return the box where the face should be by now, `(4,)`."""
        return self.box_xyxy + np.tile(self.velocity, 2) * (timestamp_s - self.last_seen_s)


class Tracker:
    """Gives each face the number of its person.

    A face belongs to the track whose expected box is nearest: the last box, moved at the last known
    velocity. Two people who cross keep their numbers if they keep moving. A face that looks like
    another person begins a new track, wherever it is.

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
        self._size_wh: tuple[int, int] | None = None

    def cut(self) -> None:
        """End all tracks: the next frame shows another scene."""
        self._tracks = []

    @property
    def numbers(self) -> set[int]:
        """The numbers of the tracks that have not ended."""
        return {track.number for track in self._tracks}

    def resize(self, size_wh: tuple[int, int]) -> None:
        """Say how many pixels the next frame has; of a video in several sizes people stay people.

        Args:
            size_wh: Width and height.
        """
        before, self._size_wh = self._size_wh, size_wh
        if before is None or before == size_wh:
            return
        scale = np.array([size_wh[0] / before[0], size_wh[1] / before[1]])
        for track in self._tracks:
            track.box_xyxy = (track.box_xyxy * np.tile(scale, 2)).astype(np.float32)
            track.velocity = track.velocity * scale

    def update(
        self, faces: Faces, timestamp_s: float, *, crops: NDArray[np.float32] | None = None
    ) -> list[int]:
        """Number the faces of the next frame.

        Args:
            faces: The faces of one frame.
            timestamp_s: When it was taken; not before the frame of the last call.
            crops: `(F, S, S)`, the aligned faces, luma of 0 to 255; None if they were not just
                detected, which leaves the boxes to decide.

        Returns:
            One number per face, from 0 in the order of first appearance.
        """
        timeout_s = track_timeout_s(self.max_gap_s, self.sampling_interval_s)
        self._tracks = [
            track for track in self._tracks if timestamp_s - track.last_seen_s <= timeout_s
        ]
        numbers: list[int] = [-1] * len(faces)
        looks = None if crops is None else appearances(crops)
        for face, track in self._matches(faces.boxes_xyxy, timestamp_s, looks):
            self._move(track, faces.boxes_xyxy[face], timestamp_s)
            numbers[face] = track.number
        for face, number in enumerate(numbers):
            if number < 0:
                numbers[face] = self._begin(faces.boxes_xyxy[face], timestamp_s)
        if looks is not None:
            by_number = {track.number: track for track in self._tracks}
            for number, look in zip(numbers, looks, strict=True):
                by_number[number].appearance = look
                by_number[number].appeared_s = timestamp_s
        return numbers

    def to_document(self) -> dict[str, Any]:
        """Return all tracks as plain values that JSON can hold."""
        return {
            "next": self._next,
            "size_wh": self._size_wh,
            "tracks": [
                {
                    "number": track.number,
                    "box_xyxy": track.box_xyxy.tolist(),
                    "velocity": track.velocity.tolist(),
                    "last_seen_s": track.last_seen_s,
                    "appearance": None if track.appearance is None else track.appearance.tolist(),
                    "appeared_s": track.appeared_s,
                }
                for track in self._tracks
            ],
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Restore the state that `to_document` returned, to the last bit."""
        self._next = document["next"]
        self._size_wh = None if document["size_wh"] is None else tuple(document["size_wh"])
        self._tracks = [
            _Track(
                track["number"],
                np.array(track["box_xyxy"], np.float32),
                np.array(track["velocity"], np.float64),
                track["last_seen_s"],
                None if track["appearance"] is None else np.array(track["appearance"], np.uint8),
                track["appeared_s"],
            )
            for track in document["tracks"]
        ]

    def _matches(
        self, boxes: NDArray[np.float32], timestamp_s: float, looks: NDArray[np.uint8] | None
    ) -> list[tuple[int, _Track]]:
        """Pair faces with tracks, nearest pairs first."""
        pairs = []
        for track in self._tracks:
            expected = track.expected(timestamp_s)
            for face, box in enumerate(boxes):
                distance = _distance(expected, box)
                look = None if looks is None else looks[face]
                if distance is not None:
                    pairs.append((_is_other(track, look, timestamp_s), distance, face, track))
        pairs.sort(key=lambda pair: pair[:2])
        taken_faces: set[int] = set()
        taken_tracks: set[int] = set()
        chosen = []
        for is_other, _, face, track in pairs:
            if face in taken_faces or track.number in taken_tracks:
                continue
            if is_other:
                # Somebody else is where the person was.
                self._tracks.remove(track)
                taken_tracks.add(track.number)
            else:
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


def _is_other(track: _Track, look: NDArray[np.uint8] | None, timestamp_s: float) -> bool:
    """Return whether a face looks like another person than that of the track."""
    if look is None or track.appearance is None or timestamp_s - track.appeared_s > MAX_COMPARED_S:
        return False
    return looks_like_another(track.appearance, look)


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
