"""The episodes of a study as a BORIS project (format 7.0; Friard and Gamba 2016).

Each video is an observation, each person a subject, and each expression a state event with a
beginning and an end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mien.emotions import COLOURS, SIX

__all__ = ["boris_project"]

_FORMAT = "7.0"
_PLAYERS = 8
_NO_DATE = "1970-01-01T00:00:00"
"""An observation has a date; the same study gives the same project on every day."""

Video = tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]
"""The row of a video, with its absolute path as `source`, and those of its events."""


def boris_project(videos: Iterable[Video]) -> dict[str, Any]:
    """Return a project with the events of all videos, which JSON can hold.

    Args:
        videos: The videos; their people are the subjects of the project.
    """
    people: set[int] = set()
    observations = {}
    for video, events in videos:
        people.update(event["person"] for event in events)
        observations[video["name"]] = _observation(video, events)
    return {
        "time_format": "hh:mm:ss",
        "project_date": _NO_DATE,
        "project_name": "mien",
        "project_description": "Expressions that faces show, found by mien",
        "project_format_version": _FORMAT,
        "subjects_conf": {
            str(place): {"key": "", "name": f"person {person}", "description": ""}
            for place, person in enumerate(sorted(people))
        },
        "behaviors_conf": {str(place): _behaviour(place) for place in range(len(SIX))},
        "observations": observations,
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }


def _behaviour(place: int) -> dict[str, Any]:
    label = SIX.labels[place]
    return {
        "type": "State event",
        "key": label[0] if [each[0] for each in SIX.labels].index(label[0]) == place else "",
        "code": label,
        "description": "",
        "color": COLOURS[label],
        "category": "",
        "modifiers": {},
        "excluded": "",
        "coding map": "",
    }


def _observation(video: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    path = video["source"]
    rows = []
    for event in events:
        subject = f"person {event['person']}"
        comment = (
            f"mean confidence {event['mean_confidence']:.3f}, {event['unsure_share']:.0%} unsure"
        )
        for end, note in (("start_s", comment), ("end_s", "")):
            rows.append([round(event[end], 3), subject, event["emotion"], "", note])
    rate = video["frames_per_second"] if video.get("frames_per_second") else 0
    return {
        "file": {str(player): [path] if player == 1 else [] for player in range(1, _PLAYERS + 1)},
        "type": "MEDIA",
        "date": _NO_DATE,
        "description": "",
        "time offset": 0.0,
        "events": sorted(rows, key=lambda row: (row[0], row[1])),
        "observation time interval": [0, 0],
        "independent_variables": {},
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "media_creation_date_as_offset": False,
        "media_scan_sampling_duration": 0,
        "image_display_duration": 1,
        "close_behaviors_between_videos": False,
        "media_info": {
            "length": {path: video.get("duration_s") or video.get("last_frame_s") or 0.0},
            "fps": {path: rate},
            "hasVideo": {path: True},
            "hasAudio": {path: False},
            "offset": {"1": 0.0},
        },
    }
