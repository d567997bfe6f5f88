import numpy as np
import pytest

from mien.errors import InputError
from mien.options import EventOptions
from mien.study.events import find_episodes
from mien.track import frame_durations_s
from tests.study.series import person, series_of


def found(series, **options):
    return [
        (each.emotion, round(each.start_s, 6), round(each.end_s, 6))
        for each in find_episodes(series, EventOptions(**options))
    ]


def test_a_frame_lasts_until_the_next_and_before_an_absence_as_long_as_usual():
    np.testing.assert_allclose(frame_durations_s(np.array([0.0, 0.1, 0.3, 5.0, 5.1])),
                               [0.1, 0.2, 0.15, 0.1, 0.15])  # fmt: skip
    np.testing.assert_allclose(frame_durations_s(np.array([2.0])), [0.04])
    np.testing.assert_allclose(frame_durations_s(np.array([2.0, 2.0])), [0.02, 0.02])
    # Where frames are rare, a long step is no absence.
    np.testing.assert_allclose(frame_durations_s(np.array([0.0, 2.0, 4.0])), [2, 2, 2])


def test_runs_of_one_expression_are_episodes_with_their_ends():
    assert found(person(("neutral", 10), ("happy", 20))) == [
        ("neutral", 0.0, 1.0),
        ("happy", 1.0, 3.0),
    ]


@pytest.mark.parametrize(
    ("frames", "kept"), [(4, []), (5, [("happy", 1.0, 1.5)]), (6, [("happy", 1.0, 1.6)])]
)
def test_what_is_shorter_than_half_a_second_is_left_out(frames, kept):
    series = person(("neutral", 10), ("happy", frames), ("sad", 10))
    assert [each for each in found(series) if each[0] == "happy"] == kept


def test_an_expression_that_is_interrupted_briefly_is_one_episode():
    assert found(person(("happy", 6), ("sad", 2), ("happy", 6))) == [("happy", 0.0, 1.4)]
    assert found(person(("happy", 6), ("sad", 3), ("happy", 6))) == [
        ("happy", 0.0, 0.6),
        ("happy", 0.9, 1.5),
    ]


def test_several_others_in_the_gap_are_given_up_together():
    series = person(("happy", 6), ("sad", 1), ("fear", 1), ("happy", 6))
    assert found(series) == [("happy", 0.0, 1.4)]


def test_what_alternates_becomes_one_episode_of_the_first_and_never_two_that_overlap():
    spans = [("happy", 2), ("sad", 2)] * 5
    assert found(person(*spans)) == [("happy", 0.0, 1.8)]
    rng = np.random.default_rng(1)
    labels = rng.choice(["happy", "sad", "neutral"], 400)
    episodes = find_episodes(
        series_of(np.cumsum(rng.choice([0.05, 0.1, 1.5], 400)), labels),
        EventOptions(min_duration_s=0, max_gap_s=0.3),
    )
    starts, ends = (np.array([getattr(e, end) for e in episodes]) for end in ("start_s", "end_s"))
    assert len(episodes) > 10
    assert (starts[1:] >= ends[:-1] - 1e-9).all()


def test_an_absence_ends_an_episode():
    times = [*np.arange(10) / 10, *(5 + np.arange(10) / 10)]
    assert found(series_of(times, ["happy"] * 20)) == [("happy", 0.0, 1.0), ("happy", 5.0, 6.0)]
    assert found(series_of(times, ["happy"] * 20), max_gap_s=4.5) == [("happy", 0.0, 6.0)]


def test_the_peak_is_where_the_shown_expression_is_most_probable():
    series = person(("happy", 6), ("sad", 2), ("happy", 6))
    series.probabilities[3, 0] = 0.95
    series.probabilities[7, 0] = 0.99  # sad is shown there
    (episode,) = find_episodes(series)
    assert episode.peak_s == pytest.approx(0.3)
    assert episode.peak_probability == pytest.approx(0.95, abs=1e-6)
    assert episode.mean_confidence == pytest.approx((11 * 0.8 + 0.95) / 12, abs=1e-6)


@pytest.mark.parametrize("name", ["min_duration_s", "max_gap_s"])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "1", True])
def test_a_rule_that_cannot_be_is_refused(name, value):
    with pytest.raises(InputError, match=name):
        EventOptions(**{name: value})
