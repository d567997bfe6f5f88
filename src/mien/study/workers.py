"""The units of a study, one after the other in this process, or in several processes.

Each process has networks of its own. What it has done stands in the folder, so that only numbers
come back, and the end of a process costs its unit.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from mien.errors import MediaError, OutputError
from mien.inference import Analyzer
from mien.media import Video
from mien.structures import FrameResult
from mien.study.record import Record
from mien.study.unit_analysis import UnitPlan, analyze_unit
from mien.study.units import Unit

__all__ = ["Progress", "analyze_units"]

_POLL_S = 0.2
_REPORT_S = 0.5
_WAITING_PER_WORKER = 2

Progress = Callable[[float], None]
"""Takes how many units are done, with the shares of those that are being analysed."""


def analyze_units(
    analyzer: Analyzer,
    units: Sequence[Unit],
    plan: UnitPlan,
    *,
    workers: int = 1,
    on_progress: Progress = lambda done: None,
) -> Iterator[Record]:
    """Analyse units; yield the record of each when it is written, in the order of their ends.

    Args:
        analyzer: Networks and settings; several workers load copies of it.
        units: What is to be done.
        plan: How it is analysed.
        workers: Processes; one works in this process.
        on_progress: Called often; an exception of it ends the work, and the units that are being
            analysed are left out.

    Raises:
        OutputError: The disk is full, or a process was ended.
    """
    if workers == 1 or len(units) < 2:
        for number, unit in enumerate(units):
            share = _Share(unit, _after(number, on_progress))
            yield analyze_unit(analyzer, unit, plan, share)
            on_progress(number + 1)
        return
    yield from _in_processes(analyzer, units, plan, min(workers, len(units)), on_progress)


def _after(done: int, on_progress: Progress) -> Progress:
    """Return what tells the progress of a unit after so many others."""
    return lambda part: on_progress(done + part)


class _Share:
    """Tells how much of a unit is done, at most twice a second, and every time that it may end."""

    def __init__(self, unit: Unit, report: Callable[[float], None]) -> None:
        self._unit, self._report = unit, report
        self._count = 0
        self._length_s: float | None = None

    def __call__(self, result: FrameResult) -> None:
        self._count += 1
        if not self._unit.is_video:
            self._report(min(1.0, self._count / len(self._unit.sources)))
            return
        if self._length_s is None:
            self._length_s = _length_s(self._unit.sources[0])
        at_s = result.timestamp_s or 0.0
        self._report(min(1.0, at_s / self._length_s) if self._length_s else 0.0)


def _length_s(source: str) -> float:
    """Return the length of a video in seconds; 0 if it is unknown."""
    try:
        with Video(source) as video:
            return video.duration_s or 0.0
    except MediaError:
        return 0.0


def _in_processes(
    analyzer: Analyzer,
    units: Sequence[Unit],
    plan: UnitPlan,
    workers: int,
    on_progress: Progress,
) -> Iterator[Record]:
    context = multiprocessing.get_context("spawn")
    shares: Any = context.Queue()
    stop: Any = context.Event()
    pool = ProcessPoolExecutor(
        workers,
        mp_context=context,
        initializer=_set_up,
        initargs=(_copy(analyzer, workers), plan, shares, stop),
    )
    remaining = iter(units)
    running: dict[Future[Record], Unit] = {}
    parts: dict[str, float] = {}
    done = 0
    try:
        while True:
            while len(running) < _WAITING_PER_WORKER * workers:
                unit = next(remaining, None)
                if unit is None:
                    break
                running[pool.submit(_work, unit)] = unit
            if not running:
                return
            ended, _ = wait(running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
            while not shares.empty():
                name, part = shares.get()
                parts[name] = part
            for future in ended:
                parts[running.pop(future).name] = 0.0
                record = future.result()
                done += 1
                yield record
            on_progress(done + sum(parts[unit.name] for unit in running.values()
                                   if unit.name in parts))  # fmt: skip
    except BrokenProcessPool as error:
        raise OutputError(
            f"{plan.folder}: a process of the study was ended, perhaps because memory ran out. "
            "Continue with resume=True and fewer workers"
        ) from error
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        shares.close()


def _copy(analyzer: Analyzer, workers: int) -> Analyzer:
    """Return the analyzer for a process: each reads images in its part of the cores."""
    threads = analyzer.workers or max(1, (os.cpu_count() or 1) // workers)
    return Analyzer(
        analyzer.model,
        detector=analyzer.detector,
        face_options=analyzer.pipeline.options,
        workers=threads,
    )


@dataclasses.dataclass(slots=True)
class _State:
    """What a process keeps from one unit to the next."""

    analyzer: Analyzer
    plan: UnitPlan
    shares: Any
    stop: Any


_STATE: list[_State] = []


class _Stopped(Exception):  # noqa: N818 - nothing failed
    """The study was interrupted."""


def _set_up(analyzer: Analyzer, plan: UnitPlan, shares: Any, stop: Any) -> None:
    # Ctrl-C reaches all processes; the one that started them says when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _STATE.append(_State(analyzer, plan, shares, stop))


def _end_with_parent() -> None:
    """End this process with the one that started it, however that ends."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(unit: Unit) -> Record:
    state = _STATE[0]
    reported_s = float("-inf")

    def report(part: float) -> None:
        nonlocal reported_s
        if state.stop.is_set():
            raise _Stopped
        if time.monotonic() - reported_s >= _REPORT_S:
            reported_s = time.monotonic()
            state.shares.put((unit.name, part))

    return analyze_unit(state.analyzer, unit, state.plan, _Share(unit, report))
