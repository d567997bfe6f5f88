import dataclasses

import numpy as np
import pytest
from PIL import Image

import mien
from mien.data import image_sketch
from mien.errors import InputError
from mien.evaluation import Predictor, evaluate
from mien.inference import EmotionModel
from mien.metrics import protocol


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


def test_whole_photos_are_warned_of_and_crops_are_not(toy_dataset, samples):
    path = samples / "eileen_collins.jpg"
    (face,) = mien.analyze(path)

    def squeezed(box=None):
        with Image.open(path) as photo:
            image = np.asarray(photo.convert("L").crop(box).resize((48, 48)))
        subset = toy_dataset.subset("val")
        return dataclasses.replace(subset, images=np.stack([image] * len(subset)))

    photos, crops = squeezed(), squeezed(face.box_xyxy)
    model = Predictor(name="mine", model=EmotionModel())
    for images, warned in ((photos, True), (crops, False), (toy_dataset, False)):
        found = evaluate([model], images, protocols=protocol("six-fer2013"))
        assert any("look like whole photos" in each for each in found.warnings) == warned


def test_what_does_not_exist_is_named(toy_dataset):
    with pytest.raises(InputError, match="subset: expected one of train, val, test, found 'tests'"):
        toy_dataset.subset("tests")
    with pytest.raises(InputError, match=r"protocols: expected those of .* found 'six'"):
        evaluate([Predictor(name="mine", model=EmotionModel())], toy_dataset, protocols=["six"])
