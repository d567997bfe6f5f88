"""Each format is opened by a library of its own, with the events that were written."""

import json

import pympi
import pytest
import srt
import webvtt
from praatio import textgrid

from mien.emotions import SIX
from mien.study.exports import (
    boris_project,
    elan_document,
    srt_text,
    textgrid_text,
    webvtt_text,
)


def event(person, emotion, start_s, end_s, confidence=0.5, unsure=0.5):
    return {"source": "a b.mp4", "person": person, "emotion": emotion, "start_s": start_s,
            "end_s": end_s, "peak_s": start_s, "peak_probability": 0.9,
            "mean_confidence": confidence, "unsure_share": unsure}  # fmt: skip


EVENTS = [
    event(0, "happy", 0.5, 2.25, 0.934),
    event(0, "sad", 2.25, 3661.0004),
    event(2, "fear", 1.0, 1.75, unsure=0.51),
]
SPANS = {(each["person"], each["emotion"], each["start_s"], each["end_s"]) for each in EVENTS}


def test_srt_is_read_by_its_library():
    cues = list(srt.parse(srt_text(EVENTS)))
    assert [cue.content for cue in cues] == [
        "person 0: happy 93%", "person 2: fear 50%, unsure", "person 0: sad 50%"
    ]  # fmt: skip
    assert [cue.index for cue in cues] == [1, 2, 3]
    assert cues[2].start.total_seconds() == 2.25
    assert cues[2].end.total_seconds() == 3661.0
    assert list(srt.parse(srt_text([]))) == []


def test_webvtt_is_read_by_its_library(tmp_path):
    path = tmp_path / "a.vtt"
    path.write_text(webvtt_text(EVENTS), encoding="utf-8")
    cues = webvtt.read(path).captions
    assert [(cue.voice, cue.text) for cue in cues] == [
        ("person 0", "happy 93%"), ("person 2", "fear 50%, unsure"), ("person 0", "sad 50%")
    ]  # fmt: skip
    assert [cue.start_in_seconds for cue in cues] == [0, 1, 2]
    assert (cues[2].start, cues[2].end) == ("00:00:02.250", "01:01:01.000")
    path.write_text(webvtt_text([]), encoding="utf-8")
    assert webvtt.read(path).captions == []


def test_elan_is_read_by_its_library(tmp_path):
    path = tmp_path / "a.eaf"
    path.write_text(elan_document(str(tmp_path / "a b.mp4"), EVENTS, [0, 1, 2]), encoding="utf-8")
    document = pympi.Elan.Eaf(path)
    assert list(document.get_tier_names()) == ["person 0", "person 1", "person 2"]
    found = {
        (person, text, start / 1000, end / 1000)
        for person in (0, 1, 2)
        for start, end, text, *_ in document.get_annotation_data_for_tier(f"person {person}")
    }
    assert found == {(p, emotion, start, round(end, 3)) for p, emotion, start, end in SPANS}
    (medium,) = document.media_descriptors
    assert medium["MEDIA_URL"].endswith("/a%20b.mp4")
    values = document.get_controlled_vocabulary_names()
    assert list(values) == ["expressions"]
    assert len(document.get_cv_entries("expressions")) == len(SIX)
    path.write_text(elan_document("bad \udcff.mp4", [], []), encoding="utf-8")
    assert list(pympi.Elan.Eaf(path).get_tier_names()) == []


@pytest.mark.parametrize("include_empty", [False, True])
def test_a_textgrid_is_read_by_its_library_and_has_no_holes(tmp_path, include_empty):
    path = tmp_path / "a.TextGrid"
    path.write_text(textgrid_text(EVENTS, [0, 1, 2], 30.0), encoding="utf-8")
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=include_empty)
    assert list(grid.tierNames) == ["person 0", "person 1", "person 2"]
    assert (grid.minTimestamp, grid.maxTimestamp) == (0, 3661.0004)
    if not include_empty:
        found = {
            (person, each.label, each.start, each.end)
            for person in (0, 1, 2)
            for each in grid.getTier(f"person {person}").entries
        }
        assert found == SPANS
        return
    for tier in grid.tiers:
        ends = [0.0, *(each.end for each in tier.entries)]
        assert [each.start for each in tier.entries] == ends[:-1]
        assert ends[-1] == grid.maxTimestamp


def test_a_textgrid_of_nobody_can_be_opened(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(textgrid_text([], [], 2.0), encoding="utf-8")
    assert list(textgrid.openTextgrid(str(path), includeEmptyIntervals=True).tierNames) == [
        "nobody"
    ]


def test_a_project_of_boris_has_its_keys_and_each_state_begins_and_ends():
    """There is no library that reads it without the program: its format 7.0 has these keys."""
    video = {"source": "a b.mp4", "name": "a", "frames_per_second": 25.0, "duration_s": 30.0}
    project = json.loads(json.dumps(boris_project([(video, EVENTS), (video | {"name": "b"}, [])])))
    assert project["project_format_version"] == "7.0"
    codes = [each["code"] for each in project["behaviors_conf"].values()]
    keys = [each["key"] for each in project["behaviors_conf"].values() if each["key"]]
    assert tuple(codes) == SIX.labels
    assert len(set(keys)) == len(keys)
    assert [each["name"] for each in project["subjects_conf"].values()] == ["person 0", "person 2"]
    assert list(project["observations"]) == ["a", "b"]
    observation = project["observations"]["a"]
    assert observation["file"]["1"][0].endswith("a b.mp4")
    assert list(observation["media_info"]["length"].values()) == [30.0]
    open_states: dict[str, str] = {}
    for _, subject, code, *_ in observation["events"]:
        if subject in open_states:
            assert open_states.pop(subject) == code
        else:
            open_states[subject] = code
    assert not open_states
    assert len(observation["events"]) == 2 * len(EVENTS)
