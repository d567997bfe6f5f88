import inspect
import json
import sys
import warnings

import optuna
import pytest
import typer
from typer.testing import CliRunner

from mien.cli import app, main
from mien.data import import_dataset
from mien.options import MIN_SEEDS, TuneOptions
from mien.training import EmotionRecipe, read_recipe
from mien.tuning import open_storage

RECIPE = """
epochs = 1
batch_size = 32
ema_decay = 0.5
mixup = 0.0
network = { widths = [4, 8], depths = [1, 1] }
"""
SPACE = """
objective = "fer2013_accuracy"
parameters.learning_rate = { low = 0.01, high = 0.1, log = true }
"""


@pytest.fixture(autouse=True)
def _library_warnings():
    # Lightning warns of its own dependencies and of short trainings.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def place(tmp_path, fer_csv):
    import_dataset([fer_csv], tmp_path / "fer")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "space.toml").write_text(SPACE)
    return tmp_path


TUNE = (
    *("tune", "--data", "fer", "--recipe", "recipe.toml", "--space", "space.toml"),
    *("--out", "study", "--no-near", "--selection-share", "0.25", "--trials", "2", "--seeds", "0"),
)


def test_tune_prints_the_best_and_writes_a_recipe_and_a_report(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "200")
    done = CliRunner().invoke(app, [*TUNE, "--storage", "shared/a.journal"])
    assert done.exit_code == 0, done.output
    first, *wrote = done.stdout.splitlines()
    assert first.startswith("best on the selection subset: ")
    assert wrote == ["wrote study/best.toml", "wrote study/report.html"]
    assert "trials ended 2 of 2" in done.stderr
    assert "time left under a minute" in done.stderr
    assert "Traceback" not in done.stderr
    recipe = read_recipe(EmotionRecipe, place / "study" / "best.toml")
    assert recipe.network.widths == (4, 8)
    kept = open_storage(str(place / "shared" / "a.journal"))
    assert len(optuna.load_study(study_name="emotion", storage=kept).trials) == 2


@pytest.mark.parametrize(
    ("space", "more", "said"),
    [
        (
            "parameters.learning_rte = { low = 0.1, high = 1.0 }",
            (),
            "did you mean 'learning_rate'?",
        ),
        (SPACE, ("--storage", "sqlite:////proc/no/a.db"), "the storage cannot be reached"),
        (SPACE, ("--sampler", "grid"), "grid: more than 100,000 values of learning_rate"),
        (SPACE, ("--max-images", "5000"), "images: expected at most"),
    ],
)
def test_a_fault_is_one_message_and_no_traceback(place, space, more, said, monkeypatch, capsys):
    (place / "space.toml").write_text(space)
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "argv", ["mien", *TUNE, *more])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    written = capsys.readouterr().err
    assert written.startswith("mien: ")
    assert said in written
    assert "Traceback" not in written


def test_help_says_how_few_seeds_measure_a_gain():
    verb = typer.main.get_command(app).commands["tune"]
    seeds = next(parameter for parameter in verb.params if parameter.name == "seeds")
    assert f"{MIN_SEEDS} or more, or 0" in seeds.help


def test_the_verb_has_the_same_defaults_as_python():
    verb = typer.main.get_command(app).commands["tune"]
    given = {parameter.name: parameter.default for parameter in verb.params}
    for name, option in inspect.signature(TuneOptions).parameters.items():
        if name != "trials":  # 50, unless hours are given
            assert given[name] == option.default, name
    assert json.dumps(given["trials"]) == "null"
    assert TuneOptions().trials == 50
