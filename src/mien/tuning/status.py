"""The status of a running study: trials, best value, remaining time."""

from __future__ import annotations

import dataclasses
import statistics
import time

import optuna
from optuna.trial import FrozenTrial, TrialState

from mien.tuning.study import FAULT_ATTRIBUTE, SECONDS_ATTRIBUTE, counts_against_budget

__all__ = ["StudyMonitor", "StudyStatus"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StudyStatus:
    """The status of a study.

    Attributes:
        best: The best value so far; None before the first trial is complete.
        best_trial: Number of the trial with the best value.
        running: Running trials by number, each with its last epoch (0 before the first) and value.
        complete: Number of trials that trained all epochs.
        pruned: Number of trials that the pruner ended early.
        failed: Number of trials that failed.
        lost: Number of trials that were lost with their worker.
        trials: Number of trials in the budget; None for no limit.
        remaining_s: Estimated seconds until the budget is spent; None if there is no estimate yet.
    """

    best: float | None
    best_trial: int | None
    running: dict[int, tuple[int, float | None]]
    complete: int
    pruned: int
    failed: int
    lost: int
    trials: int | None
    remaining_s: float | None

    @property
    def ended(self) -> int:
        """Number of trials that ended: complete, pruned or failed."""
        return self.complete + self.pruned + self.failed


class StudyMonitor:
    """Reads the status of a study from its storage.

    Args:
        study: The study.
        trials: Number of trials in the budget; None for no limit.
        deadline: End of the budget, as of `time.time`; None for no limit.
        workers: Number of processes that run trials.
    """

    def __init__(
        self, study: optuna.Study, *, trials: int | None, deadline: float | None, workers: int
    ) -> None:
        self.study, self.trials, self.deadline, self.workers = study, trials, deadline, workers
        self._reported = {
            t.number for t in study.get_trials(deepcopy=False) if t.state.is_finished()
        }

    def status(self) -> StudyStatus:
        """Return the current status."""
        trials = self.study.get_trials(deepcopy=False)
        complete = [t for t in trials if t.state == TrialState.COMPLETE and t.value is not None]
        best = max(complete, key=lambda t: t.value or 0.0, default=None)
        failed = [t for t in trials if t.state == TrialState.FAIL]
        return StudyStatus(
            best=best.value if best else None,
            best_trial=best.number if best else None,
            running={t.number: _last_report(t) for t in trials if t.state == TrialState.RUNNING},
            complete=len(complete),
            pruned=sum(t.state == TrialState.PRUNED for t in trials),
            failed=sum(FAULT_ATTRIBUTE in t.user_attrs for t in failed),
            lost=sum(FAULT_ATTRIBUTE not in t.user_attrs for t in failed),
            trials=self.trials,
            remaining_s=self._remaining_s(trials),
        )

    def _remaining_s(self, trials: list[FrozenTrial]) -> float | None:
        by_time = None if self.deadline is None else max(0.0, self.deadline - time.time())
        times = [
            t.user_attrs[SECONDS_ATTRIBUTE] for t in trials if SECONDS_ATTRIBUTE in t.user_attrs
        ]
        if self.trials is None or not times:
            return by_time
        done = sum(counts_against_budget(t) and t.state.is_finished() for t in trials)
        by_trials = max(0, self.trials - done) * statistics.fmean(times) / self.workers
        return by_trials if by_time is None else min(by_time, by_trials)

    def new_failures(self) -> list[str]:
        """Return a line of text for each trial that has failed since the last call."""
        trials = self.study.get_trials(deepcopy=False)
        new = [t for t in trials if t.state.is_finished() and t.number not in self._reported]
        self._reported |= {t.number for t in new}
        return [
            f"trial {t.number} failed: {t.user_attrs[FAULT_ATTRIBUTE]}; the study goes on"
            for t in new
            if FAULT_ATTRIBUTE in t.user_attrs
        ]


def _last_report(trial: FrozenTrial) -> tuple[int, float | None]:
    if not trial.intermediate_values:
        return 0, None
    epoch = max(trial.intermediate_values)
    return epoch, trial.intermediate_values[epoch]
