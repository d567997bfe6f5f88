"""Where a study stands, for those who watch it."""

from __future__ import annotations

import dataclasses
import statistics
import time

import optuna
from optuna.trial import FrozenTrial, TrialState

from mien.tuning.study import FAULT, SECONDS, counted

__all__ = ["Standing", "Watch"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a study stands.

    Attributes:
        best: The best value so far; None before the first trial has ended.
        best_trial: Its trial's number.
        running: Trials that run, by number, with their newest epoch (0 before the first) and value.
        complete: Trials that ran to their end.
        pruned: Trials that were ended early.
        failed: Trials whose point failed.
        lost: Trials that were lost with their worker.
        wanted: Trials of the budget, or None.
        left_s: Seconds until the budget is used up, as far as one can tell; None if one cannot.
    """

    best: float | None
    best_trial: int | None
    running: dict[int, tuple[int, float | None]]
    complete: int
    pruned: int
    failed: int
    lost: int
    wanted: int | None
    left_s: float | None


class Watch:
    """Looks at a study again and again.

    Args:
        study: The study.
        trials: Trials of the budget, or None.
        deadline: End of the budget by `time.time`, or None.
        workers: Processes that work on it.
    """

    def __init__(
        self, study: optuna.Study, *, trials: int | None, deadline: float | None, workers: int
    ) -> None:
        self.study, self.trials, self.deadline, self.workers = study, trials, deadline, workers
        self._told = {t.number for t in study.get_trials(deepcopy=False) if t.state.is_finished()}

    def standing(self) -> Standing:
        """Look."""
        trials = self.study.get_trials(deepcopy=False)
        complete = [t for t in trials if t.state == TrialState.COMPLETE and t.value is not None]
        best = max(complete, key=lambda t: t.value or 0.0, default=None)
        failed = [t for t in trials if t.state == TrialState.FAIL]
        return Standing(
            best=best.value if best else None,
            best_trial=best.number if best else None,
            running={t.number: _newest(t) for t in trials if t.state == TrialState.RUNNING},
            complete=len(complete),
            pruned=sum(t.state == TrialState.PRUNED for t in trials),
            failed=sum(FAULT in t.user_attrs for t in failed),
            lost=sum(FAULT not in t.user_attrs for t in failed),
            wanted=self.trials,
            left_s=self._left_s(trials),
        )

    def _left_s(self, trials: list[FrozenTrial]) -> float | None:
        by_time = None if self.deadline is None else max(0.0, self.deadline - time.time())
        ended = [t.user_attrs[SECONDS] for t in trials if SECONDS in t.user_attrs]
        if self.trials is None or not ended:
            return by_time
        done = sum(counted(t) and t.state.is_finished() for t in trials)
        by_trials = max(0, self.trials - done) * statistics.fmean(ended) / self.workers
        return by_trials if by_time is None else min(by_time, by_trials)

    def failures(self) -> list[str]:
        """Return a line for each trial that has failed since the last call."""
        trials = self.study.get_trials(deepcopy=False)
        new = [t for t in trials if t.state.is_finished() and t.number not in self._told]
        self._told |= {t.number for t in new}
        return [
            f"trial {t.number} failed: {t.user_attrs[FAULT]}; the study goes on"
            for t in new
            if FAULT in t.user_attrs
        ]


def _newest(trial: FrozenTrial) -> tuple[int, float | None]:
    if not trial.intermediate_values:
        return 0, None
    epoch = max(trial.intermediate_values)
    return epoch, trial.intermediate_values[epoch]
