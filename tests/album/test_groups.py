import numpy as np
import pytest

from mien.album.groups import group_faces
from mien.emotions import SIX

SIZES = (40, 25, 15)


def made(seed=0):
    """Return three clusters of unit vectors in 16 dimensions, with what belongs to them."""
    rng = np.random.default_rng(seed)
    centres = np.eye(16)[: len(SIZES)]
    cluster = np.repeat(np.arange(len(SIZES)), SIZES)
    embeddings = centres[cluster] + rng.normal(0, 0.05, (len(cluster), 16))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    probabilities = np.full((len(cluster), 6), 0.05, np.float32)
    probabilities[np.arange(len(cluster)), cluster] = 0.75
    greys = rng.integers(0, 256, (len(cluster), 32, 32)).astype(np.uint8)
    return cluster, embeddings.astype(np.float32), probabilities, greys


def test_the_clusters_are_found_and_numbered_by_size():
    cluster, embeddings, probabilities, greys = made()
    order = np.random.default_rng(1).permutation(len(cluster))
    found = group_faces(
        embeddings[order], probabilities[order], greys[order], np.ones(len(cluster))
    )
    assert (found.group == cluster[order]).all()
    assert [each.faces for each in found.groups] == list(SIZES)
    assert [each.moments for each in found.groups] == list(SIZES)
    assert [each.name for each in found.groups] == list(SIX.labels[: len(SIZES)])
    for each in found.groups:
        members = embeddings[order][found.group == each.number]
        medoid = embeddings[order][each.medoid]
        assert (members @ medoid).sum() == pytest.approx((members @ members.T).sum(axis=1).max())
        assert found.distance[found.group == each.number] == pytest.approx(
            1 - members @ medoid, abs=1e-6
        )
        assert found.distance[each.medoid] == pytest.approx(0, abs=1e-6)


def test_so_many_groups_are_made_as_are_asked_for():
    _, embeddings, probabilities, greys = made()
    for groups in (1, 2, 7):
        found = group_faces(embeddings, probabilities, greys, np.ones(len(greys)), groups=groups)
        assert len(found.groups) == groups


@pytest.mark.parametrize("count", [1, 2, 7])
def test_few_faces_are_one_group_and_never_more_groups_than_faces(count):
    _, embeddings, probabilities, greys = made()
    few = embeddings[:count], probabilities[:count], greys[:count], np.ones(count)
    assert [each.faces for each in group_faces(*few).groups] == [count]
    assert len(group_faces(*few, groups=9).groups) == count


def test_shots_of_a_moment_count_once_and_the_sharpest_is_shown():
    _, embeddings, probabilities, greys = made()
    shots = 30
    burst = np.clip(greys[:1].astype(int) + np.arange(shots)[:, None, None] % 5, 0, 255)
    sharpness = np.ones(len(greys) + shots)
    sharpness[len(greys) + 3] = 2
    found = group_faces(
        np.concatenate([embeddings, embeddings[:1].repeat(shots, axis=0)]),
        np.concatenate([probabilities, probabilities[:1].repeat(shots, axis=0)]),
        np.concatenate([greys, burst.astype(np.uint8)]),
        sharpness,
    )
    assert [each.faces for each in found.groups] == [SIZES[0] + shots, *SIZES[1:]]
    assert [each.moments for each in found.groups] == list(SIZES)
    assert len(set(found.moment[[0, *range(len(greys), len(greys) + shots)]])) == 1
    assert len(greys) + 3 in found.shown
    assert 0 not in found.shown


def test_a_face_that_looks_the_same_and_shows_something_else_is_another_moment():
    _, embeddings, probabilities, greys = made()
    same = np.concatenate([greys, greys[:1]])
    other = np.concatenate([embeddings, embeddings[-1:]])
    found = group_faces(
        other, np.concatenate([probabilities, probabilities[-1:]]), same, np.ones(len(same))
    )
    assert found.moment[-1] != found.moment[0]


def test_an_expression_that_is_half_as_probable_is_in_the_name():
    _, embeddings, probabilities, greys = made()
    probabilities[:, 5] = 0.5
    found = group_faces(embeddings, probabilities, greys, np.ones(len(greys)), groups=1)
    assert found.groups[0].name == f"{SIX.labels[5]} and {SIX.labels[0]}"
