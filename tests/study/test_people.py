import pytest

from mien.study.columns import PEOPLE
from mien.study.events import find_episodes
from mien.study.people import person_row
from tests.study.series import person, series_of


def row_of(series):
    return person_row("a.mp4", 3, series, find_episodes(series))


def test_the_row_of_a_person_is_what_can_be_counted_by_hand():
    row = row_of(person(("neutral", 20), ("happy", 10), ("neutral", 20), ("happy", 10)))
    assert set(row) == {column.name for column in PEOPLE}
    assert (row["source"], row["person"], row["frames"]) == ("a.mp4", 3, 60)
    assert (row["first_s"], row["last_s"]) == (0.0, 5.9)
    assert row["visible_s"] == pytest.approx(6.0)
    assert row["share_happy"] == pytest.approx(1 / 3)
    assert row["happy_s"] == pytest.approx(2.0)
    assert sum(row[f"share_{label}"] for label in ("happy", "neutral", "sad")) == pytest.approx(1)
    assert row["p_happy_mean"] == pytest.approx(1 / 3 * 0.8 + 2 / 3 * 0.04)
    assert row["episodes"] == 4
    assert row["episode_mean_s"] == pytest.approx(1.5)
    assert row["transitions_per_min"] == pytest.approx(30)
    assert row["most_frequent_transition"] == "neutral>happy"
    assert row["size_px_mean"] == 0.5
    assert row["detected_share"] == pytest.approx(1 / 3)


def test_time_counts_and_not_frames():
    # Ten frames in the first second, two in the next two.
    series = series_of([*(0.1 * n for n in range(10)), 1.0, 1.5], ["happy"] * 10 + ["sad"] * 2)
    row = row_of(series)
    assert row["happy_s"] == pytest.approx(1.0)
    assert row["sad_s"] == pytest.approx(0.6)


def test_frames_that_all_have_one_time_have_shares_too():
    row = row_of(series_of([1.0, 1.0, 1.0], ["happy"] * 2 + ["sad"]))
    assert (row["visible_s"], row["share_sad"]) == (pytest.approx(0.04), pytest.approx(1 / 3))
    assert row["transitions_per_min"] == 0


def test_somebody_without_an_episode_has_no_mean_of_them():
    row = row_of(person(("happy", 2)))
    assert (row["episodes"], row["episode_mean_s"]) == (0, None)
    assert row["most_frequent_transition"] is None
    assert row["transitions_per_min"] == 0
