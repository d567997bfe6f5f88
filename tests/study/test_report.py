import numpy as np
import pytest

from mien.emotions import SIX
from mien.reports import study_report
from mien.study.record import Record
from mien.study.report import _MAX_IMAGES, _MAX_PAIRS, _Collected, _course


def record(sources=("a.mp4",), **rows):
    return Record(
        name="a", sources=sources, fingerprints=(None,), frames_bytes=0, frames_rows=0,
        **{"video": {}, **rows},
    )  # fmt: skip


def course(people, events, *, length_s=60.0):
    return _course(record(people=people, events=events), length_s)


def person(first_s, last_s, visible_s):
    return {"first_s": first_s, "last_s": last_s, "visible_s": visible_s}


HAPPY = {"emotion": "happy", "start_s": 0.0, "end_s": 60.0}


def test_the_course_is_of_the_time_of_all_in_view_also_of_those_without_an_episode():
    shares = course([person(0, 60, 60), person(0, 60, 60)], [HAPPY])
    np.testing.assert_allclose(shares[:, SIX.labels.index("happy")], 0.5)
    assert shares.sum() == pytest.approx(30)
    # Somebody who is in view for half of the second half of the time.
    shares = course([person(0, 60, 60), person(30, 60, 15)], [HAPPY])[:, SIX.labels.index("happy")]
    np.testing.assert_allclose(shares[:30], 1)
    np.testing.assert_allclose(shares[30:], 1 / 1.5)


def test_where_nobody_is_in_view_nobody_shows_anything():
    shares = course([person(0, 30, 30)], [HAPPY | {"end_s": 30.0}])
    assert shares[:30].sum() == pytest.approx(30)
    assert not shares[30:].any()


def test_of_pairs_as_far_above_chance_the_first_stay():
    collected = _Collected()

    def add(video, peak_r):
        pairs = [
            {"person_a": 1, "person_b": 2, "emotion": emotion, "peak_r": peak_r,
             "chance_peak_r": 0.25}
            for emotion in SIX.labels
        ]  # fmt: skip
        collected._add_pairs(video, record(synchrony=pairs))

    full = _MAX_PAIRS // len(SIX)
    for number in range(full):
        add(f"low {number}", 0.5)
    for number in range(full + 1):  # copies of one video
        add(f"high {number}", 0.75)
    shown = collected.summary("", [], []).synchrony
    assert [(row["video"], row["emotion"]) for row in shown] == [
        (f"high {number}", emotion) for number in range(full) for emotion in SIX.labels
    ]


def test_images_and_videos_that_could_not_be_read_are_told_apart_and_say_why(tmp_path):
    video = {"error": "cut off", "frames_read": 0}
    images = {f"{number}.png": "no image" for number in range(_MAX_IMAGES + 1)}
    records = [
        record(video=video, failures={"a.mp4": "cut off"}),
        record(("p.png", *images), video=None, failures=images),
    ]
    collected = _Collected()
    for each in records:
        collected.add(each)
    video_note, image_note = collected.failure_notes()
    assert video_note.startswith("not read or damaged: 1 video; the table of videos below and")
    assert image_note.startswith(f"not read or damaged: {len(images)} images; the table of images")
    assert image_note.endswith("the column error of frames say why")
    assert list(_Collected().failure_notes()) == []
    path = tmp_path / "a.html"
    study_report(collected.summary("", [], []), path)
    text = path.read_text(encoding="utf-8")
    assert "Unreadable images" in text
    assert f"{_MAX_IMAGES - 1}.png" in text
    assert "1 more are in the tables of frames" in text
