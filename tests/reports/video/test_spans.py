import numpy as np
import pytest

from mien.emotions import SIX
from mien.reports.video.figures import timeline_figure
from mien.reports.video.spans import Spans
from mien.reports.video.summary import FaceUnitValues, Person
from mien.reports.video.units import unit_figures
from mien.units import UNITS


def frames(begin_s, end_s, *, per_second=25):
    count = round((end_s - begin_s) * per_second)
    return begin_s + np.arange(count) / per_second


def seen(*times_s):
    """A person who is happy in all frames, half of it with another probability."""
    person = Person()
    for number, time_s in enumerate(np.concatenate(times_s)):
        person.times_s.append(float(time_s))
        person.probabilities.append((0.5, 0.1, 0.1, 0.1, 0.1, 0.1))
        person.labels.append(SIX.labels.index("happy"))
        person.reasons.append(None)
        person.boxes.append((0.0, 0.0, 9.0, 9.0))
        person.frames.append(number)
        units = np.zeros(len(UNITS), np.float32)
        units[UNITS.index("jawOpen")] = number % 2
        person.units.append(FaceUnitValues(units, (0.0, 0.0, 0.0), 0.0, 0.0))
    return person


def rows(chart):
    return chart.data.to_pylist()


def test_spans_begin_and_end_with_frames():
    spans = Spans.of(np.array([0.0, 0.25, 0.5, 0.75, 1.0, 6.0, 6.25]), step_s=0.5)
    np.testing.assert_array_equal(spans.place, [0, 0, 1, 1, 2, 3, 3])
    np.testing.assert_allclose(spans.begins_s, [0.0, 0.5, 1.0, 6.0])
    np.testing.assert_allclose(spans.ends_s, [0.5, 1.0, 1.25, 6.5])
    np.testing.assert_array_equal(spans.stretches, [0, 0, 0, 1])
    times_s, places = spans.points()
    np.testing.assert_allclose(times_s, [0.0, 0.25, 0.75, 1.125, 1.25, 6.0, 6.25, 6.5])
    np.testing.assert_array_equal(places, [0, 0, 1, 2, 2, 3, 3, 3])
    means = spans.means(np.array([[1.0], [3.0], [5.0], [5.0], [7.0], [9.0], [9.0]]))
    np.testing.assert_allclose(means[:, 0], [2.0, 5.0, 7.0, 9.0])
    labels = np.array([0, 0, 1, 1, 4, 5, 5])
    np.testing.assert_array_equal(spans.most_frequent(labels, 6), [0, 1, 4, 5])


@pytest.mark.parametrize("times_s", [[3.0], [3.0, 3.0]])
def test_one_moment_is_a_span_of_one_frame(times_s):
    spans = Spans.of(np.array(times_s), step_s=0.04)
    assert len(spans.begins_s) == 1
    assert 3.0 < spans.ends_s[0] <= 3.04
    assert len(spans.points()[0]) == 3


def test_in_a_long_video_frames_of_neighbouring_spans_are_one_stretch():
    times_s = np.concatenate([frames(0, 600, per_second=5), frames(604, 1200, per_second=5)])
    assert Spans.of(times_s, step_s=1.0).stretches[-1] == 1
    assert Spans.of(times_s, step_s=6.0).stretches[-1] == 0


def test_nothing_is_drawn_where_a_person_is_away():
    figure = timeline_figure(0, seen(frames(0, 2), frames(20, 22)), {}, step_s=0.04)
    areas, strip = (rows(each) for each in figure.chart.vconcat)
    edges = {}
    for row in areas:
        edges.setdefault(row["stretch"], []).append(row["time"])
    assert [(min(each), max(each)) for each in edges.values()] == [
        (pytest.approx(0.0), pytest.approx(2.0)),
        (pytest.approx(20.0), pytest.approx(22.0)),
    ]
    for row in strip:
        assert row["to"] - row["time"] == pytest.approx(0.04, abs=0.041)
    ends = [row["to"] for row in strip]
    assert max(end for end in ends if end < 10) == pytest.approx(2.0)
    assert max(ends) == pytest.approx(22.0)


def test_the_areas_of_a_moment_lie_on_each_other_up_to_the_whole():
    figure = timeline_figure(0, seen(frames(0, 1)), {}, step_s=0.04)
    areas = [row for row in rows(figure.chart.vconcat[0]) if row["time"] == 0.0]
    assert [row["label"] for row in areas] == list(SIX.labels)
    assert areas[0]["bottom"] == 0
    assert areas[0]["top"] == pytest.approx(0.5)
    assert [row["bottom"] for row in areas[1:]] == [row["top"] for row in areas[:-1]]
    assert areas[-1]["top"] == pytest.approx(1.0)


def test_the_lines_of_units_are_whole_in_long_videos_and_broken_at_absences():
    person = seen(frames(0, 1500, per_second=2), frames(1800, 2100, per_second=2))
    moves, head, _ = unit_figures(0, person, step_s=3.5)
    for figure, names in ((moves, 1), (head, 3)):
        found = rows(figure.chart)
        assert all(row["value"] is not None for row in found)
        assert {row["stretch"] for row in found} == {0, 1}
        assert len({row["unit"] for row in found}) == names
        assert sum(row["stretch"] == 0 for row in found) > 400 * names
