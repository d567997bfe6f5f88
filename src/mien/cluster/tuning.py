"""A study whose trials run on a Ray cluster: Ray Tune, with Optuna choosing the points."""

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

from optuna.trial import TrialState

from mien.errors import InputError, MissingExtraError
from mien.tuning.objective import Objective, TrialFailure, epoch_score
from mien.tuning.options import TuneOptions
from mien.tuning.run import Search
from mien.tuning.sampler import make_sampler
from mien.tuning.space import Space
from mien.tuning.storage import open_storage
from mien.tuning.study import FAULT, SECONDS, WORKER, counted, worker_name
from mien.tuning.worker import Job

__all__ = ["LOCAL", "ray_search"]

LOCAL = "local"
"""The address that begins a cluster on this machine, and ends it afterwards."""

_ANSWER_S = 10

_LOCAL_SETTINGS = {
    # Without this Ray listens on the machine's own address, not only on the loop.
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


def ray_search(address: str) -> Search:
    """Return what runs a study's trials on a Ray cluster.

    Every machine of the cluster needs mien with the extras `train` and `cluster`. The storage is
    asked and told by this process alone; the trials themselves need not reach it.

    Args:
        address: The cluster's, as for `ray.init`, or `local`.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    for name, value in _LOCAL_SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray.tune.search.optuna  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("a Ray cluster", "cluster") from error

    def search(job: Job, look: Callable[[], None]) -> None:
        # Ray Tune speaks of every slow step, and of result files that it was told not to write.
        logging.getLogger("ray.tune").setLevel(logging.ERROR)
        # Else Ctrl-C would end the trials alone, and the gain would be measured next.
        os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
        with _cluster(address, cpus=job.options.workers * job.options.threads):
            _run(job, look)

    return search


@contextlib.contextmanager
def _cluster(address: str, *, cpus: int) -> Iterator[None]:
    """Join a cluster, or begin one on this machine of which nothing is left afterwards."""
    import ray

    with contextlib.ExitStack() as stack:
        try:
            if address == LOCAL:
                _begin_here(cpus, stack.enter_context(_folder()))
            else:
                _demand_answer(address)
                ray.init(address=address, log_to_driver=False)
        except Exception as error:  # a head that is slow to begin raises nothing narrower
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


def _demand_answer(address: str) -> None:
    """Knock at an address `host:port`; Ray itself would wait for minutes.

    Raises:
        OSError: Nobody answers there.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()


def _run(job: Job, look: Callable[[], None]) -> None:
    from ray import tune

    study = job.open()
    begun = study.get_trials(deepcopy=False)
    left = None if job.trials is None else job.trials - sum(map(counted, begun))
    if left is not None and left <= 0:
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
                search_alg=_searcher(job, stream=101 * len(begun)),
                scheduler=_scheduler(job.options, job.epochs),
                num_samples=-1 if left is None else left,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name=job.name, storage_path=folder, verbose=0, callbacks=[_looker(look)]
            ),
        )
        tuner.fit()


def _train_point(config: dict[str, Any], *, objective: Objective) -> None:
    """Train one point in a process of the cluster and report every epoch."""
    from ray import tune

    def report(metrics: Mapping[str, float]) -> None:
        tune.report({"score": epoch_score(metrics, objective.space.objective)})

    try:
        objective.train(objective.space.values(config), on_epoch=report)
    except TrialFailure as failure:
        tune.report({"score": math.nan, FAULT: str(failure)})


class _Point:
    """Lets a trial choose its point; a class, since Ray saves it with the search."""

    def __init__(self, space: Space) -> None:
        self.space = space

    def __call__(self, trial: Any) -> None:
        """Choose; Ray notes what the trial is asked."""
        self.space.suggest(trial)


def _searcher(job: Job, *, stream: int) -> Any:
    from ray.tune.search.optuna import OptunaSearch

    class Searcher(OptunaSearch):  # type: ignore[misc]
        """Ray's search with Optuna, which also tells pruned and failed trials apart."""

        def suggest(self, trial_id: str) -> Any:
            """Ask for a point, until the time is up."""
            if job.left_s() == 0:
                return self.FINISHED
            point = super().suggest(trial_id)
            self._ot_trials[trial_id].set_user_attr(WORKER, worker_name())
            return point

        def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
            """Note one epoch."""
            if FAULT not in result:
                super().on_trial_result(trial_id, result)

        def on_trial_complete(
            self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
        ) -> None:
            """Note how the trial ended; one that the cluster lost is lined up again."""
            trial = self._ot_trials[trial_id]
            result = result or {}
            if "time_total_s" in result:
                trial.set_user_attr(SECONDS, round(result["time_total_s"], 2))
            if FAULT in result:
                trial.set_user_attr(FAULT, result[FAULT])
                self._ot_study.tell(trial, state=TrialState.FAIL)
            elif error or "score" not in result:
                self._ot_study.tell(trial, state=TrialState.FAIL)
                self._ot_study.enqueue_trial(trial.params)
            elif result["training_iteration"] < job.epochs:
                self._ot_study.tell(trial, state=TrialState.PRUNED)
            else:
                self._ot_study.tell(trial, result["score"])
            self._completed_trials.add(trial_id)

    return Searcher(
        space=_Point(job.space),
        metric="score",
        mode="max",
        sampler=make_sampler(job.options, job.space, stream=stream),
        study_name=job.name,
        storage=open_storage(job.storage),
    )


def _scheduler(options: TuneOptions, epochs: int) -> Any:
    """Return Ray's counterpart of the pruner; the successive halving is the asynchronous one."""
    from ray.tune.schedulers import ASHAScheduler, MedianStoppingRule

    if options.pruner == "hyperband":
        return ASHAScheduler(max_t=epochs, grace_period=1, reduction_factor=3)
    if options.pruner == "median":
        grace = max(1, epochs // 4)
        return MedianStoppingRule(
            time_attr="training_iteration", grace_period=grace, min_samples_required=4
        )
    return None


def _looker(look: Callable[[], None]) -> Any:
    from ray import tune

    class Looker(tune.Callback):  # type: ignore[misc]
        """Looks at the study whenever a trial reports."""

        def on_trial_result(self, *args: Any, **kwargs: Any) -> None:
            """Look."""
            look()

        def on_trial_complete(self, *args: Any, **kwargs: Any) -> None:
            """Look."""
            look()

        def __reduce__(self) -> Any:
            """Leave out what looks: Ray saves callbacks with the search, and it may hold a lock."""
            return tune.Callback, ()

    return Looker()
