"""The units of a study, one after the other in this process, or in several processes.

Each process has networks of its own. What it has done stands in the folder, so that only numbers
come back, and the end of a process costs its unit. A function of the type `UnitRunner` has the
units analysed elsewhere, for example on a cluster (`mien.cluster`).
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from mien._cores import usable_cores
from mien.errors import OutputError
from mien.inference import Analyzer
from mien.study.progress import Progress, UnitProgress
from mien.study.record import Record
from mien.study.unit_analysis import UnitPlan, analyze_unit
from mien.study.units import Unit

__all__ = ["UnitJob", "UnitRunner", "process_runner", "worker_analyzer"]

_POLL_S = 0.2
_REPORT_S = 0.5
_WAITING_PER_WORKER = 2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UnitJob:
    """What is to be done.

    Attributes:
        analyzer: Networks and settings; workers load copies of it.
        units: The units that are not done yet.
        plan: How they are analysed, and where their files go.
    """

    analyzer: Analyzer
    units: Sequence[Unit]
    plan: UnitPlan


UnitRunner = Callable[[UnitJob, Progress], Generator[Record, None, None]]
"""Analyses units with `analyze_unit`, and yields the record of each when it is written.

The progress is called often; an exception of it, or closing the generator, ends the work, and the
units that are being analysed are left out.
"""


def process_runner(workers: int = 1) -> UnitRunner:
    """Return a function that analyses units on this machine, in the order of their ends.

    Args:
        workers: Processes, each with networks of its own; one works in this process.
    """

    def run(job: UnitJob, on_progress: Progress) -> Generator[Record, None, None]:
        if workers > 1 and len(job.units) > 1:
            yield from _in_processes(job, min(workers, len(job.units)), on_progress)
            return
        for number, unit in enumerate(job.units):
            progress = UnitProgress(unit, _after(number, on_progress))
            yield analyze_unit(job.analyzer, unit, job.plan, progress)
            on_progress(number + 1)

    return run


def _after(done: int, on_progress: Progress) -> Progress:
    """Return what tells the progress of a unit after so many others."""
    return lambda part: on_progress(done + part)


def _in_processes(
    job: UnitJob, workers: int, on_progress: Progress
) -> Generator[Record, None, None]:
    context = multiprocessing.get_context("spawn")
    shares: Any = context.Queue()
    stop: Any = context.Event()
    pool = ProcessPoolExecutor(
        workers,
        mp_context=context,
        initializer=_set_up,
        initargs=(_copy(job.analyzer, workers), job.plan, shares, stop),
    )
    remaining = iter(job.units)
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
            f"{job.plan.folder}: a process of the study was ended, perhaps because memory ran out. "
            "Continue with resume=True and fewer workers"
        ) from error
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        shares.close()


def _copy(analyzer: Analyzer, workers: int) -> Analyzer:
    """Return the analyzer for a process: each reads images in its part of the cores."""
    return worker_analyzer(analyzer, threads=max(1, usable_cores() // workers))


def worker_analyzer(analyzer: Analyzer, *, threads: int) -> Analyzer:
    """Return the analyzer for one of several workers.

    Args:
        analyzer: The analyzer of the whole study.
        threads: How many threads of a worker read images, if the analyzer does not say.
    """
    return Analyzer(
        analyzer.model,
        detector=analyzer.detector,
        face_options=analyzer.pipeline.options,
        units=analyzer.unit_model or False,
        workers=analyzer.workers or threads,
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

    return analyze_unit(state.analyzer, unit, state.plan, UnitProgress(unit, report))
