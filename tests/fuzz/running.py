"""Running one case: a damaged input gives a result that is finite, or one of mien's errors."""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import functools
import random
import shutil
import signal
import tempfile
import time
import traceback
import warnings
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from mien.errors import MienError
from tests.fuzz.targets import TARGETS

__all__ = ["CaseError", "repeat_command", "run_case", "run_cases"]

_LIMIT_S = 20
_STUCK_S = 120
"""After so long in one call that Python cannot end, the process ends with a traceback."""

_LONGEST_MESSAGE = 20_000


class CaseError(AssertionError):
    """A damaged input gave something else than a result or one of mien's errors."""


class _TooSlow(BaseException):
    """Not caught by what is tested."""


@functools.cache
def _whole(name: str) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return dict(TARGETS[name].whole(Path(folder)))


def run_case(name: str, seed: int, folder: Path) -> bool:
    """Damage an input of a target, and read it.

    Args:
        name: A key of `TARGETS`.
        seed: Decides which input is taken and how it is damaged.
        folder: A folder of its own, which is emptied; the input stays there.

    Returns:
        Whether it was read as if it were whole.

    Raises:
        CaseError: The result is not finite, another error is raised, or it takes too long.
    """
    target = TARGETS[name]
    rng = random.Random(zlib.crc32(name.encode()) << 64 | seed)  # noqa: S311
    file, data = rng.choice(sorted(_whole(name).items()))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = folder / file
    path.write_bytes(target.damage(data, rng))
    what = f"{name}, seed {seed}, {file}"
    try:
        with warnings.catch_warnings(), _time_limit():
            warnings.simplefilter("ignore")
            found = target.read(path)
    except MienError as error:
        message = str(error)
        if not message.strip() or len(message) > _LONGEST_MESSAGE:
            raise CaseError(f"{what}: the message has {len(message)} characters") from error
        return False
    except _TooSlow:
        raise CaseError(f"{what}: takes more than {_LIMIT_S} s") from None
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise CaseError(f"{what}: {type(error).__name__}: {error}"[:500]) from error
    if not _is_finite(found):
        raise CaseError(f"{what}: the result is not finite")
    return True


def repeat_command(name: str, seed: int) -> str:
    """Return the command that runs one case again."""
    return f'make fuzz SEED={seed} TARGET="{name}" CASES=1'


def run_cases(names: list[str], seed: int, cases: int, limit_s: float, folder: Path) -> None:
    """Run cases of several targets in turn, and print those that fail.

    Args:
        names: Keys of `TARGETS`.
        seed: Of the first case of each.
        cases: How many at most, all together.
        limit_s: When to end before, in seconds from here.
        folder: Gets `current`, which names the case that runs, the inputs that failed, and at the
            end `done`, the numbers of failures and of cases.
    """
    failures = number = 0
    end_s = time.monotonic() + limit_s
    while number < cases and time.monotonic() < end_s:
        name, case = names[number % len(names)], seed + number // len(names)
        (folder / "current").write_text(f"{case} {name}")
        faulthandler.dump_traceback_later(_STUCK_S, exit=True)
        try:
            run_case(name, case, folder / "case")
        except CaseError as failure:
            failures += 1
            kept = folder / f"failure {failures}"
            (folder / "case").rename(kept)
            print(f"{failure}\n  repeat: {repeat_command(name, case)}, input: {kept}", flush=True)
            if failure.__cause__ is not None:
                traceback.print_exception(failure.__cause__, limit=-4)
        number += 1
    (folder / "done").write_text(f"{failures} {number}")


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    def end(*_: object) -> None:
        raise _TooSlow

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, _LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _is_finite(value: object) -> bool:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return all(_is_finite(getattr(value, field.name)) for field in fields)
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    if isinstance(value, np.ndarray) and value.dtype.kind not in "USO":
        return bool(np.isfinite(value).all())
    return not isinstance(value, float) or bool(np.isfinite(value))
