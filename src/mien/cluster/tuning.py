"""A study whose trials run on a Ray cluster: Ray Tune with Optuna's samplers."""

from __future__ import annotations

import logging
import math
import os
import tempfile
from collections.abc import Callable
from typing import Any

from mien.cluster.connection import cluster, require_ray
from mien.options import TuneOptions
from mien.tuning.objective import EpochScore, Objective, TrialFailure
from mien.tuning.run import TrialRunner
from mien.tuning.sampler import make_sampler
from mien.tuning.space import Space
from mien.tuning.storage import open_storage
from mien.tuning.study import (
    FAULT_ATTRIBUTE,
    SECONDS_ATTRIBUTE,
    WORKER_ATTRIBUTE,
    counts_against_budget,
    end_trial,
    worker_name,
)
from mien.tuning.worker import StudyJob

__all__ = ["ray_runner"]

_KEPT = "kept"
"""Entry of a trial's reports: the objective of the weights that it would end with."""

_STOPPED_ITSELF = "stopped itself"
"""Entry of the last report of a trial that the recipe's patience ended."""


def ray_runner(address: str) -> TrialRunner:
    """Return a function that runs a study's trials on a Ray cluster.

    Every machine of the cluster needs mien with the extras `train` and `cluster`. Only this process
    uses the storage; the trials need no access to it.

    Args:
        address: The cluster's address, as for `ray.init`, or `local`.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    require_ray("ray.tune.search.optuna")

    def run(job: StudyJob, on_progress: Callable[[], None]) -> None:
        # Ray Tune warns of every slow step, and of result files that it should not write.
        logging.getLogger("ray.tune").setLevel(logging.ERROR)
        # Otherwise Ctrl-C would end only the trials, and the gain would be measured next.
        os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
        with cluster(address, cpus=job.options.workers * job.options.threads):
            _run(job, on_progress)

    return run


def _run(job: StudyJob, on_progress: Callable[[], None]) -> None:
    study = job.open()
    spent_before = -1
    while True:
        started = study.get_trials(deepcopy=False)
        spent = sum(map(counts_against_budget, started))
        # Ray counts lost trials too, so the points that they queued are left for another round. A
        # round in which every trial is lost is the last one.
        if job.is_spent(study) or spent == spent_before:
            return
        remaining = None if job.trials is None else job.trials - spent
        _run_round(job, on_progress, remaining=remaining, stream=101 * len(started))
        spent_before = spent


def _run_round(
    job: StudyJob, on_progress: Callable[[], None], *, remaining: int | None, stream: int
) -> None:
    """Run so many trials, or as many as there is time for."""
    from ray import tune

    objective = Objective(recipe=job.recipe, space=job.space, data=job.data, epochs=job.epochs)
    trainable = tune.with_resources(
        tune.with_parameters(_train_point, objective=objective),
        {"cpu": job.options.threads},
    )
    with tempfile.TemporaryDirectory(prefix="mien-ray-") as folder:
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                metric="score",
                mode="max",
                search_alg=_searcher(job, stream=stream),
                scheduler=_scheduler(job.options, job.epochs),
                num_samples=-1 if remaining is None else remaining,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name=job.options.study,
                storage_path=folder,
                verbose=0,
                callbacks=[_progress_callback(on_progress)],
            ),
        )
        tuner.fit()


def _train_point(config: dict[str, Any], *, objective: Objective) -> None:
    """Train one point in a process of the cluster, and report every epoch."""
    from ray import tune

    last: EpochScore | None = None

    def report(found: EpochScore) -> None:
        nonlocal last
        last = found
        tune.report({"score": found.score, _KEPT: found.kept})

    try:
        objective.train(objective.space.values(config), on_epoch=report)
        if last is not None and last.epoch < objective.epochs:
            tune.report({"score": last.score, _KEPT: last.kept, _STOPPED_ITSELF: True})
    except TrialFailure as failure:
        tune.report({"score": math.nan, FAULT_ATTRIBUTE: str(failure)})


class _PointFunction:
    """Lets a trial choose its point; a class because Ray pickles it with the search."""

    def __init__(self, space: Space) -> None:
        self.space = space

    def __call__(self, trial: Any) -> None:
        """Choose a point; Ray records what the trial is asked."""
        self.space.suggest(trial)


def _searcher(job: StudyJob, *, stream: int) -> Any:
    from ray.tune.search.optuna import OptunaSearch

    class Searcher(OptunaSearch):  # type: ignore[misc]
        """Ray's search with Optuna, which also distinguishes pruned and failed trials."""

        def suggest(self, trial_id: str) -> Any:
            """Ask for a point, until the time is up."""
            if job.remaining_s() == 0:
                return self.FINISHED
            point = super().suggest(trial_id)
            self._ot_trials[trial_id].set_user_attr(WORKER_ATTRIBUTE, worker_name())
            return point

        def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
            """Record one epoch."""
            if FAULT_ATTRIBUTE not in result and _STOPPED_ITSELF not in result:
                super().on_trial_result(trial_id, result)

        def on_trial_complete(
            self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
        ) -> None:
            """Record how the trial ended; the point of a lost one is queued again."""
            trial = self._ot_trials[trial_id]
            result = result or {}
            if "time_total_s" in result:
                trial.set_user_attr(SECONDS_ATTRIBUTE, round(result["time_total_s"], 2))
            if FAULT_ATTRIBUTE in result:
                trial.set_user_attr(FAULT_ATTRIBUTE, result[FAULT_ATTRIBUTE])
                end_trial(self._ot_study, trial, "failed")
            elif error or "score" not in result:
                end_trial(self._ot_study, trial, "lost")
            elif result["training_iteration"] < job.epochs and _STOPPED_ITSELF not in result:
                end_trial(self._ot_study, trial, "pruned")
            else:
                self._ot_study.tell(trial, result[_KEPT])
            self._completed_trials.add(trial_id)

    return Searcher(
        space=_PointFunction(job.space),
        metric="score",
        mode="max",
        sampler=make_sampler(job.options, job.space, stream=stream),
        study_name=job.options.study,
        storage=open_storage(job.storage),
    )


def _scheduler(options: TuneOptions, epochs: int) -> Any:
    """Return Ray's counterpart of the pruner; for `hyperband` asynchronous successive halving."""
    from ray.tune.schedulers import ASHAScheduler, MedianStoppingRule

    if options.pruner == "hyperband":
        return ASHAScheduler(max_t=epochs, grace_period=1, reduction_factor=3)
    if options.pruner == "median":
        grace = max(1, epochs // 4)
        return MedianStoppingRule(
            time_attr="training_iteration", grace_period=grace, min_samples_required=4
        )
    return None


def _progress_callback(on_progress: Callable[[], None]) -> Any:
    from ray import tune

    class ProgressCallback(tune.Callback):  # type: ignore[misc]
        """Calls a function when a trial reports or ends."""

        def on_trial_result(self, *args: Any, **kwargs: Any) -> None:
            """Report an epoch's end."""
            on_progress()

        def on_trial_complete(self, *args: Any, **kwargs: Any) -> None:
            """Report a trial's end."""
            on_progress()

        def __reduce__(self) -> Any:
            """Leave out the function, which may hold a lock: Ray saves its callbacks."""
            return tune.Callback, ()

    return ProgressCallback()
