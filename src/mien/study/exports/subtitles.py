"""Episodes as subtitles: SRT (SubRip) and WebVTT, which players show over the video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["srt_text", "webvtt_text"]


_UNSURE = 0.5
"""Above this share of unsure answers an episode is called unsure; the page's rule, too."""


def srt_text(events: Sequence[Mapping[str, Any]]) -> str:
    """Return the events of a video as SRT, one cue each, in order of time.

    Args:
        events: Rows of the table `events`.
    """
    cues = [
        f"{number}\n{_time(event['start_s'], ',')} --> {_time(event['end_s'], ',')}\n"
        f"person {event['person']}: {_words(event)}\n"
        for number, event in enumerate(_in_order(events), 1)
    ]
    return "\n".join(cues)


def webvtt_text(events: Sequence[Mapping[str, Any]]) -> str:
    """Return the events of a video as WebVTT (W3C), each person a voice; see `srt_text`."""
    cues = [
        f"\n{_time(event['start_s'], '.')} --> {_time(event['end_s'], '.')}\n"
        f"<v person {event['person']}>{_words(event)}\n"
        for event in _in_order(events)
    ]
    return "WEBVTT\n" + "".join(cues)


def _in_order(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(events, key=lambda event: (event["start_s"], event["person"]))


def _words(event: Mapping[str, Any]) -> str:
    unsure = ", unsure" if event["unsure_share"] > _UNSURE else ""
    return f"{event['emotion']} {event['mean_confidence']:.0%}{unsure}"


def _time(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds_, milliseconds = divmod(milliseconds, 1000)
    return f"{hours:02}:{minutes:02}:{seconds_:02}{point}{milliseconds:03}"
