"""Where studies are kept: an SQLite file, a journal file, or any address that Optuna knows."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from mien.errors import InputError

__all__ = ["open_storage", "shown_storage"]

JOURNAL_ENDINGS = (".journal", ".log")
_HEARTBEAT_S = 30
_SILENCE_S = 120
"""A trial on a database whose worker has been silent for so long counts as lost."""

_BEGINNINGS = 5
"""How often to try to open a storage whose tables others are making."""

_BUSY_S = 60
"""How long to wait for an SQLite file that another worker writes."""


def shown_storage(storage: str) -> str:
    """Return a storage as a message may show it: without a password."""
    try:
        return make_url(storage).render_as_string(hide_password=True)
    except ArgumentError:
        return storage


def open_storage(
    storage: str, *, on_silence: Callable[[optuna.Study, FrozenTrial], None] | None = None
) -> BaseStorage:
    """Open a storage, and make its file or tables if need be.

    Args:
        storage: A path, or an address such as `postgresql+psycopg2://host/name`. A path is an
            SQLite file, or a journal if it ends with `.journal` or `.log`; journals also work in
            folders that several machines share.
        on_silence: Called with a trial of a database whose worker has been silent for two minutes;
            journals have no heartbeat. None for those who only look, and have none to give.

    Raises:
        InputError: It cannot be reached, or its driver is not installed.
    """
    shown = shown_storage(storage)
    try:
        if "://" in storage:
            return _database(storage, on_silence)
        path = Path(storage).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in JOURNAL_ENDINGS:
            return JournalStorage(JournalFileBackend(str(path)))
        return _database(f"sqlite:///{path}", on_silence)
    except ImportError as error:
        raise InputError(
            f"{shown}: the storage's driver is not installed: {error}. Install it, or give a path "
            "for an SQLite file"
        ) from error
    except (SQLAlchemyError, OSError, ValueError, RuntimeError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise InputError(
            f"{shown}: the storage cannot be reached: {reason}. Check the address, or give a path "
            "for an SQLite file"
        ) from error


def _database(
    url: str, on_silence: Callable[[optuna.Study, FrozenTrial], None] | None
) -> RDBStorage:
    busy = {"connect_args": {"timeout": _BUSY_S}} if url.startswith("sqlite") else {}
    with warnings.catch_warnings():
        # Optuna has had its heartbeat for years and still calls it experimental.
        warnings.simplefilter("ignore", ExperimentalWarning)
        attempt = 0
        while True:
            attempt += 1
            try:
                return RDBStorage(
                    url,
                    engine_kwargs={"pool_pre_ping": True, **busy},
                    heartbeat_interval=_HEARTBEAT_S if on_silence else None,
                    grace_period=_SILENCE_S,
                    heartbeat_stale_trial_callback=on_silence,
                )
            except SQLAlchemyError as error:
                # Somebody else makes the tables of this new storage at the same moment.
                begun = isinstance(error, IntegrityError) or "already exists" in str(error)
                if not begun or attempt == _BEGINNINGS:
                    raise
                time.sleep(1)
