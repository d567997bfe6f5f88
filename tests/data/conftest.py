import numpy as np
import pytest


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (6, 48, 48)).astype(np.uint8)
