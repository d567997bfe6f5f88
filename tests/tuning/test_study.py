import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from mien.errors import InputError, OutputError, RecipeError
from mien.training import EmotionRecipe, read_recipe
from mien.tuning import BEST, REPORT, STORAGE, Parameter, Space, TuneOptions, open_storage, tune
from mien.tuning import study as study_module
from mien.tuning.run import prepare
from mien.tuning.study import AGAIN, FAULT, START, WORKER, release_dead
from mien.tuning.worker import work

SPACE = Space(
    objective="fer2013_accuracy",
    parameters=(
        Parameter(key="learning_rate", low=0.01, high=0.2, log=True),
        Parameter(key="network.widths[0]", choices=(4, 6)),
    ),
)
OPTIONS = TuneOptions(strategy="random", pruner="none", trials=3, near=False, share=0.25, seeds=0)


def trials_of(folder, name="emotion"):
    study = optuna.load_study(study_name=name, storage=open_storage(str(folder / STORAGE)))
    return study.get_trials()


def run(recipe, images, folder, *, space=SPACE, **changes):
    lines, standings = [], []
    options = dataclasses.replace(OPTIONS, **changes)
    tuned = tune(
        recipe,
        space,
        images,
        out=folder,
        options=options,
        on_line=lines.append,
        on_standing=standings.append,
    )
    return tuned, lines, standings


def test_a_study_gives_a_recipe_that_train_takes_and_a_report(tmp_path, recipe, images):
    tuned, lines, standings = run(recipe, images, tmp_path, epochs=1)
    assert not lines
    trials = trials_of(tmp_path)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 3
    assert trials[0].user_attrs[START]
    assert trials[0].params["learning_rate"] == pytest.approx(recipe.learning_rate)
    assert tuned.value == max(trial.value for trial in trials)
    written = read_recipe(EmotionRecipe, tmp_path / BEST)
    assert written == tuned.recipe
    assert written.epochs == recipe.epochs  # the trials had one
    assert (tmp_path / REPORT).stat().st_size > 100_000
    assert standings[-1].complete == 3
    assert standings[-1].best == tuned.value


def test_a_folder_of_something_else_is_no_place_for_a_study(tmp_path, recipe, images):
    (tmp_path / BEST).write_text("my own")
    with pytest.raises(OutputError, match=r"holds best\.toml, and no mien-study\.txt"):
        run(recipe, images, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [BEST]
    assert (tmp_path / BEST).read_text() == "my own"


def test_a_study_goes_on_and_its_budget_is_that_of_the_whole(tmp_path, recipe, images):
    run(recipe, images, tmp_path, epochs=1, trials=2)
    run(recipe, images, tmp_path, epochs=1, trials=3)
    trials = trials_of(tmp_path)
    assert len(trials) == 3
    assert len({json.dumps(trial.params) for trial in trials}) == 3


@pytest.mark.parametrize("strategy", ["grid", "random", "tpe", "gp"])
def test_every_strategy_finishes(tmp_path, recipe, images, strategy):
    space = SPACE
    if strategy == "grid":
        key = Parameter(key="learning_rate", choices=(0.02, 0.06, 0.1))
        space = dataclasses.replace(SPACE, parameters=(key, SPACE.parameters[1]))
    tuned, _, _ = run(recipe, images, tmp_path, space=space, strategy=strategy, trials=7, epochs=1)
    trials = trials_of(tmp_path)
    assert len(trials) == 7
    assert tuned.value > 0
    if strategy == "grid":
        assert len({json.dumps(trial.params, sort_keys=True) for trial in trials}) == 6


def test_a_gaussian_process_does_not_try_a_pruned_point_again(
    tmp_path, recipe, images, monkeypatch
):
    from mien.tuning import objective

    def scores(recipe, data, *, on_epoch, folder=None):
        for epoch in range(1, recipe.epochs + 1):
            score = 0.1 if epoch == 1 else recipe.learning_rate
            on_epoch({"epoch": epoch, "train/loss": 1.0, "val/fer2013_accuracy": score})

    monkeypatch.setattr(objective, "train_quietly", scores)
    keys = ("learning_rate", "weight_decay", "label_smoothing")
    choices = tuple(number / 100 for number in range(1, 7))
    space = Space(
        objective="fer2013_accuracy",
        parameters=tuple(Parameter(key=key, choices=choices) for key in keys),
    )
    run(recipe, images, tmp_path, space=space, strategy="gp", pruner="median", trials=24)
    points = [json.dumps(trial.params) for trial in trials_of(tmp_path)]
    assert len(set(points)) >= 22  # chance alone may hit a point twice


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_a_trial_that_falls_behind_is_ended_early(tmp_path, recipe, images, pruner, monkeypatch):
    from mien.tuning import objective

    def scores(recipe, data, *, on_epoch, folder=None):
        for epoch in range(1, recipe.epochs + 1):
            score = 0.5 if recipe.learning_rate == 0.06 else 0.1
            on_epoch({"epoch": epoch, "train/loss": 1.0, "val/fer2013_accuracy": score})

    monkeypatch.setattr(objective, "train_quietly", scores)
    space = Space(
        objective="fer2013_accuracy",
        parameters=(Parameter(key="learning_rate", choices=(0.06, 0.01)),),
    )
    run(recipe, images, tmp_path, space=space, pruner=pruner, trials=20, epochs=9)
    pruned = [t for t in trials_of(tmp_path) if t.state == TrialState.PRUNED]
    assert pruned
    assert all(len(trial.intermediate_values) < 9 for trial in pruned)
    assert all(trial.params["learning_rate"] == 0.01 for trial in pruned)


def test_a_trial_that_diverges_is_recorded_and_the_study_goes_on(tmp_path, recipe, images):
    space = Space(
        objective="fer2013_accuracy",
        parameters=(Parameter(key="learning_rate", choices=(0.06, 1e30)),),
    )
    _, lines, standings = run(recipe, images, tmp_path, space=space, strategy="grid")
    failed = [trial for trial in trials_of(tmp_path) if trial.state == TrialState.FAIL]
    assert len(failed) == 1
    assert failed[0].user_attrs[FAULT].startswith("diverged: train/")
    assert lines == [
        f"trial {failed[0].number} failed: {failed[0].user_attrs[FAULT]}; the study goes on"
    ]
    assert standings[-1].failed == 1
    assert standings[-1].complete == 2


def test_an_objective_that_nothing_has_labels_for_ends_the_study(tmp_path, recipe, images):
    unvoted = dataclasses.replace(images, votes=0 * images.votes)
    space = dataclasses.replace(SPACE, objective="ferplus_accuracy")
    with pytest.raises(RecipeError, match="no trial ran to its end"):
        run(recipe, unvoted, tmp_path, space=space, epochs=1, trials=2)
    assert all("has labels for it" in trial.user_attrs[FAULT] for trial in trials_of(tmp_path))


def test_a_point_that_the_recipe_refuses_is_a_failed_trial(tmp_path, recipe, images):
    space = Space(
        objective="fer2013_accuracy",
        parameters=(
            Parameter(key="ferplus_weight", choices=(1.0, 0.0)),
            Parameter(key="fer2013_weight", choices=(0.5, 0.0)),
        ),
    )
    _, lines, _ = run(recipe, images, tmp_path, space=space, strategy="grid", trials=5, epochs=1)
    assert len(lines) == 1
    assert "the recipe refuses the point: field 'ferplus_weight'" in lines[0]


def test_a_study_of_another_space_under_the_same_name_is_refused(tmp_path, recipe, images):
    run(recipe, images, tmp_path, trials=1, epochs=1)
    wider = Parameter(key="learning_rate", low=0.01, high=0.5, log=True)
    space = dataclasses.replace(SPACE, parameters=(wider, SPACE.parameters[1]))
    with pytest.raises(RecipeError, match=r"another space \(it differs in learning_rate\)"):
        run(recipe, images, tmp_path, space=space, epochs=1)
    with pytest.raises(RecipeError, match=r"study 'emotion'.*another recipe"):
        run(recipe, images, tmp_path, epochs=2)
    with pytest.raises(RecipeError, match="another set of images"):
        run(recipe, images, tmp_path, epochs=1, share=0.5)
    assert len(trials_of(tmp_path)) == 1


def test_an_unreachable_storage_ends_with_one_line(tmp_path, recipe, images):
    with pytest.raises(InputError, match="the storage cannot be reached"):
        tune(
            recipe,
            SPACE,
            images,
            out=tmp_path,
            storage="sqlite:////proc/no/study.db",
            options=OPTIONS,
        )


def test_a_start_outside_the_space_is_not_tried_and_said_so(tmp_path, recipe, images):
    start = dataclasses.replace(recipe, learning_rate=0.5)
    _, lines, _ = run(start, images, tmp_path, trials=1, epochs=1)
    assert lines == ["the recipe's own learning_rate lies outside the space: it is not tried"]


def test_a_study_without_a_complete_trial_says_what_to_do(tmp_path, recipe, images):
    space = Space(
        objective="fer2013_accuracy",
        parameters=(Parameter(key="learning_rate", choices=(1e29, 1e30)),),
    )
    with pytest.raises(RecipeError, match="no trial ran to its end"):
        run(recipe, images, tmp_path, space=space, trials=1, epochs=1)


def test_an_interrupted_trial_is_tried_again(tmp_path, recipe, images):
    job = prepare(
        dataclasses.replace(recipe, epochs=2),
        SPACE,
        images,
        name="emotion",
        storage=str(tmp_path / STORAGE),
        options=dataclasses.replace(OPTIONS, trials=2),
    )
    looks = iter(range(100))

    def interrupt():
        if next(looks) == 3:  # two epochs and a trial's end, then the second one's first epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(job, on_epoch=interrupt)
    work(job)
    trials = trials_of(tmp_path)
    assert [trial.state.name for trial in trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert trials[2].params == trials[1].params
    assert trials[2].user_attrs[AGAIN] == 1


def other_machines_trial(tmp_path):
    """Begin a trial of the study as another machine does."""
    storage = open_storage(str(tmp_path / STORAGE))
    study = optuna.load_study(study_name="emotion", storage=storage)
    trial = study.ask()
    trial.set_user_attr(WORKER, "elsewhere/1")
    SPACE.suggest(trial)
    return study, trial


def test_the_last_trials_of_other_machines_are_waited_for(tmp_path, recipe, images):
    run(recipe, images, tmp_path, epochs=1, trials=1)
    study, trial = other_machines_trial(tmp_path)
    teller = threading.Timer(2, lambda: study.tell(trial, 0.99))
    teller.start()
    tuned, lines, _ = run(recipe, images, tmp_path, epochs=1, trials=2)
    teller.join()
    assert lines == ["waiting for 1 trial on other machines"]
    assert tuned.value == 0.99


def test_a_trial_elsewhere_that_does_not_end_is_left_out(tmp_path, recipe, images, monkeypatch):
    monkeypatch.setattr("mien.tuning.run._PATIENCE_S", 0.0)
    run(recipe, images, tmp_path, epochs=1, trials=1)
    other_machines_trial(tmp_path)
    _, lines, _ = run(recipe, images, tmp_path, epochs=1, trials=2)
    assert any("1 trial on other machines, not ended, left out" in x for x in lines)


CHILD = """
import pickle, sys
from pathlib import Path
if __name__ == "__main__":
    from mien.tuning import tune
    arguments = pickle.loads(Path(sys.argv[1]).read_bytes())
    tune(**arguments, on_line=lambda line: print(line, flush=True))
"""


def begin(tmp_path, recipe, images, **changes):
    import pickle

    folder = tmp_path / "study"
    arguments = {
        "recipe": recipe,
        "space": SPACE,
        "data": images,
        "out": folder,
        "options": dataclasses.replace(OPTIONS, **changes),
    }
    (tmp_path / "child.py").write_text(CHILD)
    (tmp_path / "arguments").write_bytes(pickle.dumps(arguments))
    return folder, subprocess.Popen(
        [sys.executable, tmp_path / "child.py", tmp_path / "arguments"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def wait_for(condition, seconds=240):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def safely(look, *arguments):
    try:
        return look(*arguments)
    except Exception:  # the child has not made the study yet
        return []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_after_a_kill_a_study_loses_at_most_what_ran(tmp_path, recipe, images):
    slow = dataclasses.replace(recipe, epochs=40)
    folder, child = begin(tmp_path, slow, images, trials=4)
    wait_for(lambda: len(safely(trials_of, folder)) >= 2)
    time.sleep(0.5)
    child.send_signal(signal.SIGKILL)
    child.wait()
    before = [trial for trial in trials_of(folder) if trial.state == TrialState.COMPLETE]
    _, lines, _ = run(slow, images, folder, trials=2)
    after = trials_of(folder)
    assert [t.value for t in after[: len(before)]] == [t.value for t in before]
    assert sum(trial.state == TrialState.COMPLETE for trial in after) == 2
    assert any("was lost with its worker; its point is tried again" in line for line in lines)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_worker_is_replaced_and_its_point_tried_again(tmp_path, recipe, images):
    slow = dataclasses.replace(recipe, epochs=25)
    folder, child = begin(tmp_path, slow, images, trials=3, workers=2)

    def running():
        return [t for t in safely(trials_of, folder) if t.state == TrialState.RUNNING and t.params]

    wait_for(running)
    victim = running()[0]
    os.kill(int(victim.user_attrs["worker"].rpartition("/")[2]), signal.SIGKILL)
    said, _ = child.communicate(timeout=300)
    assert child.returncode == 0
    assert f"was killed by signal 9 in trial {victim.number}; its point is tried again" in said
    trials = trials_of(folder)
    again = [trial for trial in trials if trial.user_attrs.get(AGAIN) == victim.number]
    assert [trial.params for trial in again] == [victim.params]
    assert sum(trial.state == TrialState.COMPLETE for trial in trials) >= 3
    assert (folder / REPORT).exists()


def test_two_who_share_a_storage_work_on_one_study(tmp_path, recipe, images):
    storage = str(tmp_path / "shared.journal")
    for machine in ("one", "two"):
        tune(
            recipe,
            SPACE,
            images,
            out=tmp_path / machine,
            storage=storage,
            options=dataclasses.replace(OPTIONS, trials=1 + 2 * (machine == "two"), epochs=1),
        )
    study = optuna.load_study(study_name="emotion", storage=open_storage(storage))
    assert len(study.trials) == 3
    assert release_dead(study) == []
    assert (tmp_path / "two" / BEST).exists()


def test_machines_that_begin_at_the_same_moment_try_different_points(
    tmp_path, recipe, images, monkeypatch
):
    storage = str(tmp_path / STORAGE)
    job = prepare(recipe, SPACE, images, name="toy", storage=storage, options=OPTIONS)
    studies = []
    for machine in ("one/7", "two/7"):
        monkeypatch.setattr(study_module, "worker_name", lambda machine=machine: machine)
        studies.append(job.open())
    studies[0].ask()  # the start
    first, second = (SPACE.suggest(study.ask()) for study in studies)
    assert first["learning_rate"] != second["learning_rate"]


def test_what_an_earlier_process_of_this_number_left_is_given_up(tmp_path, recipe, images):
    storage = str(tmp_path / STORAGE)
    job = prepare(recipe, SPACE, images, name="toy", storage=storage, options=OPTIONS)
    study = job.open()
    trial = study.ask()
    SPACE.suggest(trial)
    trial.set_user_attr(WORKER, study_module.worker_name())
    assert release_dead(study) == [trial.number]


def test_a_gain_without_images_to_report_it_on_is_refused_before_the_search(
    tmp_path, recipe, images
):
    split = np.where(images.split == 1, -1, images.split).astype(np.int8)
    without = dataclasses.replace(images, split=split)
    with pytest.raises(InputError, match="--seeds 0"):
        run(recipe, without, tmp_path, seeds=3)
    tuned, _, _ = run(recipe, without, tmp_path, trials=1, epochs=1)
    assert tuned.gain is None


def test_the_gain_is_measured_with_seeds_of_its_own_on_the_reported_val(tmp_path, recipe, images):
    tuned, lines, _ = run(recipe, images, tmp_path, trials=2, epochs=1, seeds=3)
    gain = tuned.gain
    assert len(gain.start) == len(gain.best) == 3
    assert (gain.images, gain.judged) == (128, 16)
    assert gain.low <= gain.difference <= gain.high
    assert sum(line.startswith("gain: start, seed") for line in lines) == 3
    assert json.loads((tmp_path / "gain.json").read_text())["judged"] == 16
    # What was measured is not measured again.
    again, _, _ = run(recipe, images, tmp_path, trials=2, epochs=1, seeds=3)
    assert again.gain == gain


@pytest.mark.parametrize(
    "changes",
    [
        {"strategy": "guess"},
        {"pruner": "axe"},
        {"trials": 0},
        {"hours": -1.0},
        {"seeds": 2},
        {"share": 1.0},
        {"trials": None},
    ],
)
def test_options_out_of_range_are_refused(changes):
    name = next(iter(changes))
    with pytest.raises(RecipeError, match=f"{name}.*expected"):
        TuneOptions(**changes)


def test_the_files_of_a_study_lie_in_its_folder(tmp_path, recipe, images):
    run(recipe, images, tmp_path, trials=1, epochs=1)
    assert {path.name for path in Path(tmp_path).iterdir()} == {
        BEST,
        REPORT,
        STORAGE,
        "figures",
        "mien-study.txt",
    }
