import json
from pathlib import Path

import pytest

from mien.track import People

VECTORS = json.loads((Path(__file__).parents[1] / "parity" / "people.json").read_text())


def numbers(people, tracks, timestamp_s):
    known = [track if people.is_person(track, timestamp_s) else None for track in tracks]
    return [None if track is None else people.number(track) for track in known]


def search(people, each):
    people.observe(each["tracks"], each["scores"], each["timestamp_s"])
    return numbers(people, each["tracks"], each["timestamp_s"])


def test_tracks_become_people_by_the_table_and_keep_their_numbers():
    people = People()
    for each in VECTORS["searches"]:
        assert search(people, each) == each["numbers"], each


def test_a_restored_state_decides_as_the_one_it_was_saved_from():
    people = People()
    for each in VECTORS["searches"]:
        again = People()
        again.restore(json.loads(json.dumps(people.to_document())))
        people = again
        assert search(people, each) == each["numbers"], each


def test_what_was_found_before_a_track_began_anew_is_nobodys():
    people = People()
    for time_s, tracks in ((0.0, [7]), (0.1, []), (0.2, []), (1.0, [7]), (1.1, [7]), (1.5, [7])):
        people.observe(tracks, [0.6] * len(tracks), time_s)
    assert not people.is_person(7, 0.0)
    assert people.is_person(7, 1.0)
    assert people.is_person(7, 2.0)


def test_until_it_is_decided_a_face_may_become_a_persons():
    people = People()
    people.observe([0, 1], [0.6, 0.95], 0.0)
    assert people.may_become(0, 0.0)
    assert not people.may_become(1, 0.0)  # it is one
    people.observe([1], [0.95], 0.1)
    people.observe([1], [0.95], 0.2)
    assert not people.may_become(0, 0.0)  # missed in more than half of the searches


@pytest.mark.parametrize(
    ("asked_s", "lasting_s", "is_person"),
    [(0.0, 0.0, True), (1.0, 0.75, False), (1.0, 1.0, True), (10.0, 9.5, False)],
)
def test_a_time_that_is_asked_for_replaces_the_table(asked_s, lasting_s, is_person):
    people = People(asked_s)
    people.observe([0], [0.99 if asked_s else 0.3], 0.0)
    for eighth in range(1, round(8 * lasting_s)):
        people.observe([], [], eighth / 8)
    if lasting_s:
        people.observe([0], [0.3], lasting_s)
    assert people.is_person(0, lasting_s) is is_person
    people.end(lasting_s)
    assert people.is_person(0, lasting_s) is is_person


def test_in_a_video_of_a_moment_half_of_it_is_enough():
    moment, longer = People(), People()
    for people, end_s in ((moment, 0.25), (longer, 2.0)):
        people.observe([0], [0.7], end_s - 0.125)
        people.observe([0], [0.7], end_s)
        people.end(end_s)
    assert moment.is_person(0, 0.25)
    assert not longer.is_person(0, 2.0)


def test_tracks_that_have_ended_are_forgotten():
    people = People()
    people.observe([0, 1, 2], [0.95, 0.95, 0.6], 0.0)
    assert numbers(people, [0, 1, 2], 0.0) == [0, 1, None]
    people.forget_all_but([1])
    document = people.to_document()
    assert list(document["people"]) == ["1"]
    assert not document["candidates"]
    people.observe([3], [0.95], 1.0)
    assert people.number(3) == 2  # no number comes twice
