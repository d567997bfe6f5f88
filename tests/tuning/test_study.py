import dataclasses
import functools
import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from mien.errors import InputError, OutputError, RecipeError
from mien.training import EmotionRecipe, read_recipe
from mien.tuning import (
    BEST_FILE,
    REPORT_FILE,
    STORAGE_FILE,
    Parameter,
    Space,
    TuneOptions,
    open_storage,
    tune,
)
from mien.tuning import study as study_module
from mien.tuning.processes import process_context
from mien.tuning.run import prepare_job
from mien.tuning.study import (
    FAULT_ATTRIBUTE,
    RETRY_ATTRIBUTE,
    START_ATTRIBUTE,
    WORKER_ATTRIBUTE,
    requeue_dead_trials,
)
from mien.tuning.worker import run_worker
from tests.tuning import gated

SPACE = Space(
    objective="fer2013_accuracy",
    parameters=(
        Parameter(key="learning_rate", low=0.01, high=0.2, log=True),
        Parameter(key="network.widths[0]", choices=(4, 6)),
    ),
)
OPTIONS = TuneOptions(
    sampler="random", pruner="none", trials=3, near=False, selection_share=0.25, seeds=0
)


def trials_of(folder, name="emotion"):
    study = optuna.load_study(study_name=name, storage=open_storage(str(folder / STORAGE_FILE)))
    return study.get_trials()


def run(recipe, images, folder, *, space=SPACE, **changes):
    messages, statuses = [], []
    options = dataclasses.replace(OPTIONS, **changes)
    result = tune(
        recipe,
        space,
        images,
        out=folder,
        options=options,
        on_message=messages.append,
        on_status=statuses.append,
    )
    return result, messages, statuses


def test_a_study_gives_a_recipe_that_train_takes_and_a_report(
    tmp_path, recipe, images, real_report
):
    result, messages, statuses = run(recipe, images, tmp_path, epochs=1)
    assert not messages
    trials = trials_of(tmp_path)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 3
    assert trials[0].user_attrs[START_ATTRIBUTE]
    assert trials[0].params["learning_rate"] == pytest.approx(recipe.learning_rate)
    assert result.value == max(trial.value for trial in trials)
    written = read_recipe(EmotionRecipe, tmp_path / BEST_FILE)
    assert written == result.recipe
    assert written.epochs == recipe.epochs  # the trials had one
    assert (tmp_path / REPORT_FILE).stat().st_size > 100_000
    assert statuses[-1].complete == 3
    assert statuses[-1].best == result.value


def test_a_folder_of_something_else_is_no_place_for_a_study(tmp_path, recipe, images):
    (tmp_path / BEST_FILE).write_text("my own")
    with pytest.raises(OutputError, match=r"holds best\.toml, and no mien-study\.txt"):
        run(recipe, images, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [BEST_FILE]
    assert (tmp_path / BEST_FILE).read_text() == "my own"


def test_a_study_goes_on_and_its_budget_is_that_of_the_whole(tmp_path, recipe, images):
    run(recipe, images, tmp_path, epochs=1, trials=2)
    run(recipe, images, tmp_path, epochs=1, trials=3)
    trials = trials_of(tmp_path)
    assert len(trials) == 3
    assert len({json.dumps(trial.params) for trial in trials}) == 3


@pytest.mark.parametrize("sampler", ["grid", "random", "tpe", "gp"])
def test_every_sampler_finishes(tmp_path, recipe, images, sampler):
    space = SPACE
    if sampler == "grid":
        key = Parameter(key="learning_rate", choices=(0.02, 0.06, 0.1))
        space = dataclasses.replace(SPACE, parameters=(key, SPACE.parameters[1]))
    result, _, _ = run(recipe, images, tmp_path, space=space, sampler=sampler, trials=7, epochs=1)
    trials = trials_of(tmp_path)
    assert len(trials) == 7
    assert result.value > 0
    if sampler == "grid":
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
    run(recipe, images, tmp_path, space=space, sampler="gp", pruner="median", trials=24)
    points = [json.dumps(trial.params) for trial in trials_of(tmp_path)]
    assert len(set(points)) >= 22  # chance alone may hit a point twice


def test_a_trial_with_patience_has_the_objective_of_its_best_epoch(
    tmp_path, recipe, images, monkeypatch
):
    from mien.tuning import objective

    def scores(recipe, data, *, on_epoch, folder=None):
        # The run stops after its third epoch and keeps the second.
        for epoch, watched, score in ((1, 0.2, 0.1), (2, 0.3, 0.6), (3, 0.3, 0.2)):
            on_epoch({"epoch": epoch, "val/score": watched, "val/fer2013_accuracy": score})

    monkeypatch.setattr(objective, "train_quietly", scores)
    patient = dataclasses.replace(recipe, patience=1)
    result, _, _ = run(patient, images, tmp_path, trials=1, epochs=9)
    assert result.value == 0.6
    trial = trials_of(tmp_path)[0]
    assert trial.intermediate_values == {1: 0.1, 2: 0.6, 3: 0.2}


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_a_trial_that_falls_behind_is_pruned(tmp_path, recipe, images, pruner, monkeypatch):
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
    _, messages, statuses = run(recipe, images, tmp_path, space=space, sampler="grid")
    failed = [trial for trial in trials_of(tmp_path) if trial.state == TrialState.FAIL]
    assert len(failed) == 1
    fault = failed[0].user_attrs[FAULT_ATTRIBUTE]
    assert fault.startswith("diverged: train/")
    assert messages == [f"trial {failed[0].number} failed: {fault}; the study goes on"]
    assert statuses[-1].failed == 1
    assert statuses[-1].complete == 2


def test_an_objective_that_nothing_has_labels_for_ends_the_study(tmp_path, recipe, images):
    unvoted = dataclasses.replace(images, votes=0 * images.votes)
    space = dataclasses.replace(SPACE, objective="ferplus_accuracy")
    with pytest.raises(RecipeError, match="no trial ran to its end"):
        run(recipe, unvoted, tmp_path, space=space, epochs=1, trials=2)
    assert all(
        "has labels for it" in trial.user_attrs[FAULT_ATTRIBUTE] for trial in trials_of(tmp_path)
    )


def test_a_point_that_the_recipe_refuses_is_a_failed_trial(tmp_path, recipe, images):
    space = Space(
        objective="fer2013_accuracy",
        parameters=(
            Parameter(key="ferplus_weight", choices=(1.0, 0.0)),
            Parameter(key="fer2013_weight", choices=(0.5, 0.0)),
        ),
    )
    _, messages, _ = run(recipe, images, tmp_path, space=space, sampler="grid", trials=5, epochs=1)
    assert len(messages) == 1
    assert "the recipe refuses the point: field 'ferplus_weight'" in messages[0]


def test_a_study_of_another_space_under_the_same_name_is_refused(tmp_path, recipe, images):
    run(recipe, images, tmp_path, trials=1, epochs=1)
    wider = Parameter(key="learning_rate", low=0.01, high=0.5, log=True)
    space = dataclasses.replace(SPACE, parameters=(wider, SPACE.parameters[1]))
    with pytest.raises(RecipeError, match=r"another space \(it differs in learning_rate\)"):
        run(recipe, images, tmp_path, space=space, epochs=1)
    with pytest.raises(RecipeError, match=r"study 'emotion'.*another recipe"):
        run(recipe, images, tmp_path, epochs=2)
    with pytest.raises(RecipeError, match="another set of images"):
        run(recipe, images, tmp_path, epochs=1, selection_share=0.5)
    assert len(trials_of(tmp_path)) == 1


def test_an_unreachable_storage_is_one_line(tmp_path, recipe, images):
    with pytest.raises(InputError, match="the storage cannot be reached"):
        tune(
            recipe,
            SPACE,
            images,
            out=tmp_path,
            options=dataclasses.replace(OPTIONS, storage="sqlite:////proc/no/study.db"),
        )


def test_a_start_outside_the_space_is_not_tried_and_said_so(tmp_path, recipe, images):
    start = dataclasses.replace(recipe, learning_rate=0.5)
    _, messages, _ = run(start, images, tmp_path, trials=1, epochs=1)
    assert messages == ["the recipe's own learning_rate lies outside the space: it is not tried"]


def test_a_study_without_a_complete_trial_says_what_to_do(tmp_path, recipe, images):
    space = Space(
        objective="fer2013_accuracy",
        parameters=(Parameter(key="learning_rate", choices=(1e29, 1e30)),),
    )
    with pytest.raises(RecipeError, match="no trial ran to its end"):
        run(recipe, images, tmp_path, space=space, trials=1, epochs=1)


def test_an_interrupted_trial_is_tried_again(tmp_path, recipe, images):
    job = prepare_job(
        dataclasses.replace(recipe, epochs=2),
        SPACE,
        images,
        storage=str(tmp_path / STORAGE_FILE),
        options=dataclasses.replace(OPTIONS, trials=2),
    )
    looks = iter(range(100))

    def interrupt():
        if next(looks) == 3:  # two epochs and a trial's end, then the second one's first epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_worker(job, on_progress=interrupt)
    run_worker(job)
    trials = trials_of(tmp_path)
    assert [trial.state.name for trial in trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert trials[2].params == trials[1].params
    assert trials[2].user_attrs[RETRY_ATTRIBUTE] == 1


def other_machines_trial(tmp_path):
    """Begin a trial of the study as another machine does."""
    storage = open_storage(str(tmp_path / STORAGE_FILE))
    study = optuna.load_study(study_name="emotion", storage=storage)
    trial = study.ask()
    trial.set_user_attr(WORKER_ATTRIBUTE, "elsewhere/1")
    SPACE.suggest(trial)
    return study, trial


def test_the_last_trials_of_other_machines_are_waited_for(tmp_path, recipe, images, monkeypatch):
    monkeypatch.setattr("mien.tuning.run._POLL_S", 0.01)
    run(recipe, images, tmp_path, epochs=1, trials=1)
    study, trial = other_machines_trial(tmp_path)
    messages = []

    def end_the_trial(message):
        messages.append(message)
        study.tell(trial, 0.99)

    options = dataclasses.replace(OPTIONS, epochs=1, trials=2)
    result = tune(recipe, SPACE, images, out=tmp_path, options=options, on_message=end_the_trial)
    assert messages == ["waiting for 1 trial on other machines"]
    assert result.value == 0.99


def test_a_trial_elsewhere_that_does_not_end_is_left_out(tmp_path, recipe, images, monkeypatch):
    monkeypatch.setattr("mien.tuning.run._MIN_WAIT_S", 0.0)
    run(recipe, images, tmp_path, epochs=1, trials=1)
    other_machines_trial(tmp_path)
    _, messages, _ = run(recipe, images, tmp_path, epochs=1, trials=2)
    assert any("1 trial on other machines, not ended, left out" in message for message in messages)


def running_trials(folder):
    try:
        trials = trials_of(folder)
    except Exception:  # the child has not made the study yet
        return []
    return [t for t in trials if t.state == TrialState.RUNNING and t.intermediate_values]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_after_a_kill_a_study_loses_at_most_what_ran(tmp_path, recipe, images):
    folder = tmp_path / "study"
    arguments = {"recipe": recipe, "space": SPACE, "data": images, "out": folder}
    options = dataclasses.replace(OPTIONS, trials=4)
    child = process_context().Process(
        target=gated.study_process,
        args=(arguments | {"options": options},),
        kwargs={"gate": tmp_path / "gate"},
    )
    child.start()
    end = time.monotonic() + 240
    while [trial.number for trial in running_trials(folder)] != [1]:
        assert child.is_alive(), "the study has ended"
        assert time.monotonic() < end
        time.sleep(0.1)
    child.kill()
    child.join()
    before = [trial for trial in trials_of(folder) if trial.state == TrialState.COMPLETE]
    assert len(before) == 1
    _, messages, _ = run(recipe, images, folder, trials=2)
    after = trials_of(folder)
    assert [t.value for t in after[: len(before)]] == [t.value for t in before]
    assert sum(trial.state == TrialState.COMPLETE for trial in after) == 2
    assert any(
        "was lost with its worker; its point is tried again" in message for message in messages
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_worker_is_replaced_and_its_point_tried_again(
    tmp_path, recipe, images, monkeypatch
):
    gate, messages, victims = tmp_path / "gate", [], []
    process = functools.partial(gated.worker_process, gate=gate)
    monkeypatch.setattr("mien.tuning.worker._worker_process", process)
    monkeypatch.setattr("mien.tuning.worker._POLL_S", 0.1)

    def kill_a_worker(status):
        if not victims and (running := running_trials(tmp_path)):
            victims.append(running[0])
            worker = running[0].user_attrs[WORKER_ATTRIBUTE].rpartition("/")[2]
            os.kill(int(worker), signal.SIGKILL)

    def go_on_after_the_loss(message):
        messages.append(message)
        if "was killed by signal 9" in message:  # its point is queued by now
            gate.touch()

    options = dataclasses.replace(OPTIONS, trials=3, workers=2)
    tune(
        recipe,
        SPACE,
        images,
        out=tmp_path,
        options=options,
        on_status=kill_a_worker,
        on_message=go_on_after_the_loss,
    )
    (victim,) = victims
    lost = f"was killed by signal 9 in trial {victim.number}; its point is tried again"
    assert any(lost in message for message in messages)
    trials = trials_of(tmp_path)
    again = [trial for trial in trials if trial.user_attrs.get(RETRY_ATTRIBUTE) == victim.number]
    assert [trial.params for trial in again] == [victim.params]
    assert sum(trial.state == TrialState.COMPLETE for trial in trials) >= 3
    assert (tmp_path / REPORT_FILE).exists()


def test_two_who_share_a_storage_work_on_one_study(tmp_path, recipe, images):
    storage = str(tmp_path / "shared.journal")
    for machine in ("one", "two"):
        tune(
            recipe,
            SPACE,
            images,
            out=tmp_path / machine,
            options=dataclasses.replace(
                OPTIONS, storage=storage, trials=1 + 2 * (machine == "two"), epochs=1
            ),
        )
    study = optuna.load_study(study_name="emotion", storage=open_storage(storage))
    assert len(study.trials) == 3
    assert requeue_dead_trials(study) == []
    assert (tmp_path / "two" / BEST_FILE).exists()


def test_machines_that_begin_at_the_same_moment_try_different_points(
    tmp_path, recipe, images, monkeypatch
):
    storage = str(tmp_path / STORAGE_FILE)
    job = prepare_job(recipe, SPACE, images, storage=storage, options=OPTIONS)
    studies = []
    for machine in ("one/7", "two/7"):
        monkeypatch.setattr(study_module, "worker_name", lambda machine=machine: machine)
        studies.append(job.open())
    studies[0].ask()  # the start
    first, second = (SPACE.suggest(study.ask()) for study in studies)
    assert first["learning_rate"] != second["learning_rate"]


def test_the_trial_of_an_earlier_process_with_this_number_is_queued_again(tmp_path, recipe, images):
    storage = str(tmp_path / STORAGE_FILE)
    job = prepare_job(recipe, SPACE, images, storage=storage, options=OPTIONS)
    study = job.open()
    trial = study.ask()
    SPACE.suggest(trial)
    trial.set_user_attr(WORKER_ATTRIBUTE, study_module.worker_name())
    assert requeue_dead_trials(study) == [trial.number]


def test_a_gain_without_images_to_report_it_on_is_refused_before_the_search(
    tmp_path, recipe, images
):
    split = np.where(images.split == 1, -1, images.split).astype(np.int8)
    without = dataclasses.replace(images, split=split)
    with pytest.raises(InputError, match="seeds=0"):
        run(recipe, without, tmp_path, seeds=3)
    result, _, _ = run(recipe, without, tmp_path, trials=1, epochs=1)
    assert result.gain is None


def test_the_gain_is_measured_with_seeds_of_its_own_on_the_reported_val(tmp_path, recipe, images):
    result, messages, _ = run(recipe, images, tmp_path, trials=2, epochs=1, seeds=3)
    gain = result.gain
    assert len(gain.start) == len(gain.best) == 3
    assert (gain.training_images, gain.val_images) == (128, 16)
    assert gain.low <= gain.difference <= gain.high
    assert sum(message.startswith("gain: start, seed") for message in messages) == 3
    assert json.loads((tmp_path / "gain.json").read_text())["val_images"] == 16
    # What was measured is not measured again.
    again, _, _ = run(recipe, images, tmp_path, trials=2, epochs=1, seeds=3)
    assert again.gain == gain


@pytest.mark.parametrize(
    "changes",
    [
        {"sampler": "guess"},
        {"pruner": "axe"},
        {"trials": 0},
        {"hours": -1.0},
        {"seeds": 2},
        {"selection_share": 1.0},
        {"trials": None},
    ],
)
def test_options_out_of_range_are_refused(changes):
    name = next(iter(changes))
    with pytest.raises(InputError, match=f"{name}.*expected"):
        TuneOptions(**changes)


def test_the_files_of_a_study_lie_in_its_folder(tmp_path, recipe, images, real_report):
    run(recipe, images, tmp_path, trials=1, epochs=1)
    assert {path.name for path in Path(tmp_path).iterdir()} == {
        BEST_FILE,
        REPORT_FILE,
        STORAGE_FILE,
        "figures",
        "mien-study.txt",
    }
