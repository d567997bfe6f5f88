import numpy as np

from mien.data import (
    exact_groups,
    is_duplicate,
    iter_near_pairs,
    joined_groups,
    near_groups,
    near_pairs,
)
from mien.data.duplicates import NearPairs, has_copy_among


def test_identical_images_share_the_number_of_the_first(images):
    repeated = images[[0, 1, 0, 2, 1, 0]]
    groups = exact_groups(repeated)
    assert groups.tolist() == [0, 1, 0, 3, 1, 0]
    assert is_duplicate(groups).tolist() == [False, False, True, False, True, True]


def test_near_copies_are_found_lighter_and_mirrored_and_nothing_else(images):
    lighter = (images[0] * 0.5 + 100).astype(np.uint8)
    mirrored = images[1][:, ::-1]
    noisy = images[2].astype(int) + np.random.default_rng(1).integers(-20, 20, (48, 48))
    together = np.stack([*images[:4], lighter, mirrored, noisy.clip(0, 255).astype(np.uint8)])
    pairs = near_pairs(together)
    found = list(zip(pairs.first, pairs.second, pairs.mirrored, strict=True))
    assert found == [(0, 4, False), (1, 5, True), (2, 6, False)]
    assert pairs.correlation[0] > 0.99


def test_every_pair_that_brute_force_finds_is_found():
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (40, 48, 48))
    noise = rng.normal(0, 1, (400, 48, 48)) * rng.uniform(5, 60, (400, 1, 1))
    images = (base[rng.integers(0, 40, 400)] + noise).clip(0, 255).astype(np.uint8)
    flat = images.reshape(400, -1).astype(np.float64)
    mirrored = images[:, :, ::-1].reshape(400, -1).astype(np.float64)
    both = np.maximum(np.corrcoef(flat), np.corrcoef(flat, mirrored)[:400, 400:])
    expected = {(i, j) for i, j in np.argwhere(both >= 0.95).tolist() if i < j}
    assert len(expected) > 100
    pairs = near_pairs(images)
    assert set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == expected


def test_blank_images_are_like_nothing():
    blank = np.stack([np.full((48, 48), value, np.uint8) for value in (0, 0, 128)])
    assert len(near_pairs(blank)) == 0


def test_chains_of_copies_make_one_group(images):
    a = images[0].astype(float)
    rng = np.random.default_rng(2)
    chain = [a]
    for _ in range(3):
        chain.append(chain[-1] + rng.normal(0, 18, a.shape))
    together = np.stack([*chain, images[1]]).clip(0, 255).astype(np.uint8)
    groups = near_groups(together, exact_groups(together))
    assert len(set(groups[:4].tolist())) == 1
    assert groups[4] != groups[0]


def test_groups_are_joined_along_chains_and_numbered_by_their_first_images():
    groups, first, second = np.array([7, 3, 7, 5, 9]), np.array([4, 0]), np.array([3, 1])
    assert joined_groups(groups, first, second).tolist() == [0, 0, 0, 1, 1]
    assert joined_groups(groups, first[:0], second[:0]).tolist() == [0, 1, 0, 2, 3]
    assert not len(joined_groups(groups[:0], first[:0], second[:0]))


def test_groups_are_joined_as_scipy_does():
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rng = np.random.default_rng(0)
    for count in rng.integers(1, 60, 100):
        first, second = rng.integers(0, count, (2, rng.integers(0, count)))
        edges = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
        expected = connected_components(edges, directed=False)[1]
        np.testing.assert_array_equal(joined_groups(np.arange(count), first, second), expected)


def test_many_alike_images_are_paired_and_grouped_some_at_a_time(images, monkeypatch):
    rng = np.random.default_rng(0)
    alike = (images[0] * 0.8 + rng.integers(0, 20, (40, 48, 48))).astype(np.uint8)
    together = np.concatenate([alike, alike[:3, :, ::-1], images[1:]])
    whole = near_pairs(together)
    assert len(whole) == 43 * 42 / 2
    monkeypatch.setattr("mien.data.duplicates._PRODUCTS", 5 * len(together))
    parts = list(iter_near_pairs(together))
    assert len(parts) == 9
    for name in ("first", "second", "correlation", "mirrored"):
        found = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_allclose(found, getattr(whole, name), atol=1e-6)
    groups = near_groups(together, exact_groups(together))
    assert groups.tolist() == [0] * 43 + [1, 2, 3, 4, 5]
    assert len(near_groups(together[:0], exact_groups(together[:0]))) == 0


def test_the_end_of_a_chain_is_no_copy():
    groups = np.arange(3)
    pairs = NearPairs(
        first=np.array([0, 1]),
        second=np.array([1, 2]),
        correlation=np.ones(2, np.float32),
        mirrored=np.zeros(2, np.bool_),
    )
    train = np.array([True, False, False])
    assert has_copy_among(train, groups, pairs).tolist() == [True, True, False]
    assert has_copy_among(~train, groups, pairs).tolist() == [True, True, True]
    assert has_copy_among(train, np.array([0, 0, 1])).tolist() == [True, True, False]
