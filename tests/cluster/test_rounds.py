"""A study on a cluster goes on until its budget is spent; none of this needs Ray."""

import dataclasses
import sys
from types import SimpleNamespace

import optuna
import pytest
from optuna.trial import TrialState

from mien.cluster import tuning
from mien.tuning.objective import EpochScore
from mien.tuning.study import FAULT_ATTRIBUTE, counts_against_budget, end_trial


@dataclasses.dataclass
class Job:
    trials: int | None
    study: optuna.Study

    def open(self):
        return self.study

    def is_spent(self, study):
        """Say whether the budget is spent; without a number of trials the first round takes it."""
        spent = sum(map(counts_against_budget, study.get_trials(deepcopy=False)))
        return spent >= (self.trials or 1)


@pytest.fixture
def rounds(monkeypatch):
    """Run a study whose rounds end their trials as asked; return their sizes and the study."""

    def run(trials, *ends):
        study, sizes, coming = optuna.create_study(), [], iter(ends)

        def run_round(job, on_progress, *, remaining, stream):
            sizes.append(remaining)
            for end in next(coming):
                trial = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
                if end == "complete":
                    study.tell(trial, 0.5)
                    continue
                if end == "failed":
                    trial.set_user_attr(FAULT_ATTRIBUTE, "diverged")
                end_trial(study, trial, end)

        monkeypatch.setattr(tuning, "_run_round", run_round)
        tuning._run(Job(trials, study), lambda: None)
        return sizes, study

    return run


def test_the_point_of_a_lost_trial_is_tried_in_another_round(rounds):
    sizes, study = rounds(3, ["complete", "failed", "lost"], ["complete"])
    assert sizes == [3, 1]
    lost, last = study.trials[2], study.trials[-1]
    assert lost.state == TrialState.FAIL
    assert (last.state, last.params) == (TrialState.COMPLETE, lost.params)


def test_a_round_in_which_every_trial_is_lost_is_the_last(rounds):
    sizes, _ = rounds(2, ["lost", "lost"], ["unreached"])
    assert sizes == [2]


def test_a_study_that_is_limited_by_time_has_one_round(rounds):
    sizes, _ = rounds(None, ["complete", "lost"], ["complete"])
    assert sizes == [None]


@pytest.mark.parametrize(("epochs", "says"), [(2, [False] * 2), (9, [False, False, True])])
def test_a_trial_says_that_it_stopped_itself_and_what_its_weights_are_worth(
    monkeypatch, epochs, says
):
    reports = []
    ray = SimpleNamespace(tune=SimpleNamespace(report=reports.append))
    monkeypatch.setitem(sys.modules, "ray", ray)

    def train(values, *, on_epoch):
        assert values == {"x": 1}
        on_epoch(EpochScore(epoch=1, score=0.5, kept=0.5))
        on_epoch(EpochScore(epoch=2, score=0.4, kept=0.5))

    space = SimpleNamespace(values=lambda config: config)
    tuning._train_point(
        {"x": 1}, objective=SimpleNamespace(epochs=epochs, space=space, train=train)
    )
    assert [each["score"] for each in reports] == [0.5, 0.4, 0.4][: len(says)]
    assert [each["kept"] for each in reports] == [0.5] * len(says)
    assert ["stopped itself" in each for each in reports] == says
