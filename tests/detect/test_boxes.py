import numpy as np

from mien.detect import box_iou


def test_overlaps_as_worked_out_on_paper():
    a = np.array([[0, 0, 10, 10], [2, 2, 2, 2]], np.float32)
    b = np.array([[5, 0, 15, 10], [0, 0, 10, 10], [20, 20, 30, 30]], np.float32)
    np.testing.assert_allclose(box_iou(a, b), [[1 / 3, 1, 0], [0, 0, 0]], atol=1e-6)


def test_no_boxes_have_no_pairs():
    some = np.array([[0, 0, 10, 10]], np.float32)
    assert box_iou(some, some[:0]).shape == (1, 0)
    assert box_iou(some[:0], some).shape == (0, 1)
