import dataclasses
import json

import numpy as np
import pytest

from mien.emotions import FER2013_7
from mien.errors import InputError
from mien.evaluation import Predictor, evaluate, open_predictor
from mien.metrics import PROTOCOLS, protocol
from tests.predictors import oracle


@pytest.fixture
def leaking(toy_dataset):
    images = toy_dataset.images.copy()
    images[[80, 81, 82, 83]] = images[[0, 1, 2, 3]]
    return dataclasses.replace(toy_dataset, images=images)


def test_the_leak_free_twin_leaves_out_what_train_has(leaking):
    found = evaluate([oracle(leaking)], leaking, subset="test", protocols=protocol("six-fer2013"))
    result = found.results[0]
    assert (result.score.images, result.leak_free.images, result.leaked.images) == (16, 12, 4)
    assert result.score.accuracy == 1.0
    assert result.score.ece == pytest.approx(0.1)
    assert result.mistakes == ()


def test_models_are_compared_image_by_image(toy_dataset):
    pair = [oracle(toy_dataset), oracle(toy_dataset, share=0.5, name="coin")]
    found = evaluate(pair, toy_dataset, subset="train", protocols=protocol("six-fer2013"))
    better, worse = found.results
    test = found.comparisons[0].test
    assert test.only_second == 0
    assert test.only_first == round((better.score.accuracy - worse.score.accuracy) * 64)
    assert test.p_value < 1e-3
    assert len(worse.mistakes) == min(24, test.only_first)
    assert any("models learn from train" in warning for warning in found.warnings)
    with pytest.raises(InputError, match="expected different names"):
        evaluate([pair[0], pair[0]], toy_dataset)


def test_intervals_draw_people_and_those_of_train_are_warned_of(toy_dataset):
    pair = [oracle(toy_dataset, share=0.6), oracle(toy_dataset, share=0.5, seed=1, name="coin")]
    names = np.array([f"p{row // 4}" for row in range(len(toy_dataset))])
    names[:2], names[64], names[95] = "", "p1", ""
    known = dataclasses.replace(toy_dataset, groups=names)
    evaluated = [
        evaluate(pair, data, subset="test", protocols=protocol("six-fer2013"))
        for data in (toy_dataset, known)
    ]
    without, found = evaluated
    score = found.results[0].score
    assert (without.results[0].score.people, score.people) == (None, 5)
    assert score.intervals["accuracy"] != without.results[0].score.intervals["accuracy"]
    assert score.accuracy == without.results[0].score.accuracy
    assert found.comparisons[0].test.p_value != without.comparisons[0].test.p_value
    warned = "\n".join(found.warnings)
    assert "toy: test shows 5 people: intervals from so few are too narrow" in warned
    assert "people in test" not in warned
    in_val = evaluate(pair, known, subset="val", protocols=protocol("six-fer2013"))
    warned = "\n".join(in_val.warnings)
    assert "toy: 1 image shows people in val who are in train, too" in warned
    assert not any("people" in each for each in without.warnings)


def test_nan_predictions_missing_labels_and_empty_classes_are_named(toy_dataset):
    rows, values = oracle(toy_dataset).known["six"]
    broken = Predictor(name="mine", known={"six": (rows, np.where(values > 0.5, np.nan, values))})
    with pytest.raises(InputError, match="mine, six-ferplus: probabilities: expected numbers"):
        evaluate([broken], toy_dataset)
    bare = dataclasses.replace(toy_dataset, votes=np.zeros_like(toy_dataset.votes))
    found = evaluate([oracle(bare)], bare)
    assert any("no image has a label by six-ferplus" in each for each in found.warnings)
    assert [each.protocol for each in found.results] == ["six-fer2013"]
    happy = toy_dataset.select(toy_dataset.labels == FER2013_7.index("happy"))
    found = evaluate([oracle(happy)], happy, subset="train", protocols=protocol("six-fer2013"))
    assert any("has no image of neutral, sad, angry" in each for each in found.warnings)
    with pytest.raises(InputError, match="no image in val"):
        evaluate([oracle(happy)], happy.select(happy.split == 0))


def test_a_model_is_evaluated_on_corrupted_images_too(robust):
    shipped = [each for each in robust.results if each.model == "mien"]
    assert [each.protocol for each in shipped] == list(PROTOCOLS)
    for each in shipped:
        assert len(each.robustness) == 1 + 8 * 3
        assert each.robustness[0].accuracy == pytest.approx(each.score.accuracy)
    for each in robust.results:
        for measure in ("sharpness", "contrast", "brightness"):
            points = [point for point in each.quality if point.measure == measure]
            assert sum(point.images for point in points) == each.score.images
            right = sum(point.images * point.accuracy for point in points)
            assert right == pytest.approx(each.score.images * each.score.accuracy)
    text = json.dumps(robust.to_json(), allow_nan=False)
    assert json.loads(text)["results"][0]["score"]["images"] == 16
    assert json.loads(text)["results"][0]["quality"][0]["measure"] == "sharpness"


def test_the_embedding_is_compared_with_the_votes(toy_dataset):
    found = evaluate([open_predictor(None), oracle(toy_dataset)], toy_dataset, subset="train")
    (name, score), *others = found.triplets.items()
    assert (name, others) == ("mien", [])
    assert score.triplets > 10_000
    assert 0 < score.accuracy < 1
    assert json.loads(json.dumps(found.to_json()))["triplets"]["mien"]["triplets"] == score.triplets


def test_images_without_votes_say_nothing_of_an_embedding(toy_dataset):
    bare = dataclasses.replace(toy_dataset, votes=np.zeros_like(toy_dataset.votes))
    assert evaluate([open_predictor(None)], bare, subset="train").triplets == {}
