"""Every parser of bytes from outside, with a few hundred damaged inputs of fixed seeds.

`make fuzz` goes on with others, for as long as it is asked to.
"""

import pytest

from tests.fuzz.running import run_case
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_a_damaged_input_gives_a_finite_result_or_a_plain_error(name, tmp_path):
    read = [run_case(name, seed, tmp_path / "case") for seed in range(TARGETS[name].cases)]
    assert not all(read), "nothing was damaged enough to be noticed"
