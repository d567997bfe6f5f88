"""A study whose trials run on a Ray cluster: Ray Tune with Optuna's samplers."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mien.errors import InputError, MissingExtraError
from mien.options import TuneOptions
from mien.tuning.objective import Objective, TrialFailure, epoch_score
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

__all__ = ["LOCAL", "ray_runner"]

LOCAL = "local"
"""The address of a cluster that is started on this machine, and stopped afterwards."""

_CONNECT_TIMEOUT_S = 10

_LOCAL_SETTINGS = {
    # Without this Ray listens on the machine's network address and not only on the loopback one.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
}

_APART = {
    "RAY_USAGE_STATS_ENABLED": "0",
    **dict.fromkeys(("http_proxy", "HTTP_PROXY"), "http://127.0.0.1:9"),
    **dict.fromkeys(("no_proxy", "NO_PROXY"), ""),
}


def ray_runner(address: str) -> TrialRunner:
    """Return a function that runs a study's trials on a Ray cluster.

    Every machine of the cluster needs mien with the extras `train` and `cluster`. Only this process
    uses the storage; the trials need no access to it.

    Args:
        address: The cluster's address, as for `ray.init`, or `local`.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    for name, value in _LOCAL_SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray.tune.search.optuna  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("a Ray cluster", "cluster") from error

    def run(job: StudyJob, on_progress: Callable[[], None]) -> None:
        # Ray Tune warns of every slow step, and of result files that it should not write.
        logging.getLogger("ray.tune").setLevel(logging.ERROR)
        # Otherwise Ctrl-C would end only the trials, and the gain would be measured next.
        os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
        with _cluster(address, cpus=job.options.workers * job.options.threads):
            _run(job, on_progress)

    return run


@contextlib.contextmanager
def _cluster(address: str, *, cpus: int) -> Iterator[None]:
    """Join a cluster, or begin one on this machine of which nothing is left afterwards."""
    import ray

    with contextlib.ExitStack() as stack:
        try:
            if address == LOCAL:
                _begin_here(cpus, stack.enter_context(_folder()))
            else:
                _check_connection(address)
                ray.init(address=address, log_to_driver=False)
        except Exception as error:  # a head that starts slowly raises nothing more specific
            raise InputError(
                f"{address}: no Ray cluster can be reached there: {error}. Give the address of its "
                f"head, or '{LOCAL}'"
            ) from error
        stack.callback(ray.shutdown)
        yield


def _folder() -> tempfile.TemporaryDirectory[str]:
    """Make a folder for a cluster's logs and sockets, whose paths macOS wants to be short."""
    place = "/tmp" if sys.platform == "darwin" else None  # noqa: S108
    return tempfile.TemporaryDirectory(prefix="ray-", dir=place, ignore_cleanup_errors=True)


def _begin_here(cpus: int, folder: str) -> None:
    """Begin a cluster on this machine that keeps its files in `folder` and asks nobody.

    With its usage reports off, Ray still asks by HTTP in which company's cloud it runs. It gets a
    proxy for that at which nobody listens; what Ray says to itself does not take proxies.
    """
    import ray

    with _environment(_APART):
        ray.init(num_cpus=cpus, include_dashboard=False, log_to_driver=False, _temp_dir=folder)


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment, and leave it as it was."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _check_connection(address: str) -> None:
    """Connect to an address `host:port`, which Ray itself would try for minutes.

    Raises:
        OSError: There is no connection.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_S).close()


def _run(job: StudyJob, on_progress: Callable[[], None]) -> None:
    from ray import tune

    study = job.open()
    started = study.get_trials(deepcopy=False)
    spent = sum(map(counts_against_budget, started))
    remaining = None if job.trials is None else job.trials - spent
    if remaining is not None and remaining <= 0:
        return
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
                search_alg=_searcher(job, stream=101 * len(started)),
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

    def report(metrics: Mapping[str, float]) -> None:
        tune.report({"score": epoch_score(metrics, objective.space.objective)})

    try:
        objective.train(objective.space.values(config), on_epoch=report)
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
            if FAULT_ATTRIBUTE not in result:
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
            elif result["training_iteration"] < job.epochs:
                end_trial(self._ot_study, trial, "pruned")
            else:
                self._ot_study.tell(trial, result["score"])
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
