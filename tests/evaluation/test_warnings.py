import dataclasses

from mien.data import image_sketch
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
