import numpy as np
import pytest

from mien.errors import InputError
from mien.metrics import agreement


def test_correlation_and_errors_are_those_by_hand():
    expected = np.array([[0.0, 1.0, 5.0], [1.0, 2.0, 5.0], [2.0, 3.0, 5.0]])
    found = np.array([[0.0, 3.0, 1.0], [2.0, 2.0, 2.0], [4.0, 1.0, 6.0]])
    agreed = agreement(found, expected)
    np.testing.assert_allclose(agreed.correlation, [1.0, -1.0, np.nan])
    np.testing.assert_allclose(agreed.mean_absolute_error, [1.0, 4 / 3, 8 / 3])
    np.testing.assert_allclose(agreed.median_absolute_error, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("shapes", [((3, 2), (3, 1)), ((1, 2), (1, 2)), ((3,), (3,))])
def test_other_shapes_are_refused(shapes):
    with pytest.raises(InputError, match="N of 2 or more"):
        agreement(*map(np.zeros, shapes))
