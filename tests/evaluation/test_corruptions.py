import numpy as np
import pytest

from mien.evaluation import CORRUPTIONS, STRENGTHS, corrupt


@pytest.fixture(scope="module")
def faces():
    """Smooth images, as faces are: random ones of 6 pixels, enlarged."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(30, 226, (8, 6, 6)).astype(np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def difference(a, b):
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_strength_is_worse_than_the_one_before(faces, name):
    worse = [corrupt(faces, name, strength) for strength in STRENGTHS[name]]
    for images in worse:
        assert images.shape == faces.shape
        assert images.dtype == np.uint8
    differences = [difference(faces, images) for images in worse]
    assert 0 < differences[0] < differences[1] < differences[2]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_seed_gives_the_same_images(faces, name):
    strength = STRENGTHS[name][1]
    np.testing.assert_array_equal(corrupt(faces, name, strength), corrupt(faces, name, strength))


def test_a_mask_covers_the_mouth_and_glasses_the_eyes_alone(faces):
    masked, worn = corrupt(faces, "mask", 1.0), corrupt(faces, "glasses", 1.0)
    assert (masked[:, 36:42, 18:30] == 205).all()
    np.testing.assert_array_equal(masked[:, :24], faces[:, :24])
    assert (worn[:, 18, 16] == 30).all()
    np.testing.assert_array_equal(worn[:, 30:], faces[:, 30:])


def test_the_strengths_are_as_many_as_the_corruptions():
    assert set(STRENGTHS) == set(CORRUPTIONS)
    assert {len(values) for values in STRENGTHS.values()} == {3}
