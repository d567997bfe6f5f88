"""Kills the program at random places, starts it again, and compares the results: `make crash`."""

from __future__ import annotations

import argparse
import itertools
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.crash import killing
from tests.crash.scenarios import SCENARIOS, Scenario


def _imported() -> None:
    """Import what the work needs once, so that no child has to."""
    import mien.cli
    import mien.data
    import mien.reports
    import mien.runs
    import mien.server.runner  # noqa: F401


def _one_case(
    scenario: Scenario, folder: Path, kills: list[int], expected: tuple[int, object]
) -> str | None:
    """Kill at each place in turn, end the work, and return what differs, or None."""
    log = folder / "log.txt"
    work_folder = folder / "work"
    work_folder.mkdir(parents=True)
    scenario.prepare(work_folder)
    for number, kill_at in enumerate([*kills, 0]):
        status, _ = killing.run(
            lambda again=number > 0: scenario.work(work_folder, again=again),
            work_folder,
            log,
            kill_at=kill_at,
        )
        if status != -9:
            break
    if status != expected[0]:
        return f"exit status {status}, expected {expected[0]}\n{log.read_text()}"
    try:
        found = scenario.result(work_folder)
    except (OSError, ValueError) as error:
        return f"no result: {error}\n{log.read_text()}"
    if found == expected[1]:
        return None
    return f"another result\n{_difference(expected[1], found)}\n{log.read_text()}"


def _difference(expected: object, found: object) -> str:
    """Return where two results differ."""
    if isinstance(expected, tuple) and isinstance(found, tuple):
        expected, found = dict(enumerate(expected)), dict(enumerate(found))
    if not isinstance(expected, dict) or not isinstance(found, dict):
        return f"{expected!s:.1000}\n{found!s:.1000}"
    return "\n".join(
        f"{name}: {expected.get(name)!s:.300} but {found.get(name)!s:.300}"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    )


def main() -> int:
    """Run cases until the time or their number is spent; return 1 at the first that differs."""
    parser = argparse.ArgumentParser(prog="tests.crash", description=__doc__)
    parser.add_argument("scenarios", nargs="*", default=list(SCENARIOS), help="names; all without")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--cases", type=int, help="end after this many cases of each scenario")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    print(f"seed {options.seed}", flush=True)
    _imported()
    chance = random.Random(options.seed)
    until = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory(prefix="mien-crash-") as temporary:
        prepared = {}
        for name in options.scenarios:
            inputs = Path(temporary) / name / "inputs"
            inputs.mkdir(parents=True)
            scenario = SCENARIOS[name](inputs)
            whole = Path(temporary) / name / "whole"
            whole.mkdir()
            scenario.prepare(whole)
            log = whole.parent / "log.txt"
            status, events = killing.run(
                lambda s=scenario, w=whole: s.work(w, again=False), whole, log
            )
            try:
                prepared[name] = (scenario, events, (status, scenario.result(whole)))
            except (OSError, ValueError) as error:
                print(f"{name}: cannot run: {error}\n{log.read_text()}")
                return 1
        for number in itertools.count(1):
            for name, (scenario, events, expected) in prepared.items():
                if time.monotonic() > until or number > (options.cases or number):
                    print(f"{number - 1} cases of each scenario, all the same in the end")
                    return 0
                kills = [chance.randint(1, events)]
                while chance.random() < 0.3:
                    kills.append(chance.randint(1, events))
                scenario.interval_s = chance.choice([0.0, 0.0, 1000.0])
                folder = Path(temporary) / name / str(number)
                if (fault := _one_case(scenario, folder, kills, expected)) is not None:
                    print(f"{name}, killed at {kills} of {events} events: {fault}")
                    return 1
                print(f"{name}: killed at {kills} of {events} events, the same", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
