"""Storages of studies: an SQLite file, a journal file, or the address of a database."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from mien.errors import InputError, OutputError

__all__ = ["open_storage", "reading_storage", "redacted_storage", "storage_errors"]

_JOURNAL_SUFFIXES = (".journal", ".log")
_DAMAGES = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)
"""What Optuna raises over entries of a storage that are not its own."""

_ESCAPES = str.maketrans({character: f"%{ord(character):02X}" for character in "%?{}"})

_HEARTBEAT_S = 30
_STALE_AFTER_S = 120
"""Time without a heartbeat after which a trial in a database counts as lost."""

_MAX_ATTEMPTS = 5
"""How often to open a database while another process creates its tables."""

_LOCK_TIMEOUT_S = 60
"""How long to wait for an SQLite file that another process writes."""


def redacted_storage(storage: str) -> str:
    """Return a storage's address without its password, for messages."""
    try:
        return make_url(storage).render_as_string(hide_password=True)
    except ArgumentError:
        return storage


@contextlib.contextmanager
def storage_errors(storage: str) -> Iterator[None]:
    """Turn the errors of a storage that fails during a study into errors of mien.

    Raises:
        OutputError: The storage cannot be read or written any more, for example on a full disk.
    """
    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        raise OutputError(
            f"{redacted_storage(storage)}: the storage failed: {_reason(cause or error)}. Run the "
            "same command again to go on with the study"
        ) from error


def open_storage(
    storage: str, *, on_stale_trial: Callable[[optuna.Study, FrozenTrial], None] | None = None
) -> BaseStorage:
    """Open a storage; its file or tables are created if necessary.

    Args:
        storage: A path, or an address such as `postgresql+psycopg2://host/name`. A path is an
            SQLite file, or a journal if it ends with `.journal` or `.log`; journals also work in
            folders that several machines share.
        on_stale_trial: Called with a trial in a database whose worker has sent no heartbeat for two
            minutes; journals have no heartbeat. None for readers, which send no heartbeat.

    Raises:
        InputError: It cannot be reached, or its driver is not installed.
    """
    shown = redacted_storage(storage)
    try:
        if "://" in storage:
            return _database(storage, on_stale_trial)
        path = Path(storage).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in _JOURNAL_SUFFIXES:
            return JournalStorage(_Journal(path))
        return _database(_sqlite_url(path), on_stale_trial)
    except ImportError as error:
        raise InputError(
            f"{shown}: the storage's driver is not installed: {error}. Install it, or give a path "
            "for an SQLite file"
        ) from error
    except (SQLAlchemyError, StorageInternalError, OSError, RuntimeError, *_DAMAGES) as error:
        raise InputError(
            f"{shown}: the storage cannot be reached: {_reason(error)}. Check the address, or give "
            "a path for an SQLite file"
        ) from error


@contextlib.contextmanager
def reading_storage(storage: str) -> Iterator[None]:
    """Turn what is raised over a damaged storage into one error that names it.

    Raises:
        InputError: The storage is damaged.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError, *_DAMAGES) as error:
        raise InputError(
            f"{redacted_storage(storage)}: the storage is damaged: {_reason(error)}. Give another"
        ) from error


def _reason(error: BaseException) -> str:
    text = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    return text.splitlines()[0]


class _Journal(JournalFileBackend):
    """A journal whose file fails as a database does."""

    def __init__(self, path: Path) -> None:
        # The other lock is a symbolic link, for which Windows asks for a privilege.
        lock = JournalFileOpenLock(str(path)) if os.name == "nt" else None
        super().__init__(str(path), lock)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add lines.

        Raises:
            StorageInternalError: The file cannot be written.
        """
        with _as_storage_error():
            super().append_logs(logs)

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """Yield the lines from a number on.

        Raises:
            StorageInternalError: The file cannot be read.
        """
        with _as_storage_error():
            yield from super().read_logs(log_number_from)


@contextlib.contextmanager
def _as_storage_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageInternalError(str(error)) from error


def _sqlite_url(path: Path) -> str:
    """Return the address of an SQLite file.

    SQLAlchemy takes a `?` and a `%`, and Optuna braces, for a part of the address.
    """
    return f"sqlite:///{str(path).translate(_ESCAPES)}"


def _database(
    url: str, on_stale_trial: Callable[[optuna.Study, FrozenTrial], None] | None
) -> RDBStorage:
    timeout = {"connect_args": {"timeout": _LOCK_TIMEOUT_S}} if url.startswith("sqlite") else {}
    with warnings.catch_warnings():
        # Optuna's heartbeat is years old and still marked as experimental.
        warnings.simplefilter("ignore", ExperimentalWarning)
        attempt = 0
        while True:
            attempt += 1
            try:
                return RDBStorage(
                    url,
                    engine_kwargs={"pool_pre_ping": True, **timeout},
                    heartbeat_interval=_HEARTBEAT_S if on_stale_trial else None,
                    grace_period=_STALE_AFTER_S,
                    heartbeat_stale_trial_callback=on_stale_trial,
                )
            except SQLAlchemyError as error:
                # Another process may create the tables of this new storage at the same moment.
                creating = isinstance(error, IntegrityError) or "already exists" in str(error)
                if not creating or attempt == _MAX_ATTEMPTS:
                    raise
                time.sleep(1)
