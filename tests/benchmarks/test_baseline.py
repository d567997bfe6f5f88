"""The benchmark of baselines measures what it says, on people and tracks that are made up."""

import numpy as np
import pytest

from mien.metrics import fit_baseline


@pytest.fixture
def benchmark(load, monkeypatch):
    module = load("baseline")
    monkeypatch.setattr(module, "TRACKS", 12)
    monkeypatch.setattr(module, "SECONDS", 30)
    return module


def answers(labels, offsets, *, seed):
    random = np.random.default_rng(seed)
    scores = 4.0 * np.eye(6)[labels] + random.normal(0, 0.6, (len(labels), 6)) + offsets
    powers = np.exp(scores)
    return powers / powers.sum(axis=1, keepdims=True)


def test_the_spread_of_people_is_told_from_that_of_their_images(benchmark):
    random = np.random.default_rng(0)
    labels = np.tile(np.arange(6), 400)
    persons = np.repeat(np.arange(200), 12)
    offsets = 0.5 * random.normal(size=(200, 6))
    people = benchmark.People(
        answers(labels, offsets[persons], seed=1), labels, persons.astype(str)
    )
    shared, own = benchmark.covariances(people)
    # Of six independent values less their mean, five sixths of the variance are left.
    assert np.diag(shared).mean() == pytest.approx(0.25 * 5 / 6, rel=0.25)
    assert np.diag(own).mean() == pytest.approx(0.36 * 5 / 6, rel=0.15)


def test_tracks_have_their_labels_and_people_their_offsets(benchmark):
    labels = np.tile(np.arange(6), 100)
    probabilities = answers(labels, 0.0, seed=2)
    shares = np.array([0.0, 0.8, 0.2, 0.0, 0.0, 0.0])
    tracks = benchmark.make_tracks(
        probabilities, labels, shares=shares, covariance=np.eye(6), seed=3
    )
    assert tracks.probabilities.shape == (12, 30 * benchmark.PER_SECOND, 6)
    assert set(np.unique(tracks.labels)) == {1, 2}
    assert 0.6 < (tracks.labels == 1).mean() < 0.95
    plain = benchmark.make_tracks(
        probabilities, labels, shares=shares, covariance=np.zeros((6, 6)), seed=3
    )
    assert not plain.offsets.any()
    spec = fit_baseline(probabilities, labels)
    found = benchmark.measure_tracks({"a": tracks}, {"centres": spec}, 0.1 * np.eye(6))["a"]
    assert found["before"]["balanced"] < found["neutral known"]["balanced"]
    assert found["before"]["balanced"] < found["offset known"]["balanced"]


def test_one_persons_images_are_corrected_together(benchmark):
    labels = np.tile(np.arange(6), 20)
    persons = np.repeat(["a", "b"], 60)
    people = benchmark.People(answers(labels, 0.0, seed=4), labels, persons)
    sizes = []

    def correct(own):
        sizes.append(len(own))
        return own[:, ::-1]

    np.testing.assert_array_equal(
        benchmark.by_person(people, correct), people.probabilities[:, ::-1]
    )
    assert sizes == [60, 60]
