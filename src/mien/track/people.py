"""People: a track counts as a person only after enough detections.

A detector takes some letters, patterns and cartoons for faces. Those are seen for a moment, now and
then, or with a low score, and so they do not become people. The whole rule, which the web page
mirrors (vectors in `tests/parity/people.json`): a track is a person from the detection on with
which its detections of some score are enough, by one line of `ENOUGH`::

    score    detections    seconds from the first to the newest
    0.9      1             0
    0.8      2             0.2
    any      3             0.5

A track that was missed in more than half of the searches, of three or more, begins anew with its
next detection; what was found before is nobody's. Only searches in the whole frame count, not faces
that are followed from frame to frame.

A time that is asked for (`VideoOptions.min_duration_s`) replaces all this: the newest detection is
that long after the first.

At the end of a video a track that is still seen has only to have lasted for half of the video, so
that a video of a moment has people, too.

Measured with the shipped detector: of 95 frames without a face (titles, patterns) 12 had
detections, one of them with a score of 0.8, none with 0.9; of 539 faces in street and family photos
153 had 0.9, and 389 had 0.8. Portraits have 0.9 and more: they are people from the first frame on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["ENOUGH", "MIN_SHARE", "MIN_SHARE_SEARCHES", "People"]


class _Enough(NamedTuple):
    score: float
    detections: int
    duration_s: float


ENOUGH = (_Enough(0.9, 1, 0.0), _Enough(0.8, 2, 0.2), _Enough(0.0, 3, 0.5))
"""Any of these lines makes a track a person: detections of at least this score, so many of them,
over so many seconds."""

MIN_SHARE, MIN_SHARE_SEARCHES = 0.5, 3
"""A track that is found in a smaller share of the searches, of so many at least, begins anew."""


@dataclasses.dataclass(slots=True)
class _Candidate:
    """A track that is not a person yet.

    Attributes:
        since_s: From when on its faces may be a person's; None from its beginning on.
        searches: The searches in the whole frame since then; 0 before it begins anew.
        newest_s: The time of its newest detection.
        counts: For each line of the rule, its detections that count.
        first_s: For each line, the time of the first of these.
    """

    since_s: float | None
    searches: int
    newest_s: float
    counts: list[int]
    first_s: list[float]


@dataclasses.dataclass(slots=True)
class _Person:
    """A track that is a person.

    Attributes:
        since_s: From when on; None from its beginning on.
        number: The person's number; None before it was asked for.
    """

    since_s: float | None
    number: int | None = None


class People:
    """Decides which tracks of one clip are people, and numbers these.

    Args:
        min_duration_s: For how long a track must have been seen; None takes the table above.
    """

    def __init__(self, min_duration_s: float | None = None) -> None:
        self._is_by_table = min_duration_s is None
        self._lines = ENOUGH if min_duration_s is None else (_Enough(0.0, 1, min_duration_s),)
        self._candidates: dict[int, _Candidate] = {}
        self._people: dict[int, _Person] = {}
        self._next = 0

    def observe(self, tracks: Sequence[int], scores: Sequence[float], timestamp_s: float) -> None:
        """Note the faces that were detected in a frame, or that there were none.

        Args:
            tracks: The track of each face.
            scores: The detection score of each, 0 to 1.
            timestamp_s: When the frame was taken; not before that of the last call.
        """
        found = dict(zip(tracks, map(float, scores), strict=True))
        for track, candidate in self._candidates.items():
            if candidate.searches == 0 and track in found:
                self._candidates[track] = self._begin(timestamp_s, timestamp_s)
        for track in found:
            if track not in self._people and track not in self._candidates:
                self._candidates[track] = self._begin(None, timestamp_s)
        for track, candidate in list(self._candidates.items()):
            if track in found and self._is_enough(candidate, found[track], timestamp_s):
                self._admit(track)
            elif track in found or candidate.searches:
                self._note_search(candidate)

    def _begin(self, since_s: float | None, timestamp_s: float) -> _Candidate:
        zeros, times = [0] * len(self._lines), [timestamp_s] * len(self._lines)
        return _Candidate(since_s, 0, timestamp_s, zeros, times)

    def _is_enough(self, candidate: _Candidate, score: float, timestamp_s: float) -> bool:
        """Note a detection of a candidate, and return whether it is a person's now."""
        candidate.newest_s = timestamp_s
        is_enough = False
        for place, line in enumerate(self._lines):
            if score < line.score:
                continue
            if candidate.counts[place] == 0:
                candidate.first_s[place] = timestamp_s
            candidate.counts[place] += 1
            lasted_s = timestamp_s - candidate.first_s[place]
            is_enough |= candidate.counts[place] >= line.detections and lasted_s >= line.duration_s
        return is_enough

    def _note_search(self, candidate: _Candidate) -> None:
        """Count a search; a candidate that is seldom found begins anew."""
        candidate.searches += 1
        is_seldom = candidate.counts[-1] < MIN_SHARE * candidate.searches
        if self._is_by_table and candidate.searches >= MIN_SHARE_SEARCHES and is_seldom:
            candidate.searches = 0

    def end(self, duration_s: float) -> None:
        """Decide about the tracks that are still seen at the end of a clip.

        Args:
            duration_s: Its length.
        """
        if not self._is_by_table:
            return
        enough_s = min(ENOUGH[-1].duration_s, duration_s / 2)
        for track, candidate in list(self._candidates.items()):
            if candidate.searches and candidate.newest_s - candidate.first_s[-1] >= enough_s:
                self._admit(track)

    def is_person(self, track: int, timestamp_s: float) -> bool:
        """Return whether the face of a track at some time is known to be a person's."""
        person = self._people.get(track)
        return person is not None and _is_after(timestamp_s, person.since_s)

    def may_become(self, track: int, timestamp_s: float) -> bool:
        """Return whether the face of a track at some time may turn out to be a person's."""
        candidate = self._candidates.get(track)
        return (
            candidate is not None
            and candidate.searches > 0
            and _is_after(timestamp_s, candidate.since_s)
        )

    def number(self, track: int) -> int:
        """Return the number of a track that is a person, from 0 in the order of these calls."""
        person = self._people[track]
        if person.number is None:
            person.number = self._next
            self._next += 1
        return person.number

    def forget_all_but(self, tracks: Collection[int]) -> None:
        """Forget the tracks that are none of these: an hour of video has many."""
        self._people = {track: each for track, each in self._people.items() if track in tracks}
        self._candidates = {
            track: each for track, each in self._candidates.items() if track in tracks
        }

    def _admit(self, track: int) -> None:
        self._people[track] = _Person(self._candidates.pop(track).since_s)

    def to_document(self) -> dict[str, Any]:
        """Return the state as plain values that JSON can hold."""
        return {
            "next": self._next,
            "people": {str(track): dataclasses.asdict(p) for track, p in self._people.items()},
            "candidates": {
                str(track): dataclasses.asdict(each) for track, each in self._candidates.items()
            },
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Restore the state that `to_document` returned, to the last bit."""
        self._next = document["next"]
        self._people = {int(track): _Person(**each) for track, each in document["people"].items()}
        self._candidates = {
            int(track): _Candidate(
                **{**each, "counts": list(each["counts"]), "first_s": list(each["first_s"])}
            )
            for track, each in document["candidates"].items()
        }


def _is_after(timestamp_s: float, since_s: float | None) -> bool:
    return since_s is None or timestamp_s >= since_s
