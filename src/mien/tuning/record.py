"""A study as plain values, for its report."""

from __future__ import annotations

import warnings

import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from mien.reports import StudyRecord, TrialRecord
from mien.tuning.space import Space
from mien.tuning.study import FAULT_ATTRIBUTE, SECONDS_ATTRIBUTE, START_ATTRIBUTE

__all__ = ["best_trial", "study_record"]

_MIN_TRIALS_FOR_IMPORTANCE = 4


def best_trial(study: optuna.Study) -> FrozenTrial | None:
    """Return the complete trial with the highest value; None if there is none."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max(complete, key=lambda t: t.value or 0.0, default=None)


def study_record(study: optuna.Study, space: Space) -> StudyRecord:
    """Return the values of a study for its report."""
    trials = study.get_trials(deepcopy=False)
    ended = [trial for trial in trials if trial.state.is_finished()]
    return StudyRecord(
        name=study.study_name,
        objective=space.objective,
        trials=tuple(map(_trial_record, ended)),
        importance=_importance(study, trials),
        scales={p.key: "log" for p in space.parameters if p.log},
        choices={p.key: tuple(map(str, p.labels)) for p in space.parameters if p.choices},
    )


def _trial_record(trial: FrozenTrial) -> TrialRecord:
    state = trial.state.name.lower()
    if trial.state == TrialState.FAIL:
        state = "failed" if FAULT_ATTRIBUTE in trial.user_attrs else "lost"
    return TrialRecord(
        number=trial.number,
        state=state,
        value=trial.value if trial.state == TrialState.COMPLETE else None,
        values=dict(trial.params),
        curve=dict(sorted(trial.intermediate_values.items())),
        seconds=trial.user_attrs.get(SECONDS_ATTRIBUTE),
        fault=str(trial.user_attrs.get(FAULT_ATTRIBUTE, "")),
        start=bool(trial.user_attrs.get(START_ATTRIBUTE)),
    )


def _importance(study: optuna.Study, trials: list[FrozenTrial]) -> dict[str, float]:
    """Estimate the share of the values' variance that each parameter explains (fANOVA).

    Hutter et al. 2014. Empty if there are too few trials or all values are the same. Parameters
    that not all trials have are left out.
    """
    complete = [t for t in trials if t.state == TrialState.COMPLETE]
    if len(complete) < _MIN_TRIALS_FOR_IMPORTANCE or len({t.value for t in complete}) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
