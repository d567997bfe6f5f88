"""Workers: processes that take one trial after the other until the budget is used up."""

from __future__ import annotations

import dataclasses
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

import optuna
import torch
from optuna.trial import TrialState

from mien.data import Dataset
from mien.errors import MienError
from mien.training import EmotionRecipe
from mien.tuning.objective import Objective, TrialFailure
from mien.tuning.options import TuneOptions
from mien.tuning.space import Space
from mien.tuning.study import WORKER, counted, give_up, open_study, release_dead, worker_name

__all__ = ["Job", "work", "work_together"]

_LOOK_S = 1.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every worker of a study needs.

    Attributes:
        name: The study's name.
        storage: As for `open_storage`.
        recipe: What the points change.
        space: What varies.
        data: Of `selection_part`.
        options: How to search.
        terms: What the study was begun on; see `open_study`.
        trials: Counted trials after which none is begun; None for no limit.
        deadline: Moment after which no trial is begun, by `time.time`; None for no limit.
    """

    name: str
    storage: str
    recipe: EmotionRecipe
    space: Space
    data: Dataset
    options: TuneOptions
    terms: dict[str, str]
    trials: int | None
    deadline: float | None

    @property
    def epochs(self) -> int:
        """Epochs of a trial."""
        return self.options.epochs or self.recipe.epochs

    def open(self, *, stream: int = 0) -> optuna.Study:
        """Open the study."""
        held, outside = self.space.start(self.recipe)
        return open_study(
            self.name,
            self.storage,
            space=self.space,
            options=self.options,
            epochs=self.epochs,
            terms=self.terms,
            start=None if outside else held,
            stream=stream,
        )

    def left_s(self) -> float | None:
        """Return the seconds until the deadline; None if there is none."""
        return None if self.deadline is None else max(0.0, self.deadline - time.time())

    def spent(self, study: optuna.Study) -> bool:
        """Say whether the budget is used up."""
        if self.left_s() == 0:
            return True
        trials = study.get_trials(deepcopy=False)
        return self.trials is not None and sum(map(counted, trials)) >= self.trials


def work(job: Job, *, stream: int = 0, on_epoch: Callable[[], None] = lambda: None) -> None:
    """Take one trial after the other until the budget is used up.

    Args:
        job: The study.
        stream: Number of this worker's stream of chance.
        on_epoch: Called after every epoch and every trial.
    """
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    torch.set_num_threads(job.options.threads)
    study = job.open(stream=stream)
    objective = Objective(
        recipe=job.recipe, space=job.space, data=job.data, epochs=job.epochs, on_epoch=on_epoch
    )
    try:
        while not job.spent(study):
            study.optimize(objective, n_trials=1, catch=(TrialFailure,))
            on_epoch()
    except BaseException:
        _give_up_own(study)
        raise


def _give_up_own(study: optuna.Study) -> None:
    """Line the point of an interrupted trial up again; Optuna may have failed it already."""
    mine = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.user_attrs.get(WORKER) == worker_name() and trial.state.name in ("RUNNING", "FAIL")
    ]
    if mine and not (mine[-1].state == TrialState.FAIL and counted(mine[-1])):
        give_up(study, mine[-1])


def work_together(job: Job, *, on_look: Callable[[], None], on_line: Callable[[str], None]) -> None:
    """Let several processes work until the budget is used up; who is killed is replaced.

    Args:
        job: The study.
        on_look: Called every second.
        on_line: Called with a line for a person when a worker is lost.

    Raises:
        MienError: A worker ended with an error, or workers are lost one after the other.
    """
    context = multiprocessing.get_context("spawn")
    streams = iter(range(1, 1_000_000))

    def begin() -> BaseProcess:
        process = context.Process(target=_work_apart, args=(job, next(streams)), daemon=True)
        process.start()
        return process

    study = job.open()
    workers = [begin() for _ in range(job.options.workers)]
    lost = 0
    try:
        while workers:
            time.sleep(_LOOK_S)
            on_look()
            for worker in [worker for worker in workers if worker.exitcode is not None]:
                workers.remove(worker)
                if worker.exitcode == 0:
                    continue
                numbers = release_dead(study)
                lost += 1
                on_line(_loss(worker, numbers))
                if lost > 3 * job.options.workers:
                    raise MienError("workers are lost one after the other; see the lines above")
                if not job.spent(study):
                    workers.append(begin())
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
        release_dead(study)


def _loss(worker: BaseProcess, numbers: list[int]) -> str:
    code = worker.exitcode or 0
    how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
    if not numbers:
        return f"worker {worker.pid} {how}; no trial was lost"
    which = ", ".join(map(str, numbers))
    return f"worker {worker.pid} {how} in trial {which}; its point is tried again"


def _work_apart(job: Job, stream: int) -> Any:
    try:
        work(job, stream=stream)
    except MienError as error:
        raise SystemExit(f"mien: {error}") from error
    except KeyboardInterrupt as error:
        raise SystemExit(130) from error
