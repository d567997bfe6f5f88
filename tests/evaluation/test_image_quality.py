import numpy as np
import pytest

from mien.detect import sharpness
from mien.evaluation.image_quality import quality_points, quality_thirds


def checkers(low, high, cell):
    """A chessboard of 48x48 in two greys."""
    rows, columns = np.indices((48, 48)) // cell
    return np.where((rows + columns) % 2 == 0, low, high).astype(np.uint8)


# Darker to brighter, coarser to finer, paler to stronger, each in an order of its own.
IMAGES = np.stack(
    [
        checkers(40, 60, 2), checkers(40, 80, 8), checkers(40, 100, 1),
        checkers(100, 140, 8), checkers(100, 160, 1), checkers(100, 120, 2),
        checkers(180, 240, 1), checkers(200, 220, 2), checkers(190, 230, 8),
    ]
)  # fmt: skip


def test_thirds_follow_each_measure():
    thirds = quality_thirds(IMAGES)
    members = {(t.measure, t.third): np.flatnonzero(t.members).tolist() for t in thirds}
    assert members == {
        ("sharpness", "lowest"): [1, 3, 8],
        ("sharpness", "middle"): [0, 5, 7],
        ("sharpness", "highest"): [2, 4, 6],
        ("contrast", "lowest"): [0, 5, 7],
        ("contrast", "middle"): [1, 3, 8],
        ("contrast", "highest"): [2, 4, 6],
        ("brightness", "lowest"): [0, 1, 2],
        ("brightness", "middle"): [3, 4, 5],
        ("brightness", "highest"): [6, 7, 8],
    }
    found = {(t.measure, t.third): (t.low, t.high) for t in thirds}
    assert found["contrast", "lowest"] == pytest.approx((10 / 255, 10 / 255))
    assert found["brightness", "highest"] == pytest.approx((210 / 255, 210 / 255))
    finest = sharpness(IMAGES[2].astype(np.float32))
    assert found["sharpness", "highest"] == pytest.approx((finest, finest))


def test_a_model_is_scored_on_each_third_by_what_counts():
    labels = np.array([0, 0, 1, -1, -1, -1, 0, 1, -1])
    said = np.array([0, 1, 1, 0, 0, 0, 1, 0, 0])
    points = quality_points(quality_thirds(IMAGES), said, labels, classes=2)
    by_brightness = {p.third: p for p in points if p.measure == "brightness"}
    assert list(by_brightness) == ["lowest", "highest"]
    dark = by_brightness["lowest"]
    assert (dark.images, dark.accuracy, dark.balanced_accuracy) == (3, pytest.approx(2 / 3), 0.75)
    assert (by_brightness["highest"].images, by_brightness["highest"].accuracy) == (2, 0.0)


def test_images_that_are_alike_stay_together():
    thirds = quality_thirds(np.stack([IMAGES[0]] * 5))
    assert [(t.measure, t.third, int(t.members.sum())) for t in thirds] == [
        ("sharpness", "lowest", 5),
        ("contrast", "lowest", 5),
        ("brightness", "lowest", 5),
    ]
