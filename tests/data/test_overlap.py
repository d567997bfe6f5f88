import numpy as np
import pytest

from mien.data import estimated_overlap, image_sketch, merged_sketches
from mien.errors import SpecError


@pytest.fixture(scope="module")
def many():
    return np.random.default_rng(0).integers(0, 256, (20_000, 4, 4)).astype(np.uint8)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_share_of_known_images_is_about_right(many, share):
    sketch = image_sketch(many[:10_000])
    known = int(4000 * share)
    asked = np.concatenate((many[:known], many[10_000 : 14_000 - known]))
    assert estimated_overlap(asked, sketch) == pytest.approx(share, abs=0.08)


def test_a_sketch_stays_small_and_few_images_are_all_in_it(many):
    assert len(image_sketch(many)) == 512 * 8
    few = image_sketch(many[:5])
    assert len(few) == 5 * 8
    assert estimated_overlap(many[:10], few) == 0.5


def test_the_sketch_of_two_sets_is_that_of_their_union(many):
    parts = [image_sketch(many[:8_000]), image_sketch(many[6_000:])]
    assert merged_sketches(parts) == image_sketch(many)
    assert merged_sketches(["", image_sketch(many[:5])]) == image_sketch(many[:5])
    assert merged_sketches([]) == ""


def test_what_is_no_sketch_is_refused(many):
    with pytest.raises(SpecError, match="expected 8 digits"):
        estimated_overlap(many[:5], "abc")
