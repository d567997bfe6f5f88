"""What the report on a study is made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["StudyPerson", "StudySummary", "StudyVideo"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StudyPerson:
    """A person of a video, for the figure of all people over time.

    Attributes:
        video: The video's short name.
        person: The person's number in it.
        events: Rows of the table `events`, of this person.
    """

    video: str
    person: int
    events: Sequence[Mapping[str, Any]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StudyVideo:
    """A video, for the table of them.

    Attributes:
        video: Its short name.
        length_s: Its length in seconds.
        people: The number of people.
        events: The number of episodes.
        most_shown: The expression that is shown for the longest, and its share; empty without a
            person.
        error: Why it could not be read, or what is damaged; None if it is whole.
    """

    video: str
    length_s: float
    people: int
    events: int
    most_shown: str
    error: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StudySummary:
    """A study in numbers.

    Attributes:
        title: The name of its folder.
        videos: The videos that the report shows.
        images: The images that could not be read, and why; those that the report shows.
        people: The people that the report shows.
        counts: How many `videos`, `images`, `people`, `events` and `frames` there are, in all, and
            how many `failed_videos` and `failed_images` among them.
        hours: The length of what was analysed.
        unsure_share: Share of the people's frames with an unsure answer; None without a person.
        course: `(n, 6)`, the mean share of a video's people that show each expression in each nth
            of its time, over videos; None without an event.
        groups: The rows of the table `groups`.
        synchrony: Rows of the table `synchrony`, those farthest above chance.
        pairs: How many pairs of people were compared.
        notes: What a reader should know.
        settings: What and its value, for the methods section.
    """

    title: str
    videos: Sequence[StudyVideo]
    images: Sequence[tuple[str, str]]
    people: Sequence[StudyPerson]
    counts: Mapping[str, int]
    hours: float
    unsure_share: float | None
    course: NDArray[np.float64] | None
    groups: Sequence[Mapping[str, Any]]
    synchrony: Sequence[Mapping[str, Any]]
    pairs: int
    notes: Sequence[str]
    settings: Sequence[tuple[str, str]]
