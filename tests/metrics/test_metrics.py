import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from mien.errors import InputError
from mien.metrics import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    expected_calibration_error,
    macro_f1,
    negative_log_likelihood,
)

LABELS = np.array([0, 0, 0, 0, 1, 1, 2])
PREDICTIONS = np.array([0, 0, 0, 1, 1, 0, 2])


def test_metrics_as_worked_out_on_paper():
    matrix = confusion_matrix(LABELS, PREDICTIONS, classes=4)
    assert matrix.tolist() == [[3, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert accuracy(matrix) == pytest.approx(5 / 7)
    assert balanced_accuracy(matrix) == pytest.approx((3 / 4 + 1 / 2 + 1) / 3)
    # F1 of 0: 2*3/(4+4), of 1: 2*1/(2+2), of 2: 1; the class that never occurs does not count.
    assert macro_f1(matrix) == pytest.approx((0.75 + 0.5 + 1) / 3)


def test_metrics_equal_scikit_learns():
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(0, 6, (2, 500))
    matrix = confusion_matrix(labels, predictions, classes=6)
    np.testing.assert_array_equal(matrix, sklearn_metrics.confusion_matrix(labels, predictions))
    expected = sklearn_metrics.balanced_accuracy_score(labels, predictions)
    assert balanced_accuracy(matrix) == pytest.approx(expected)
    expected = sklearn_metrics.f1_score(labels, predictions, average="macro")
    assert macro_f1(matrix) == pytest.approx(expected)
    probabilities = rng.dirichlet(np.ones(6), 500)
    expected = sklearn_metrics.log_loss(labels, probabilities, labels=range(6))
    assert negative_log_likelihood(probabilities, labels) == pytest.approx(expected)


def test_calibration_error_as_worked_out_on_paper():
    # Two at 0.9 with one right: gap 0.4; two at 0.6 with both right: gap 0.4.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    labels = np.array([0, 1, 0, 0])
    assert expected_calibration_error(probabilities, labels) == pytest.approx(0.4)


def test_sure_and_right_is_perfectly_calibrated():
    assert expected_calibration_error(np.eye(3), np.arange(3)) == 0


def test_a_probability_of_zero_costs_much_but_not_infinitely_much():
    assert negative_log_likelihood(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(
        27.63, 0.01
    )


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([], [], "N above 0"),
        ([0], [0, 1], r"\(1,\) and \(2,\)"),
        ([-1], [0], "labels: expected 0 to 2"),
        ([0], [3], "predictions: expected 0 to 2, found 3 to 3"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(labels, predictions, message):
    with pytest.raises(InputError, match=message):
        confusion_matrix(np.array(labels, int), np.array(predictions, int), classes=3)
