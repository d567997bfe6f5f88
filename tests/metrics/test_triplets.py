import itertools

import numpy as np
import pytest

from mien.errors import InputError
from mien.metrics import TripletScore, score_triplets

VOTES = np.array([[1, 0, 0], [0.9, 0.1, 0], [0, 1, 0], [0, 0.1, 0.9], [0, 0, 1]])


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_an_embedding_that_is_the_votes_agrees_with_them_always():
    assert score_triplets(unit(VOTES), VOTES).accuracy == 1.0


def test_an_embedding_by_chance_agrees_in_a_third_of_the_triplets():
    rng = np.random.default_rng(0)
    score = score_triplets(unit(rng.normal(size=(300, 16))), rng.dirichlet(np.full(8, 0.2), 300))
    assert score.accuracy == pytest.approx(1 / 3, abs=0.03)
    assert 50_000 < score.triplets < 100_000


def test_three_faces_as_worked_out_on_paper():
    # The votes put faces 0 and 1 together, the embedding faces 1 and 2.
    embedding = unit(np.array([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]]))
    votes = VOTES[[0, 1, 4]]
    assert score_triplets(embedding, votes, draws=900).accuracy == 0.0
    assert score_triplets(embedding[[1, 2, 0]], votes, draws=900).accuracy == 1.0


def test_faces_without_votes_and_triplets_without_a_clear_pair_do_not_count():
    votes = np.concatenate([VOTES[[0, 1, 4]], np.zeros((5, 3))])
    found = score_triplets(unit(np.ones((8, 2))), votes, draws=900)
    whole = sum(len(set(t)) == 3 for t in itertools.product(range(3), repeat=3)) / 27
    assert found.triplets == pytest.approx(900 * whole, rel=0.2)
    assert isinstance(found, TripletScore)
    with pytest.raises(InputError, match="clear on none"):
        score_triplets(np.eye(3), np.eye(3))


@pytest.mark.parametrize(
    ("faces", "votes", "message"),
    [(np.eye(4), VOTES, "found 4 and 5"), (np.eye(5), np.zeros((5, 3)), "three faces with votes")],
)
def test_bad_arrays_are_refused(faces, votes, message):
    with pytest.raises(InputError, match=message):
        score_triplets(faces, votes)
