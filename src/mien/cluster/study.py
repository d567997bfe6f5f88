"""The units of a study on a Ray cluster: actors with networks of their own write their files.

An actor writes what it finds into the study's folder itself, as the processes of one machine do.
So the driver holds no rows, the loss of a worker costs its unit, which another one does again, and
the tables are those of one process.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pickle
import socket
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

from mien._checking import Within, check_count, check_number
from mien._cores import usable_cores
from mien._output import cannot_write
from mien.cluster.connection import LOCAL, check_address, cluster, require_ray
from mien.errors import InputError, MienError, OutputError
from mien.inference import Analyzer
from mien.study import Record, UnitJob, UnitRunner
from mien.study.progress import Progress, UnitProgress
from mien.study.unit_analysis import UnitPlan, analyze_unit, settings_row
from mien.study.units import Unit
from mien.study.workers import worker_analyzer

__all__ = ["ray_unit_runner"]

_POLL_S = 0.5
_STOP_S = 30.0
"""So long may an actor take to leave the frame that it is in."""

_ATTEMPTS = 3
"""A unit that so many workers did not survive would end the next one, too."""

_MAX_ACTORS = 100_000


@dataclasses.dataclass(frozen=True, slots=True)
class _Needs:
    """What an actor needs of the cluster."""

    cpus: float
    gpus: float


def ray_unit_runner(
    address: str, *, actors: int | None = None, cpus: float = 1.0, gpus: float = 0.0
) -> UnitRunner:
    """Return a function that analyses the units of a study on a Ray cluster.

    Every machine of the cluster needs the same versions of mien, onnxruntime and PyAV, with the
    extra `tables`, and sees the inputs and the study's folder under the same paths.

    Args:
        address: The cluster's address, as for `ray.init`, or `local`.
        actors: How many units are analysed at once, each by networks of its own; None takes as many
            as the cluster's CPUs and GPUs allow.
        cpus: CPUs of each actor.
        gpus: GPUs of each actor, or a share of one, for an analyzer whose device is one.

    Raises:
        InputError: A number is out of its range, or nothing listens at the address.
        MissingExtraError: Ray is not installed.
    """
    if actors is not None:
        actors = check_count("actors", actors, _MAX_ACTORS)
    check_number("cpus", cpus, Within(0, _MAX_ACTORS, above=True))
    check_number("gpus", gpus, Within(0, _MAX_ACTORS))
    require_ray()
    check_address(address)
    needs = _Needs(cpus, gpus)

    def run(job: UnitJob, on_progress: Progress) -> Generator[Record, None, None]:
        if not job.units:
            return
        wanted = min(actors or usable_cores(), len(job.units))
        with cluster(address, cpus=wanted * cpus), _visible_file(job.plan.folder) as seen:
            # One that grows by itself has room as soon as actors wait.
            room = _room(address, needs) if actors is None or address == LOCAL else actors
            driver = _Driver(job, seen, min(room, actors or room), needs)
            yield from driver.run(on_progress)

    return run


def _room(address: str, needs: _Needs) -> int:
    """Return how many actors a cluster has room for.

    Raises:
        InputError: It has none.
    """
    import ray

    resources = ray.cluster_resources()
    room = resources.get("CPU", 0) / needs.cpus
    if needs.gpus:
        room = min(room, resources.get("GPU", 0) / needs.gpus)
    if room < 1:
        found = f"{resources.get('CPU', 0):g} CPU and {resources.get('GPU', 0):g} GPU"
        raise InputError(
            f"{address}: a worker needs {needs.cpus:g} CPU and {needs.gpus:g} GPU, the cluster "
            f"has {found}. Ask for less"
        )
    return int(room)


@contextlib.contextmanager
def _visible_file(folder: Path) -> Iterator[str]:
    """Write a file by whose name a worker knows the folder again; yield the name."""
    with contextlib.ExitStack() as stack:
        try:
            file = tempfile.NamedTemporaryFile(dir=folder, prefix=".mien-")  # noqa: SIM115
            stack.enter_context(file)
        except OSError as error:
            raise cannot_write(folder, error) from error
        yield Path(file.name).name


@dataclasses.dataclass(slots=True)
class _Running:
    """A unit that an actor is analysing.

    Attributes:
        actor: Ray's handle of the actor.
        unit: The unit.
        asked: Ray's reference to the answer how much of it is done.
        part: The last answer, 0 to 1.
    """

    actor: Any
    unit: Unit
    asked: Any
    part: float = 0.0


class _Driver:
    """Gives each actor one unit after the other.

    A unit is given only to an actor that has started: those for which the cluster has no room yet
    take none from the others.

    Args:
        job: What is to be done.
        seen: The name of a file in the study's folder that all actors have to see.
        count: How many actors work at once.
        needs: What each needs of the cluster.
    """

    def __init__(self, job: UnitJob, seen: str, count: int, needs: _Needs) -> None:
        import ray

        self._job, self._count = job, count
        analyzer = worker_analyzer(job.analyzer, threads=max(1, int(needs.cpus)))
        arguments = ray.put(
            (
                ray.cloudpickle.dumps((analyzer, job.plan)),
                Path.cwd(),
                seen,
                settings_row(job.analyzer, job.plan),
            )
        )
        actor: Any = ray.remote(
            num_cpus=needs.cpus, num_gpus=needs.gpus, concurrency_groups={"control": 1}
        )(_UnitActor)
        self._new_actor: Callable[[], Any] = lambda: actor.remote(arguments)
        self._waiting = deque(job.units)
        self._starting: dict[Any, Any] = {}
        self._idle: list[Any] = []
        self._running: dict[Any, _Running] = {}
        self._lost: Counter[str] = Counter()

    def run(self, on_progress: Progress) -> Generator[Record, None, None]:
        """Analyse all units; yield their records in the order of their ends."""
        import ray

        done = 0
        try:
            while self._waiting or self._running:
                self._give_out()
                refs = [*self._running, *self._starting]
                for ref in ray.wait(refs, timeout=_POLL_S)[0]:
                    if ref in self._starting:
                        self._add_started(ref)
                    elif (record := self._take(ref)) is not None:
                        done += 1
                        yield record
                self._ask()
                on_progress(done + sum(each.part for each in self._running.values()))
        finally:
            self._stop()

    def _give_out(self) -> None:
        """Give waiting units to idle actors, and start actors for the others."""
        while self._waiting and self._idle:
            actor, unit = self._idle.pop(), self._waiting.popleft()
            here = [Path(source).exists() for source in unit.sources]
            self._running[actor.analyze.remote(unit, here)] = _Running(actor, unit, _asked(actor))
        room = self._count - len(self._running) - len(self._starting)
        for _ in range(min(room, len(self._waiting) - len(self._starting))):
            actor = self._new_actor()
            self._starting[_asked(actor)] = actor

    def _add_started(self, ref: Any) -> None:
        """Take an actor that has started.

        Raises:
            InputError: No actor can start.
        """
        import ray
        from ray.exceptions import RayError

        actor = self._starting.pop(ref)
        try:
            ray.get(ref)
        except RayError as error:
            if self._count_loss("") and not self._running:
                raise InputError(
                    f"no worker can start on the Ray cluster: {_last_line(error)}. Every machine "
                    "of it needs mien with the extra 'tables'"
                ) from error
            return
        self._idle.append(actor)

    def _take(self, ref: Any) -> Record | None:
        """Return the record of a unit; None if its worker was lost, and it is to be done again.

        Raises:
            MienError: The actor says what is wrong, or the unit has lost too many workers.
        """
        import ray
        from ray.exceptions import OutOfMemoryError, RayActorError, RayTaskError

        running = self._running.pop(ref)
        try:
            record: Record = ray.get(ref)
        except (RayActorError, OutOfMemoryError) as error:
            if self._count_loss(running.unit.name):
                raise OutputError(
                    f"{running.unit.sources[0]}: {_ATTEMPTS} workers were lost with it one after "
                    f"the other: {_last_line(error)}. If memory ran out, continue with resume=True "
                    "and fewer workers"
                ) from error
            self._waiting.appendleft(running.unit)
            return None
        except RayTaskError as error:
            if isinstance(error.cause, MienError):
                raise error.cause from error
            raise
        self._idle.append(running.actor)
        return record

    def _count_loss(self, name: str) -> bool:
        """Count a worker that was lost with a unit, or before any; return whether it is enough."""
        self._lost[name] += 1
        return self._lost[name] >= _ATTEMPTS

    def _ask(self) -> None:
        """Take the answers how much is done, and ask again."""
        import ray
        from ray.exceptions import RayError

        for running in self._running.values():
            if ray.wait([running.asked], timeout=0)[0]:
                with contextlib.suppress(RayError):  # a lost worker is seen by its unit
                    running.part = ray.get(running.asked)
                running.asked = _asked(running.actor)

    def _stop(self) -> None:
        """Have the actors leave their units, so that nothing half written stays."""
        import ray

        for running in self._running.values():
            running.actor.stop.options(concurrency_group="control").remote()
        if self._running:
            ray.wait(list(self._running), num_returns=len(self._running), timeout=_STOP_S)
        busy = [running.actor for running in self._running.values()]
        for actor in (*self._idle, *self._starting.values(), *busy):
            ray.kill(actor)


def _asked(actor: Any) -> Any:
    return actor.part.options(concurrency_group="control").remote()


def _last_line(error: Exception) -> str:
    """Return the end of one of Ray's messages, whose lines before are its origin."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


class _Stopped(Exception):  # noqa: N818 - nothing failed
    """The study was interrupted."""


class _UnitActor:
    """Analyses one unit after the other in a process of the cluster.

    Args:
        arguments: The pickled analyzer and plan, the driver's working folder, the name of a file
            that lies in the study's folder, and the settings that the driver writes down.
    """

    def __init__(self, arguments: tuple[bytes, Path, str, Mapping[str, Any]]) -> None:
        self._arguments = arguments
        self._ready: tuple[Analyzer, UnitPlan] | None = None
        self._stop = threading.Event()
        self._part = 0.0

    def analyze(self, unit: Unit, seen: list[bool]) -> Record:
        """Analyse a unit and write its files.

        Args:
            unit: The unit.
            seen: Whether the driver sees each of its sources.

        Raises:
            MienError: This machine lacks what the driver has, or a file cannot be written.
        """
        if self._ready is None:
            self._ready = self._begin()
        for source, there in zip(unit.sources, seen, strict=True):
            if there and not Path(source).exists():
                raise InputError(
                    f"{source}: a worker on {socket.gethostname()} does not see it. Put the inputs "
                    "where all machines see them under the same path"
                )
        analyzer, plan = self._ready
        try:
            return analyze_unit(analyzer, unit, plan, UnitProgress(unit, self._set))
        finally:
            self._part = 0.0

    def part(self) -> float:
        """Return how much of the unit is done, 0 to 1."""
        return self._part

    def stop(self) -> None:
        """Leave the unit at its next frame."""
        self._stop.set()

    def _set(self, part: float) -> None:
        if self._stop.is_set():
            raise _Stopped
        self._part = part

    def _begin(self) -> tuple[Analyzer, UnitPlan]:
        """Load the networks, and compare with the driver.

        Raises:
            MienError: Something differs, or is not there.
        """
        pickled, working_folder, seen, settings = self._arguments
        with contextlib.suppress(OSError):  # only relative paths need it
            os.chdir(working_folder)
        analyzer, plan = pickle.loads(pickled)  # noqa: S301 - the driver's own
        host = socket.gethostname()
        if not (plan.folder / seen).exists():
            raise OutputError(
                f"{plan.folder}: a worker on {host} does not see this folder. Choose one that all "
                "machines see under the same path"
            )
        own = settings_row(analyzer, plan)
        if differing := sorted(name for name in own if own[name] != settings[name]):
            there = ", ".join(f"{name} {own[name]} (here {settings[name]})" for name in differing)
            raise InputError(
                f"a worker on {host} differs from this machine in {there}. Install the same "
                "versions on all machines"
            )
        return analyzer, plan
