import numpy as np
import pytest

from mien.errors import FrameError
from mien.inference import EmotionModel


@pytest.fixture(scope="module")
def model():
    return EmotionModel()


def test_the_shipped_network_has_the_contracts_outputs(model):
    outputs = model.run(np.zeros((3, 48, 48), np.float32))
    shapes = {name: value.shape for name, value in outputs.items()}
    assert shapes["logits"] == (3, 8)
    assert shapes["fer2013_logits"] == (3, 7)
    assert shapes["embedding"] == (3, 16)
    assert shapes["activation"][:2] == (3, 8)


def test_a_face_gets_the_same_numbers_alone_and_in_a_batch(model):
    crops = np.random.default_rng(0).uniform(0, 255, (9, 48, 48)).astype(np.float32)
    together = model.probabilities(crops)
    alone = np.concatenate([model.probabilities(crop[None]) for crop in crops])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_no_faces_give_no_probabilities(model):
    assert model.probabilities(np.zeros((0, 48, 48), np.float32)).shape == (0, 6)


def test_crops_of_another_size_are_refused(model):
    with pytest.raises(FrameError, match=r"takes \(B, 48, 48\) in grey, found \(1, 64, 64\)"):
        model.run(np.zeros((1, 64, 64), np.float32))


def test_the_spec_says_where_the_network_comes_from(model):
    assert {"data", "data_sha256", "recipe", "calibrated_on"} <= set(model.spec.provenance)
    assert 0 < model.unsure_below < 1
