import threading
import warnings

import optuna
import pytest
from optuna.trial import TrialState

from mien.errors import InputError
from mien.training import EmotionRecipe
from mien.tuning import BEST_FILE, STORAGE_FILE, Parameter, Space, TuneOptions, open_storage, tune
from mien.tuning.keys import with_values
from mien.tuning.study import FAULT_ATTRIBUTE

pytest.importorskip("ray", reason="needs the extra 'cluster'")

RECIPE = with_values(
    EmotionRecipe(),
    {
        "network.widths": [4, 8],
        "network.depths": [1, 1],
        "epochs": 2,
        "batch_size": 16,
        "ema_decay": 0.5,
    },
)
SPACE = Space(
    objective="fer2013_accuracy",
    parameters=(
        Parameter(key="learning_rate", choices=(0.06, 0.1, 1e30)),
        Parameter(key="momentum", low=0.8, high=0.95),
    ),
)


@pytest.fixture(autouse=True)
def _library_warnings():
    # Ray warns of its own dependencies and leaves sockets and files to the end of the process.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def run(folder, data, *, trials, recipe=RECIPE, space=SPACE, hours=None, address="local"):
    from mien.cluster import ray_runner

    messages, statuses = [], []
    lock = threading.RLock()  # as a console has one, which cannot be sent to a process

    def on_status(status):
        with lock:
            statuses.append(status)

    result = tune(
        recipe,
        space,
        data,
        out=folder,
        options=TuneOptions(
            sampler="random",
            pruner="none",
            trials=trials,
            hours=hours,
            near=False,
            selection_share=0.25,
            seeds=0,
            seed=2,
        ),
        on_status=on_status,
        on_message=messages.append,
        runner=ray_runner(address),
    )
    assert statuses
    return result, messages


@pytest.mark.filterwarnings("ignore")
def test_a_study_runs_on_a_cluster_and_goes_on_there(tmp_path, toy_dataset):
    result, messages = run(tmp_path, toy_dataset, trials=4)
    study = optuna.load_study(
        study_name="emotion", storage=open_storage(str(tmp_path / STORAGE_FILE))
    )
    failed = [trial for trial in study.trials if trial.state == TrialState.FAIL]
    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    assert len(failed) + len(complete) == 4
    assert all(trial.params["learning_rate"] == 1e30 for trial in failed)
    assert all(trial.user_attrs[FAULT_ATTRIBUTE].startswith("diverged") for trial in failed)
    assert len(messages) == len(failed)
    assert all(list(trial.intermediate_values) == [1, 2] for trial in complete)
    assert result.value == max(trial.value for trial in complete)
    assert (tmp_path / BEST_FILE).exists()
    run(tmp_path, toy_dataset, trials=5)
    assert len(study.trials) == 5
    # After the time is up none is begun.
    run(tmp_path, toy_dataset, trials=9, hours=1e-9)
    assert len(study.trials) == 5


@pytest.mark.filterwarnings("ignore")
def test_a_trial_that_patience_ends_is_complete(tmp_path, toy_dataset):
    still = with_values(RECIPE, {"epochs": 30, "patience": 2})
    space = Space(
        objective="score", parameters=(Parameter(key="learning_rate", choices=(1e-9, 2e-9)),)
    )
    result, _ = run(tmp_path, toy_dataset, recipe=still, space=space, trials=2)
    study = optuna.load_study(
        study_name="emotion", storage=open_storage(str(tmp_path / STORAGE_FILE))
    )
    for trial in study.trials:
        assert trial.state == TrialState.COMPLETE
        assert len(trial.intermediate_values) < 30
        assert trial.value == max(trial.intermediate_values.values())
    assert result.value == study.best_value


def test_a_cluster_that_is_not_there_is_one_clear_line(tmp_path, toy_dataset):
    with pytest.raises(InputError, match="no Ray cluster can be reached there"):
        run(tmp_path, toy_dataset, trials=1, address="127.0.0.1:1")
