import numpy as np
import pytest

from mien.emotions import FER2013_7, FERPLUS_8, SIX, ferplus_majority, ferplus_soft_labels, to_six


def votes(**counts):
    columns = (*FERPLUS_8.labels, "unknown", "nf")
    return np.array([[counts.get(name, 0) for name in columns]], np.uint8)


@pytest.mark.parametrize(
    ("row", "label", "counts"),
    [
        (votes(happy=10), "happy", True),
        (votes(happy=6, neutral=4), "happy", True),
        (votes(happy=5, neutral=5), None, False),  # no more than half
        (votes(happy=5, neutral=2, sad=1, angry=1, fear=1), "happy", True),  # lone votes go
        (votes(unknown=8, happy=2), None, False),
        (votes(nf=10), None, False),
        (votes(contempt=6, neutral=4), "contempt", True),
        (votes(), None, False),
    ],
)
def test_the_majority_protocol(row, label, counts):
    labels, keep = ferplus_majority(row)
    assert keep.tolist() == [counts]
    if counts:
        assert FERPLUS_8.labels[labels[0]] == label


@pytest.mark.parametrize(
    ("row", "shares"),
    [
        (votes(happy=6, neutral=2, sad=1, unknown=1), {"happy": 0.75, "neutral": 0.25}),
        (votes(happy=4, unknown=4), {}),  # the expressions hold no more than half
        (votes(nf=10), {}),
        (votes(happy=1, sad=1), {}),
    ],
)
def test_soft_labels_are_shares_of_the_expressions(row, shares):
    soft, keep = ferplus_soft_labels(row)
    expected = np.array([shares.get(name, 0) for name in FERPLUS_8.labels])
    np.testing.assert_allclose(soft[0], expected)
    assert keep.tolist() == [bool(shares)]


@pytest.mark.parametrize(
    ("source", "label", "six"),
    [
        (FER2013_7, "disgust", "angry"),
        (FER2013_7, "happy", "happy"),
        (FERPLUS_8, "contempt", None),
        (FERPLUS_8, "neutral", "neutral"),
    ],
)
def test_labels_become_six(source, label, six):
    found = to_six(np.array([source.index(label)]), source)
    assert found.tolist() == [-1 if six is None else SIX.index(six)]


def test_no_label_stays_no_label():
    assert to_six(np.array([-1, 0]), FER2013_7).tolist() == [-1, SIX.index("angry")]
