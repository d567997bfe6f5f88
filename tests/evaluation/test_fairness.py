import dataclasses

import numpy as np
import pytest

from mien.data import FACE_CROP, FRAMINGS
from mien.detect import skin_tone
from mien.emotions import SIX
from mien.evaluation import aligned_skin_tones_deg, evaluate, score_group, score_skin_tones
from mien.metrics import protocol, wilson_interval
from tests.predictors import oracle

HAPPY, NEUTRAL, SAD = (SIX.index(name) for name in ("happy", "neutral", "sad"))


def test_a_group_is_scored_as_on_paper():
    labels = np.array([HAPPY, HAPPY, HAPPY, SAD, NEUTRAL, NEUTRAL])
    predictions = np.array([HAPPY, HAPPY, -1, NEUTRAL, NEUTRAL, SAD])
    found = score_group("some", predictions, labels, SIX)
    assert (found.name, found.images, found.accuracy) == ("some", 6, 0.5)
    assert found.balanced_accuracy == pytest.approx((2 / 3 + 0 + 1 / 2) / 3)
    assert found.wrongly_neutral == 1 / 4
    assert found.accuracy_interval == wilson_interval(3, 6)
    assert found.wrongly_neutral_interval == wilson_interval(1, 4)
    between = found.balanced_accuracy_interval
    assert 0 <= between.low < found.balanced_accuracy < between.high < 1


def test_no_face_in_any_image_is_wrong_in_all():
    found = score_group("none", np.full(4, -1), np.array([HAPPY, SAD, SAD, NEUTRAL]), SIX)
    assert (found.accuracy, found.balanced_accuracy, found.wrongly_neutral) == (0.0, 0.0, 0.0)


def test_a_group_of_neutral_faces_cannot_be_wrongly_neutral():
    found = score_group("calm", np.array([NEUTRAL, SAD]), np.array([NEUTRAL] * 2), SIX)
    assert (found.wrongly_neutral, found.wrongly_neutral_interval) == (None, None)


def test_skin_tones_are_scored_apart_and_lightest_first():
    angles_deg = np.array([-60.0, 60.0, 60.0, np.nan, 60.0])
    labels = np.array([SAD, SAD, HAPPY, HAPPY, -1])
    predictions = np.array([SAD, NEUTRAL, HAPPY, SAD, SAD])
    found = score_skin_tones(angles_deg, predictions, labels, SIX)
    assert [(each.name, each.images, each.accuracy) for each in found] == [
        ("very light", 2, 0.5),
        ("dark", 1, 1.0),
    ]


def in_colour(data, colours):
    """Return a dataset whose aligned faces have one colour each, but the last is not aligned."""
    side = FACE_CROP.size
    faces = np.broadcast_to(np.array(colours, np.uint8)[:, None, None], (len(data), side, side, 3))
    framed = np.full(len(data), FRAMINGS.index("aligned"), np.int8)
    framed[-1] = FRAMINGS.index("whole")
    return dataclasses.replace(data, faces=np.ascontiguousarray(faces), framed=framed)


def test_tones_come_from_the_aligned_faces_in_colour(toy_dataset):
    data = toy_dataset.select(slice(0, 4))
    colours = [(245, 225, 210), (60, 40, 28), (90, 90, 90), (60, 40, 28)]
    light, dark, grey, whole = aligned_skin_tones_deg(in_colour(data, colours))
    assert (skin_tone(light), skin_tone(dark)) == ("very light", "dark")
    assert np.isnan([grey, whole]).all()
    assert np.isnan(aligned_skin_tones_deg(data)).all()


def test_an_evaluation_has_the_tones_of_a_dataset_in_colour_alone(toy_dataset):
    colours = np.where(np.arange(96)[:, None] % 3, (245, 225, 210), (60, 40, 28))
    models, wanted = [oracle(toy_dataset)], protocol("six-fer2013")
    (plain,) = evaluate(models, toy_dataset, subset="train", protocols=wanted).results
    assert plain.skin_tones == ()
    coloured = in_colour(toy_dataset, colours)
    (found,) = evaluate(models, coloured, subset="train", protocols=wanted).results
    assert [each.name for each in found.skin_tones] == ["very light", "dark"]
    assert sum(each.images for each in found.skin_tones) == found.score.images
    assert [each["name"] for each in found.to_json()["skin_tones"]] == ["very light", "dark"]
