import json

import numpy as np
import pytest
from sklearn import metrics as reference

from mien.emotions import FER2013_7, FERPLUS_8, SIX
from mien.errors import InputError
from mien.metrics import PROTOCOLS, jensen_shannon_divergence, protocol, score_predictions


def distributions(rng, count, classes):
    values = rng.random((count, classes))
    return values / values.sum(axis=1, keepdims=True)


def test_every_figure_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 500)  # the sixth class is empty
    probabilities = distributions(rng, 500, 6)
    predicted = probabilities.argmax(axis=1)
    score = score_predictions(probabilities, labels, SIX)
    assert score.accuracy == pytest.approx(reference.accuracy_score(labels, predicted))
    recall = reference.recall_score(labels, predicted, average=None, labels=range(5))
    assert score.balanced_accuracy == pytest.approx(recall.mean())
    f1 = reference.f1_score(labels, predicted, average=None, labels=range(6), zero_division=0)
    assert score.macro_f1 == pytest.approx(f1.mean())
    assert score.nll == pytest.approx(reference.log_loss(labels, probabilities, labels=range(6)))
    precision = reference.precision_score(labels, predicted, average=None, labels=range(5))
    for number, each in enumerate(score.classes[:5]):
        assert each.label == SIX.labels[number]
        assert each.images == (labels == number).sum()
        assert each.recall == pytest.approx(recall[number])
        assert each.precision == pytest.approx(precision[number])
        assert each.f1 == pytest.approx(f1[number])
    empty = score.classes[5]
    assert empty.images == 0
    assert np.isnan(empty.recall)
    assert np.isnan(empty.roc_auc)
    assert np.array(score.confusion).sum() == 500


def test_json_has_null_for_what_is_no_number():
    probabilities = np.eye(6)[[0, 1, 1]] * 0.94 + 0.01
    score = score_predictions(probabilities, np.array([0, 1, 0]), SIX, unsure_below=0.99)
    fields = json.loads(json.dumps(score.to_json(), allow_nan=False))
    assert fields["classes"][5]["recall"] is None
    assert fields["sure"] == {"threshold": 0.99, "coverage": 0.0, "accuracy": None}
    assert fields["divergence"] is None


def test_divergence_is_0_for_the_votes_themselves_and_1_for_what_shares_nothing():
    p = np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]])
    np.testing.assert_allclose(jensen_shannon_divergence(p, p), 0, atol=1e-12)
    q = np.array([[0, 1.0, 0], [0, 0, 1.0], [0.2, 0.3, 0.5]])
    np.testing.assert_allclose(jensen_shannon_divergence(p, q), [1, 1, 0], atol=1e-12)
    # Half of (1, 0) against (1/2, 1/2): H(3/4, 1/4) - H(1/2, 1/2) / 2 bits.
    half = jensen_shannon_divergence(np.array([[1.0, 0]]), np.array([[0.5, 0.5]]))
    entropy = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    assert half[0] == pytest.approx(entropy - 0.5)


def test_images_without_votes_do_not_count_for_the_divergence():
    probabilities = np.full((2, 8), 1 / 8)
    soft = np.zeros((2, 8))
    soft[0, 0] = 1
    alone = score_predictions(probabilities[:1], np.array([0]), FERPLUS_8, soft_labels=soft[:1])
    both = score_predictions(probabilities, np.array([0, 0]), FERPLUS_8, soft_labels=soft)
    assert both.divergence == pytest.approx(alone.divergence)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ([np.nan, 1, 0, 0, 0, 0], "found NaN or infinity in 1 row, first in row 1"),
        ([0.5, 0.2, 0, 0, 0, 0], "found a sum of 0.7000 and 0.0000 as the least in row 1"),
        ([1.5, -0.5, 0, 0, 0, 0], "a sum of 1.0000 and -0.5000 as the least in row 1"),
    ],
)
def test_what_is_no_distribution_is_named(row, reason):
    probabilities = np.array([[1.0, 0, 0, 0, 0, 0], row])
    with pytest.raises(InputError, match=reason):
        score_predictions(probabilities, np.array([0, 0]), SIX)


def test_probabilities_over_other_labels_are_named():
    with pytest.raises(InputError, match=r"expected \(N, 8\) for 2 labels of ferplus-8"):
        score_predictions(np.full((2, 6), 1 / 6), np.array([0, 1]), FERPLUS_8)


def test_six_stands_for_two_protocols_and_unknown_ones_are_listed():
    assert [each.name for each in protocol("six")] == ["six-ferplus", "six-fer2013"]
    assert protocol("fer2013-7") == (PROTOCOLS["fer2013-7"],)
    with pytest.raises(InputError, match="known are all, six, ferplus-8"):
        protocol("fer2013")


def test_fer_2013s_head_is_compared_as_six_with_disgust_added_to_angry():
    outputs = {"fer2013-7": np.array([[0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1]])}
    assert FER2013_7.labels[:2] == ("angry", "disgust")
    six = PROTOCOLS["fer2013-6"].probabilities(outputs)
    assert six[0, SIX.index("angry")] == pytest.approx(0.5)
    assert six.sum() == pytest.approx(1)
    assert PROTOCOLS["fer2013-7"].probabilities(outputs) is outputs["fer2013-7"]
    assert PROTOCOLS["six-fer2013"].probabilities(outputs) is None


def test_truth_and_votes_of_a_protocol_speak_of_its_own_labels():
    votes = np.zeros((2, 10), np.uint8)
    votes[0, [4, 5]] = 6, 4  # anger and disgust: one majority, both angry among the six
    votes[1, 7] = 10  # contempt, which the six do not have
    labels = np.array([1, -1])  # disgust, none
    truths = {name: each.labels(labels, votes).tolist() for name, each in PROTOCOLS.items()}
    assert truths == {
        "ferplus-8": [3 + 1, 7],
        "fer2013-7": [1, -1],
        "fer2013-6": [SIX.index("angry"), -1],
        "six-ferplus": [SIX.index("angry"), -1],
        "six-fer2013": [SIX.index("angry"), -1],
    }
    soft = PROTOCOLS["six-ferplus"].soft_labels(votes)
    assert soft[0, SIX.index("angry")] == pytest.approx(1)
    assert soft[1].sum() == 0
