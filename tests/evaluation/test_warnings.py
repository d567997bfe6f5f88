import dataclasses

import pytest

from mien.data import image_sketch
from mien.errors import InputError
from mien.evaluation import Predictor, evaluate
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


def test_what_does_not_exist_is_named(toy_dataset):
    with pytest.raises(InputError, match="subset: expected one of train, val, test, found 'tests'"):
        toy_dataset.subset("tests")
    with pytest.raises(InputError, match=r"protocols: expected those of .* found 'six'"):
        evaluate([Predictor(name="mine", model=EmotionModel())], toy_dataset, protocols=["six"])


def test_a_table_has_no_robustness_and_it_is_said(toy_dataset):
    found = evaluate([oracle(toy_dataset)], toy_dataset, robustness=True)
    (warning,) = [each for each in found.warnings if "robustness" in each]
    assert warning.endswith(": robustness is measured for single models alone")
