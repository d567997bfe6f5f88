"""A study in its storage, and the check that its settings stay the same."""

from __future__ import annotations

import json
import os
import socket
import zlib
from collections.abc import Mapping
from typing import Any, Literal

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from mien._reading import parse_json
from mien.errors import RecipeError
from mien.options import TuneOptions
from mien.tuning.sampler import make_pruner, make_sampler
from mien.tuning.space import Space
from mien.tuning.storage import open_storage, reading_storage

__all__ = [
    "FAULT_ATTRIBUTE",
    "RETRY_ATTRIBUTE",
    "SECONDS_ATTRIBUTE",
    "START_ATTRIBUTE",
    "WORKER_ATTRIBUTE",
    "counts_against_budget",
    "end_trial",
    "open_study",
    "requeue_dead_trials",
    "requeue_lost_trial",
    "worker_name",
]

FAULT_ATTRIBUTE = "fault"
"""Attribute of a failed trial: the reason. A trial that was lost has none."""

WORKER_ATTRIBUTE = "worker"
"""Attribute of a trial: the machine and process that it runs on."""

RETRY_ATTRIBUTE = "retry of"
"""Attribute of a trial: the number of the lost trial that it repeats."""

START_ATTRIBUTE = "start"
"""Attribute of the trial with the start recipe's own point."""

SECONDS_ATTRIBUTE = "seconds"
"""Attribute of a trial: its duration."""

_SETTINGS_ATTRIBUTE = "settings"
"""Attribute of a study: its settings."""

_CREATOR_ATTRIBUTE = "created by"
"""Attribute of a study: the process that created it."""


def worker_name() -> str:
    """Return the name of this machine and process."""
    return f"{socket.gethostname()}/{os.getpid()}"


def open_study(
    storage: str,
    *,
    space: Space,
    options: TuneOptions,
    epochs: int,
    settings: dict[str, str],
    start: dict[str, Any] | None = None,
    stream: int = 0,
) -> optuna.Study:
    """Open a study, or create it.

    Args:
        storage: As for `open_storage`.
        space: The search space.
        options: Name of the study, sampler, pruner and seed.
        epochs: Epochs of a trial.
        settings: What else makes trials comparable (recipe, data), by name.
        start: The point of the first trial; None leaves it to the sampler.
        stream: Number of this worker's random stream.

    Raises:
        InputError: The storage cannot be reached, or is damaged.
        RecipeError: The study was started with other settings.
    """
    settings = settings | {"space": json.dumps(space.document())}
    opened: BaseStorage = open_storage(storage, on_stale_trial=requeue_lost_trial)
    with reading_storage(storage):
        study = optuna.create_study(
            study_name=options.study, storage=opened, direction="maximize", load_if_exists=True
        )
        attributes, trials = study.user_attrs, study.get_trials(deepcopy=False)
        before = attributes.get(_SETTINGS_ATTRIBUTE)
        if before is None:
            if start is not None and not trials:
                study.enqueue_trial(start, user_attrs={START_ATTRIBUTE: True}, skip_if_exists=True)
            study.set_user_attr(_CREATOR_ATTRIBUTE, worker_name())
            study.set_user_attr(_SETTINGS_ATTRIBUTE, settings)
        else:
            _check_settings(options.study, dict(before), settings)
        # Workers must not repeat the random numbers of this study's earlier workers, nor those of a
        # machine that joined at the same moment.
        stream += 101 * len(study.get_trials(deepcopy=False))
        if study.user_attrs.get(_CREATOR_ATTRIBUTE) != worker_name():
            stream += zlib.crc32(worker_name().encode())
    study.sampler = make_sampler(options, space, stream=stream)
    study.pruner = make_pruner(options, epochs=epochs)
    return study


def _parameters(settings: Mapping[str, str]) -> dict[str, Any]:
    """Return the rows of a space in a study's settings by their key."""
    return {row["key"]: row for row in parse_json(settings["space"])["parameters"]}


def _check_settings(name: str, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    differences = [setting for setting in now if before.get(setting) != now[setting]]
    if not differences:
        return
    detail = ""
    if "space" in differences:
        old, new = _parameters(before), _parameters(now)
        keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        detail = f" (it differs in {', '.join(keys) or 'its objective'})"
    raise RecipeError(
        f"study '{name}': the storage has a study of this name with another "
        f"{' and another '.join(differences)}{detail}. Give it the same, or choose another study "
        "or storage"
    )


def counts_against_budget(trial: FrozenTrial) -> bool:
    """Say whether a trial counts against the budget: started, and not lost with its worker."""
    if trial.state == TrialState.FAIL:
        return FAULT_ATTRIBUTE in trial.user_attrs
    return trial.state != TrialState.WAITING


def end_trial(
    study: optuna.Study, trial: optuna.Trial, state: Literal["pruned", "failed", "lost"]
) -> None:
    """Record that a trial ended without a value; the point of a lost one is queued again."""
    study.tell(trial, state=TrialState.PRUNED if state == "pruned" else TrialState.FAIL)
    if state == "lost":
        study.enqueue_trial(trial.params)


def requeue_lost_trial(study: optuna.Study, trial: FrozenTrial) -> None:
    """Mark a trial as lost with its worker, and queue its point again."""
    if trial.state == TrialState.RUNNING:
        try:
            study.tell(trial.number, state=TrialState.FAIL)
        except ValueError:
            return  # another process has marked it and queued its point
    others = study.get_trials(deepcopy=False)
    if trial.params and not any(t.user_attrs.get(RETRY_ATTRIBUTE) == trial.number for t in others):
        study.enqueue_trial(trial.params, user_attrs={RETRY_ATTRIBUTE: trial.number})


def requeue_dead_trials(study: optuna.Study) -> list[int]:
    """Requeue the running trials whose process on this machine no longer exists.

    The caller must not run a trial itself: one with its own process number is left from an earlier
    process of the same number.

    Returns:
        The numbers of these trials.
    """
    dead = []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        host, _, process = str(trial.user_attrs.get(WORKER_ATTRIBUTE, "")).rpartition("/")
        if host != socket.gethostname() or not process.isdecimal():
            continue
        if int(process) == os.getpid() or not _is_alive(int(process)):
            requeue_lost_trial(study, trial)
            dead.append(trial.number)
    return dead


def _is_alive(process: int) -> bool:
    if os.name == "nt":
        return True  # Windows has no harmless way to ask; databases have the heartbeat
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
