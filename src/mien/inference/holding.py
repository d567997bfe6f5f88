"""Frames wait until it is known which of their faces are people's."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from typing import Generic, TypeVar

from mien.structures import FrameResult
from mien.track import People

__all__ = ["MAX_HELD_FRAMES", "HeldFrames", "Released", "with_people"]

MAX_HELD_FRAMES = 600
"""No more frames wait. If one of them has to go while a track may still become a person, it goes
without that face."""

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Released(Generic[T]):
    """A frame about which all is known.

    Attributes:
        item: The frame.
        numbers: For each of its faces the person's number; None for nobody's.
    """

    item: T
    numbers: list[int | None]


class HeldFrames(Generic[T]):
    """The frames of a clip that wait, in order, because a face of theirs may be nobody's.

    A frame waits until each of its tracks is a person or has ended. People are numbered here, from
    0 in the order in which their frames go.

    Args:
        people: Which tracks are people; it is told which tracks it may forget.
    """

    def __init__(self, people: People) -> None:
        self._people = people
        self.items: deque[tuple[T, float, Sequence[int]]] = deque()

    def add(self, item: T, timestamp_s: float, tracks: Sequence[int]) -> None:
        """Add the next frame with its time and the track of each of its faces."""
        self.items.append((item, timestamp_s, tracks))

    def release(self, alive: Collection[int]) -> Iterator[Released[T]]:
        """Yield and remove the frames that need not wait any longer.

        Args:
            alive: The tracks that have not ended.
        """
        people = self._people
        while self.items:
            item, time_s, tracks = self.items[0]
            waits = any(track in alive and people.may_become(track, time_s) for track in tracks)
            if waits and len(self.items) <= MAX_HELD_FRAMES:
                break
            self.items.popleft()
            numbers = [
                people.number(track) if people.is_person(track, time_s) else None
                for track in tracks
            ]
            yield Released(item, numbers)
        waiting = {track for _, _, tracks in self.items for track in tracks}
        people.forget_all_but(waiting.union(alive))


def with_people(result: FrameResult, numbers: Sequence[int | None]) -> FrameResult:
    """Return a result with the numbers of people, and without the faces that are nobody's.

    Args:
        result: The result of a frame.
        numbers: For each face the person's number; None for nobody's.
    """
    if [(face.face, face.track) for face in result.faces] == list(enumerate(numbers)):
        return result
    people = [
        (face, number)
        for face, number in zip(result.faces, numbers, strict=True)
        if number is not None
    ]
    faces = tuple(
        dataclasses.replace(face, face=place, track=number)
        for place, (face, number) in enumerate(people)
    )
    return dataclasses.replace(result, faces=faces)
