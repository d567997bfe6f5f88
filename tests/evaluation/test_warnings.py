import dataclasses

import numpy as np
import pytest

from mien.data import image_sketch, leak_free_split, merged_sketches
from mien.errors import InputError
from mien.evaluation import Predictor, evaluate
from mien.evaluation.warnings import calibrated_on_images
from mien.inference import EmotionModel
from mien.metrics import protocol
from tests.predictors import oracle


def test_images_that_a_model_was_trained_on_are_warned_of(toy_dataset):
    model = EmotionModel()

    def warned(sketch):
        facts = {key: v for key, v in model.spec.provenance.items() if key != "training_sketch"}
        facts |= {"training_sketch": sketch} if sketch else {}
        model.spec = dataclasses.replace(model.spec, provenance=facts)
        found = evaluate(
            [Predictor(name="mine", model=model)], toy_dataset, protocols=protocol("six-fer2013")
        )
        return "\n".join(found.warnings)

    assert "does not say what it was trained on" in warned("")
    val, train = toy_dataset.subset("val").images, toy_dataset.subset("train").images
    assert "about 100% of these images" in warned(image_sketch(val))
    assert "mine" not in warned(image_sketch(train))


def warned_of_calibration(facts, data, *, subset="val"):
    model = EmotionModel()
    keys = ("calibration_sketch", "calibrated_on")
    others = {key: v for key, v in model.spec.provenance.items() if key not in keys}
    model.spec = dataclasses.replace(model.spec, provenance=others | facts)
    return "".join(calibrated_on_images(Predictor(name="mine", model=model), data, subset))


def test_images_that_a_model_was_calibrated_on_are_warned_of_however_they_are_divided(toy_dataset):
    val = toy_dataset.subset("val").images
    foreign = toy_dataset.subset("test").images
    facts = {"calibration_sketch": merged_sketches([image_sketch(val), image_sketch(foreign)])}
    divided = leak_free_split(toy_dataset).apply(toy_dataset)
    divided = dataclasses.replace(divided, labels=np.roll(divided.labels, 1))
    assert divided.sha256() != toy_dataset.sha256()
    for data, subset in ((toy_dataset, "val"), (divided, "val"), (divided, "test")):
        assert "about 100% of these images" in warned_of_calibration(facts, data, subset=subset)
    assert warned_of_calibration(facts, toy_dataset, subset="train") == ""
    half = {"calibration_sketch": image_sketch(val[:8])}
    assert "about 50% of these images" in warned_of_calibration(half, toy_dataset)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_all_sets_that_an_older_file_was_calibrated_on_are_known(toy_dataset, place):
    own = toy_dataset.sha256()
    sets = ["fer, val, a1", "ck48, b2", "sfew, c3"]
    sets[place] = f"mine, val, {own}" if not place else f"mine, {own}"
    facts = {"calibrated_on": "; ".join(sets)}
    assert "about 100%" in warned_of_calibration(facts, toy_dataset)
    # Of sets of other people all images were used, of the first one its subset.
    assert ("about" in warned_of_calibration(facts, toy_dataset, subset="test")) is (place > 0)
    assert warned_of_calibration({}, toy_dataset) == ""


def test_what_does_not_exist_is_named(toy_dataset):
    with pytest.raises(InputError, match="subset: expected one of train, val, test, found 'tests'"):
        toy_dataset.subset("tests")
    with pytest.raises(InputError, match=r"protocols: expected those of .* found 'six'"):
        evaluate([Predictor(name="mine", model=EmotionModel())], toy_dataset, protocols=["six"])


def test_a_table_has_no_robustness_and_it_is_said(toy_dataset):
    found = evaluate([oracle(toy_dataset)], toy_dataset, robustness=True)
    (warning,) = [each for each in found.warnings if "robustness" in each]
    assert warning.endswith(": robustness is measured for single models alone")
