"""Workers: processes that run one trial after the other until the budget is spent."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess

import optuna
import torch
from optuna.trial import TrialState

from mien.data import Dataset
from mien.errors import MienError
from mien.options import TuneOptions
from mien.training import EmotionRecipe
from mien.tuning.objective import Objective, TrialFailure
from mien.tuning.processes import process_context
from mien.tuning.space import Space
from mien.tuning.storage import storage_errors
from mien.tuning.study import (
    WORKER_ATTRIBUTE,
    counts_against_budget,
    open_study,
    requeue_dead_trials,
    requeue_lost_trial,
    worker_name,
)

__all__ = ["StudyJob", "run_worker", "run_workers"]

_POLL_S = 1.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StudyJob:
    """What every worker of a study needs.

    Attributes:
        storage: As for `open_storage`.
        recipe: The start recipe.
        space: The search space.
        data: The data of `selection_split`.
        options: How to search.
        settings: What makes trials comparable; see `open_study`.
        trials: Number of trials in the budget; None for no limit.
        deadline: Time after which no trial is started, as of `time.time`; None for no limit.
    """

    storage: str
    recipe: EmotionRecipe
    space: Space
    data: Dataset
    options: TuneOptions
    settings: dict[str, str]
    trials: int | None
    deadline: float | None

    @property
    def epochs(self) -> int:
        """Epochs of a trial."""
        return self.options.epochs or self.recipe.epochs

    def open(self, *, stream: int = 0) -> optuna.Study:
        """Open the study.

        Args:
            stream: Number of the worker's random stream.
        """
        point, outside = self.space.start_point(self.recipe)
        return open_study(
            self.storage,
            space=self.space,
            options=self.options,
            epochs=self.epochs,
            settings=self.settings,
            start=None if outside else point,
            stream=stream,
        )

    def remaining_s(self) -> float | None:
        """Return the seconds until the deadline; None if there is none."""
        return None if self.deadline is None else max(0.0, self.deadline - time.time())

    def is_spent(self, study: optuna.Study) -> bool:
        """Say whether the budget is spent."""
        if self.remaining_s() == 0:
            return True
        trials = study.get_trials(deepcopy=False)
        return self.trials is not None and sum(map(counts_against_budget, trials)) >= self.trials


def run_worker(
    job: StudyJob, *, stream: int = 0, on_progress: Callable[[], None] = lambda: None
) -> None:
    """Run one trial after the other until the budget is spent.

    Args:
        job: The study.
        stream: Number of this worker's random stream.
        on_progress: Called after every epoch and every trial.
    """
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    torch.set_num_threads(job.options.threads)
    study = job.open(stream=stream)
    objective = Objective(
        recipe=job.recipe, space=job.space, data=job.data, epochs=job.epochs, on_epoch=on_progress
    )
    try:
        while not job.is_spent(study):
            study.optimize(objective, n_trials=1, catch=(TrialFailure,))
            on_progress()
    except BaseException as error:
        _requeue_own_trial(study)
        if isinstance(error.__context__, KeyboardInterrupt):
            # Ctrl-C while Optuna ends a trial turns into an error of its own.
            raise KeyboardInterrupt from error
        raise


def _requeue_own_trial(study: optuna.Study) -> None:
    """Queue the point of the interrupted trial again, which Optuna may have failed already."""
    own = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.user_attrs.get(WORKER_ATTRIBUTE) == worker_name()
        and trial.state in (TrialState.RUNNING, TrialState.FAIL)
    ]
    if own and not (own[-1].state == TrialState.FAIL and counts_against_budget(own[-1])):
        requeue_lost_trial(study, own[-1])


def run_workers(
    job: StudyJob, *, on_progress: Callable[[], None], on_message: Callable[[str], None]
) -> None:
    """Run several worker processes until the budget is spent; a killed one is replaced.

    Args:
        job: The study.
        on_progress: Called every second.
        on_message: Called with a line of text when a worker is lost.

    Raises:
        MienError: A worker ended with an error, or too many workers are lost.
    """
    context = process_context()
    streams = iter(range(1, 1_000_000))

    def start_worker() -> BaseProcess:
        process = context.Process(target=_worker_process, args=(job, next(streams)), daemon=True)
        process.start()
        return process

    study = job.open()
    workers = [start_worker() for _ in range(job.options.workers)]
    lost = 0
    try:
        while workers:
            time.sleep(_POLL_S)
            on_progress()
            for worker in [worker for worker in workers if worker.exitcode is not None]:
                workers.remove(worker)
                if worker.exitcode == 0:
                    continue
                numbers = requeue_dead_trials(study)
                lost += 1
                on_message(_loss(worker, numbers))
                if lost > 3 * job.options.workers:
                    raise MienError("workers are lost one after the other; see the lines above")
                if not job.is_spent(study):
                    workers.append(start_worker())
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
        requeue_dead_trials(study)


def _loss(worker: BaseProcess, numbers: list[int]) -> str:
    code = worker.exitcode or 0
    how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
    if not numbers:
        return f"worker {worker.pid} {how}; no trial was lost"
    which = ", ".join(map(str, numbers))
    return f"worker {worker.pid} {how} in trial {which}; its point is tried again"


def _worker_process(job: StudyJob, stream: int) -> None:
    try:
        with storage_errors(job.storage):
            run_worker(job, stream=stream)
    except MienError as error:
        raise SystemExit(f"mien: {error}") from error
    except KeyboardInterrupt as error:
        raise SystemExit(130) from error
