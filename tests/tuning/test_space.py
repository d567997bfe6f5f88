import re

import optuna
import pytest

from mien.errors import RecipeError
from mien.training import EmotionRecipe, read_recipe, recipe_document
from mien.tuning import read_space, shipped_spaces
from mien.tuning.keys import nearest_key, recipe_values, with_values


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "space.toml"
        path.write_text(text)
        return read_space(path, EmotionRecipe())

    return write


SPACE = """
objective = "fer2013_accuracy"
[parameters]
optimiser = { choices = ["sgd", "adamw"] }
momentum = { low = 0.8, high = 0.99, when = { optimiser = "sgd" } }
learning_rate = { low = 0.001, high = 0.1, log = true }
batch_size = { low = 32, high = 128, step = 32 }
network.widths = { choices = [[8, 16], [16, 32]] }
network.depths = { choices = [[1, 1], [1, 2]] }
augmentation.scale = { low = 0.0, high = 0.4, step = 0.1 }
"network.dropout" = { low = 0.0, high = 0.5 }
"""
SMALL = with_values(EmotionRecipe(), {"network.widths": [8, 16], "network.depths": [1, 1]})


def test_a_space_names_any_key_of_the_recipe(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text(SPACE)
    space = read_space(path, SMALL)
    assert space.objective == "fer2013_accuracy"
    assert [parameter.key for parameter in space.parameters] == [
        "optimiser",
        "momentum",
        "learning_rate",
        "batch_size",
        "network.widths",
        "network.depths",
        "augmentation.scale",
        "network.dropout",
    ]
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3)).ask()
    values = space.suggest(trial)
    recipe = with_values(SMALL, values)
    assert list(recipe.network.widths) in [[8, 16], [16, 32]]
    assert recipe.batch_size in (32, 64, 96, 128)
    assert space.values(trial.params) == values


@pytest.mark.parametrize(("optimiser", "varies"), [("sgd", True), ("adamw", False)])
def test_a_condition_decides_whether_a_key_varies(written, optimiser, varies):
    space = written(SPACE.replace("network.widths", "#").replace("network.depths", "#"))
    values = space.suggest(optuna.trial.FixedTrial(
        {
            "optimiser": optimiser,
            "momentum": 0.85,
            "learning_rate": 0.01,
            "batch_size": 64,
            "augmentation.scale": 0.1,
            "network.dropout": 0.2,
        }
    ))  # fmt: skip
    assert ("momentum" in values) == varies


def test_all_faults_of_a_space_are_named_together(written):
    with pytest.raises(RecipeError) as caught:
        written(
            """
            objective = "speed"
            trials = 3
            [parameters]
            learning_rte = { low = 0.1, high = 0.2 }
            dropout = { low = 0.1, high = 0.2 }
            epochs = { low = 3, high = 1 }
            mixup = { low = -1.0, high = 0.5 }
            ema_decay = { low = 0.0, high = 0.9, log = true, steps = 3 }
            momentum = { low = 0.1, high = 0.2, when = { optimiser = "sgd" } }
            precision = { choices = ["32-true", "8-bit"] }
            batch_size = { choices = [8] }
            weight_decay = 0.1
            "network.widths[9]" = { choices = [8, 16] }
            """
        )
    message = str(caught.value)
    for part in (
        "field 'trials' is unknown",
        "objective: expected one of score",
        "parameters.learning_rte: the recipe has no such key; did you mean 'learning_rate'?",
        "parameters.dropout: the recipe has no such key; did you mean 'network.dropout'?",
        "parameters.epochs: expected low below high, found 3 and 1",
        "parameters.mixup: -1.0 is refused: field 'mixup': expected 0 or more, found -1.0",
        "parameters.ema_decay: field 'steps' is unknown",
        "parameters.ema_decay: log: expected low above 0, found 0.0",
        "parameters.momentum: when: expected a parameter with choices that stands before",
        "parameters.precision: '8-bit' is refused",
        "parameters.batch_size: choices: expected a list of at least two values",
        "parameters.weight_decay: expected a table with choices, or with low and high, found 0.1",
        "parameters.network.widths[9]: the recipe has no such key; did you mean",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "expected a table with at least one key"),
        ("[parameters", "is no TOML"),
        ("[parameters]\nmixup = { choices = [0.1, 0.1] }", "expected different values"),
        ("[parameters]\nmixup = { choices = [0, 1], low = 1 }", "low belongs to a range"),
        ("[parameters]\nmixup = { low = 0.1, high = 1.0, step = 0 }", "a number above 0, found 0"),
        ("[parameters]\nepochs = { low = 1, high = 5, step = 0.5 }", "expected a whole number"),
        ("[parameters]\nmixup = { low = 0.1 }", "numbers low and high"),
        ("[parameters]\nmixup = { low = 0.1, high = 1e308 }", "numbers low and high from -1e+15"),
        ("[parameters]\nepochs = { low = 1, high = 0x" + "f" * 5000 + " }", "numbers low and high"),
        (
            "[parameters]\nmixup = { low = 0.1, high = 1.0, step = 5e-324 }",
            "step: expected at most 100,000 steps from low to high",
        ),
        (
            "[parameters]\nepochs = { choices = [1979-05-27, 2] }",
            "datetime.date(1979, 5, 27) is",
        ),
        ("[parameters." + "a." * 900 + "b]\nlow = 1", "the recipe has no such key"),
        (f"[parameters]\nepochs = {{ choices = {list(range(1, 2000))} }}", "at most 1000 values"),
    ],
)
def test_a_fault_says_what_was_expected(written, text, part):
    with pytest.raises(RecipeError, match=re.escape(part)):
        written(text)


def test_an_unknown_space_is_refused_with_those_that_ship():
    with pytest.raises(RecipeError, match=r"nowhere.*fer-pp"):
        read_space("nowhere.toml", EmotionRecipe())


def test_a_grid_has_every_value_and_refuses_infinitely_many(written):
    space = written(
        "[parameters]\nepochs = { low = 2, high = 6, step = 2 }\n"
        "mixup = { low = 0.0, high = 0.3, step = 0.1 }\nbatch_size = { choices = [64, 128] }"
    )
    grid = space.grid()
    assert grid["epochs"] == [2, 4, 6]
    assert grid["mixup"] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert grid["batch_size"] == [64, 128]
    with pytest.raises(RecipeError, match="grid: more than 100,000 values of mixup"):
        written("[parameters]\nmixup = { low = 0.0, high = 0.3 }").grid()


def test_the_start_is_a_point_of_the_space_or_the_keys_outside_are_named(written):
    space = written(
        "[parameters]\nepochs = { low = 2, high = 6 }\nmixup = { choices = [0.2, 1.0] }"
    )
    assert space.start_point(with_values(EmotionRecipe(), {"epochs": 4})) == (
        {"epochs": 4, "mixup": 0.2},
        [],
    )
    _, outside = space.start_point(with_values(EmotionRecipe(), {"epochs": 9, "mixup": 0.3}))
    assert outside == ["epochs", "mixup"]


@pytest.mark.parametrize(
    ("name", "recipe", "count"), [("fer-pp", "fer-pp", 12), ("emotion", "emotion", 13)]
)
def test_the_shipped_spaces_fit_the_shipped_recipes_and_hold_their_start(name, recipe, count):
    assert set(shipped_spaces()) == {"emotion", "fer-pp"}
    start = read_recipe(EmotionRecipe, recipe)
    space = read_space(name, start)
    assert len(space.parameters) == count
    point, outside = space.start_point(start)
    assert not outside
    assert with_values(start, space.values(point)) == start


def test_two_spaces_are_the_same_by_what_they_say(written):
    one = written("[parameters]\nmixup = { low = 0.0, high = 0.3 }")
    other = written("[parameters]\n  'mixup' = { high = 0.3, low = 0.0 }")
    wider = written("[parameters]\nmixup = { low = 0.0, high = 0.4 }")
    assert one.document() == other.document() != wider.document()


def test_keys_are_dotted_and_items_of_a_list_have_their_own():
    recipe = EmotionRecipe()
    values = recipe_values(recipe)
    assert values["network.dropout"] == recipe.network.dropout
    assert values["network.widths[1]"] == recipe.network.widths[1]
    assert "network" not in values
    assert nearest_key("network.droput", recipe) == "network.dropout"
    assert nearest_key("rotation", recipe) == "augmentation.rotation_deg"
    assert nearest_key("xyzzy", recipe) is None
    assert with_values(recipe, {"network.widths[1]": 48}).network.widths[1] == 48
    assert recipe_document(with_values(recipe, {})) == recipe_document(recipe)
