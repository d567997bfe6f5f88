import dataclasses
import json

import pytest

from mien._decode import decode
from mien.detect import OnnxDetector
from mien.errors import RecipeError
from mien.inference import EmotionModel
from mien.models import DetectorNet, TrunkOptions
from mien.models.onnx_weights import load_onnx_weights
from mien.training import (
    DetectorRecipe,
    EmotionRecipe,
    UnitRecipe,
    ema_warnings,
    read_recipe,
    shipped_recipes,
)

KINDS = {
    "detector": DetectorRecipe,
    **dict.fromkeys(("units", "units-head"), UnitRecipe),
    **dict.fromkeys(
        (
            "assistant",
            "emotion",
            "fer-pp",
            "fer-pp-tuned",
            "rendered",
            "rendered-taught",
            "residual",
            "separable",
            "student",
            "wide",
        ),
        EmotionRecipe,
    ),
}


def test_every_shipped_recipe_is_read_by_its_name():
    assert set(shipped_recipes()) == set(KINDS)
    for name, kind in KINDS.items():
        assert isinstance(read_recipe(kind, name), kind)


def test_an_empty_recipe_is_the_defaults(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("")
    assert read_recipe(EmotionRecipe, path) == EmotionRecipe()


def test_all_faults_are_reported_together_with_the_nearest_names(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('epoch = 3\nseed = "one"\n[network]\nwidth = [8]\ndepths = 1\n')
    with pytest.raises(RecipeError) as caught:
        read_recipe(EmotionRecipe, path)
    message = str(caught.value)
    assert "field 'epoch' is unknown; did you mean 'epochs'?" in message
    assert "field 'seed': expected int, found 'one'" in message
    assert "field 'network.width' is unknown; did you mean 'widths'?" in message
    assert "field 'network.depths': expected a list, found 1" in message


def test_values_out_of_range_are_reported_together_over_all_tables(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(
        "epochs = 0\nbatch_size = 1\nema_decay = 1.0\nseed = 'one'\nprecision = 'half'\n"
        "[network]\nwidths = [0]\ndropout = 3\n[distillation]\nteachers = []\nweight = 2.0"
    )
    with pytest.raises(RecipeError) as caught:
        read_recipe(EmotionRecipe, path)
    _, *lines = str(caught.value).splitlines()
    assert [line.split("'")[1] for line in lines] == [
        "network.widths and depths",
        "network.widths",
        "network.dropout",
        "distillation.teachers",
        "distillation.weight",
        "seed",
        "precision",
        "epochs",
        "batch_size",
        "ema_decay",
    ]


def test_a_fault_that_another_wrong_value_may_explain_is_not_named(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(
        "[network]\nfamily = 'fer-p'\nwidths = [8, 8, 8, 8, 8, 8]\ndepths = [1, 1, 1, 1, 1, 1]\n"
        "activations = ['elu', 'elu', 'elu', 'elu', 'elu', 'elu']\ndropout = 3.0"
    )
    with pytest.raises(RecipeError) as caught:
        read_recipe(EmotionRecipe, path)
    _, *lines = str(caught.value).splitlines()
    assert [line.split("'")[1] for line in lines] == ["network.family", "network.dropout"]


def test_a_default_that_nobody_wrote_is_said_to_be_one(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("[network]\nwidths = [8, 8, 8, 8, 8]")
    with pytest.raises(RecipeError, match=r"\(1, 1, 2, 3\)'; depths is the default") as caught:
        read_recipe(EmotionRecipe, path)
    assert "widths is the default" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = 0", "'epochs': expected 1 to 100000, found 0"),
        ("batch_size = 1", "'batch_size'"),
        ("ema_decay = 1.0", "'ema_decay'"),
        ("framing = 0", "'framing': expected 0.5 to 2"),
        ('precision = "half"', "'precision': expected one of 32-true, bf16-mixed"),
        (
            "[network]\nwidths = [8, 8]\ndepths = [1]",
            "'network.widths and depths': expected one of each per stage",
        ),
        ("label_smoothing = 2", "'label_smoothing': expected 0 to below 1"),
        ("[augmentation]\nerasing = -1", "'augmentation.erasing': expected 0 to 1"),
        ("[network]\ndropout = 1.5", "'network.dropout': expected 0 to below 1"),
        ("epochs = ", "is no TOML"),
        ("epochs = " + "9" * 5000, "has a number of too many digits"),
        ("epochs = 0x" + "f" * 5000, "'epochs': expected a whole number of at most 64 bits, found"),
        ("learning_rate = 0x" + "f" * 400, "'learning_rate': expected a finite number, found"),
        ("epochs = " + "[" * 2000, "is nested too deeply"),
        ("learning_rate = nan", "'learning_rate': expected a finite number, found nan"),
        ("seed = 4294967296", "'seed': expected below"),
        ("[network]\nwidths = [1000000000]\ndepths = [1]", "'network.widths': expected numbers ab"),
        ("[a.b.c]", "field 'a' is unknown"),
        ("epochs = 1979-05-27", "'epochs': expected int, found datetime.date"),
    ],
)
def test_a_value_out_of_range_is_named(tmp_path, text, message):
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=message):
        read_recipe(EmotionRecipe, path)


def test_a_missing_recipe_names_the_shipped(tmp_path):
    with pytest.raises(RecipeError, match=r"cannot be read: No such file.*detector, emotion"):
        read_recipe(EmotionRecipe, tmp_path / "gone.toml")


def test_the_detectors_recipe_has_the_shipped_network_but_for_the_level_of_whole_frames():
    options = read_recipe(DetectorRecipe, "detector").network
    assert options.context_depth
    network = DetectorNet(dataclasses.replace(options, context_depth=0))
    load_onnx_weights(network, OnnxDetector(None).path)


def test_the_recipe_of_the_shipped_network_has_its_shape():
    said = json.loads(EmotionModel().spec.provenance["network"])
    network = decode(TrunkOptions, said)
    assert read_recipe(EmotionRecipe, "rendered-taught").network == network


def test_a_training_too_short_for_its_averaged_weights_is_told_what_to_change():
    recipe = EmotionRecipe(epochs=2, batch_size=64, ema_decay=0.99)
    (said,) = ema_warnings(recipe, images=640)  # 20 steps
    assert "will still hold 82% of what they were before the first of 20 steps" in said
    assert "lower ema_decay from 0.99 to at most 0.86" in said
    lower = dataclasses.replace(recipe, ema_decay=0.86)
    assert ema_warnings(lower, images=640) == []
    assert ema_warnings(dataclasses.replace(recipe, epochs=30), images=640) == []
    (few,) = ema_warnings(dataclasses.replace(recipe, epochs=1), images=1)
    assert "before the first of 1 step:" in few
