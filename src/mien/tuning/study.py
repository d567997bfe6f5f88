"""A study in its storage, held to what it was begun with."""

from __future__ import annotations

import json
import os
import socket
import zlib
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from mien.errors import RecipeError
from mien.tuning.options import TuneOptions
from mien.tuning.sampler import make_pruner, make_sampler
from mien.tuning.space import Space
from mien.tuning.storage import open_storage

__all__ = [
    "AGAIN",
    "FAULT",
    "SECONDS",
    "START",
    "WORKER",
    "counted",
    "give_up",
    "open_study",
    "release_dead",
    "worker_name",
]

FAULT = "fault"
"""Attribute of a failed trial: why its own point failed. A trial that was lost has none."""

WORKER = "worker"
"""Attribute of a trial: machine and process that it runs on."""

AGAIN = "again"
"""Attribute of a trial: the lost trial whose point it has."""

START = "start"
"""Attribute of the trial that has the recipe's own point."""

SECONDS = "seconds"
"""Attribute of a trial: how long it took."""

_TERMS = "terms"

_BEGUN_BY = "begun by"
"""Attribute of a study: the process that began it."""


def worker_name() -> str:
    """Return machine and process."""
    return f"{socket.gethostname()}/{os.getpid()}"


def open_study(
    name: str,
    storage: str,
    *,
    space: Space,
    options: TuneOptions,
    epochs: int,
    terms: dict[str, str],
    start: dict[str, Any] | None = None,
    stream: int = 0,
) -> optuna.Study:
    """Open a study, or begin it.

    Args:
        name: The study's name in the storage.
        storage: As for `open_storage`.
        space: What varies.
        options: Strategy, pruning and seed.
        epochs: Epochs of a trial.
        terms: What else makes trials comparable (recipe, data), by name.
        start: The first trial's point; None for the sampler's.
        stream: Number of this worker's stream of chance.

    Raises:
        InputError: The storage cannot be reached.
        RecipeError: A study of this name was begun on other terms.
    """
    held = terms | {"space": json.dumps(space.document())}
    kept: BaseStorage = open_storage(storage, on_silence=give_up)
    study = optuna.create_study(
        study_name=name, storage=kept, direction="maximize", load_if_exists=True
    )
    attributes = study.user_attrs
    if _TERMS not in attributes:
        if start is not None and not study.get_trials(deepcopy=False):
            study.enqueue_trial(start, user_attrs={START: True}, skip_if_exists=True)
        study.set_user_attr(_BEGUN_BY, worker_name())
        study.set_user_attr(_TERMS, held)
    else:
        _demand_same(name, dict(attributes[_TERMS]), held)
    # Numbers of chance that a worker of this study has drawn before must not come again, nor those
    # of a machine that joined at the same moment.
    drawn = stream + 101 * len(study.get_trials(deepcopy=False))
    if study.user_attrs.get(_BEGUN_BY) != worker_name():
        drawn += zlib.crc32(worker_name().encode())
    study.sampler = make_sampler(options, space, stream=drawn)
    study.pruner = make_pruner(options, epochs=epochs)
    return study


def _demand_same(name: str, begun: dict[str, str], now: dict[str, str]) -> None:
    other = [term for term in now if begun.get(term) != now[term]]
    if not other:
        return
    detail = ""
    if "space" in other:
        before, after = (
            {row["key"]: row for row in json.loads(terms["space"])["parameters"]}
            for terms in (begun, now)
        )
        keys = [k for k in {**before, **after} if before.get(k) != after.get(k)]
        detail = f" (it differs in {', '.join(keys) or 'its objective'})"
    raise RecipeError(
        f"study '{name}': the storage has a study of this name with another "
        f"{' and another '.join(other)}{detail}. Give it the same, or choose another --study or "
        "--storage"
    )


def counted(trial: FrozenTrial) -> bool:
    """Say whether a trial counts against the budget: begun, and not lost with its worker."""
    if trial.state == TrialState.FAIL:
        return FAULT in trial.user_attrs
    return trial.state != TrialState.WAITING


def give_up(study: optuna.Study, trial: FrozenTrial) -> None:
    """Count a trial as lost with its worker, and line its point up again."""
    if trial.state == TrialState.RUNNING:
        try:
            study.tell(trial.number, state=TrialState.FAIL)
        except ValueError:
            return  # somebody else was quicker, and has lined it up
    others = study.get_trials(deepcopy=False)
    if trial.params and not any(t.user_attrs.get(AGAIN) == trial.number for t in others):
        study.enqueue_trial(trial.params, user_attrs={AGAIN: trial.number})


def release_dead(study: optuna.Study) -> list[int]:
    """Give up the trials that run in a process of this machine that is no more.

    To be called by a process that runs none itself: one with its number is another's leftover.

    Returns:
        Their numbers.
    """
    dead = []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        host, _, process = str(trial.user_attrs.get(WORKER, "")).rpartition("/")
        if host != socket.gethostname() or not process.isdecimal():
            continue
        if int(process) == os.getpid() or not _alive(int(process)):
            give_up(study, trial)
            dead.append(trial.number)
    return dead


def _alive(process: int) -> bool:
    if os.name == "nt":
        return True  # no harmless way to ask there; databases have the heartbeat
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
