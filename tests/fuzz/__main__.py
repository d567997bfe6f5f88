"""`make fuzz`: damaged inputs for as long as asked; each failure names what repeats it, and
where its input is kept.

MINUTES (10) is how long, SEED (from the clock) where to begin, TARGET (all) one of the parsers,
CASES an end before the time is over.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.running import repeat_command, run_cases
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Run cases in a process of its own, so that a crash is named too."""
    seed = int(os.environ.get("SEED") or time.time())
    names = [name for name in TARGETS if os.environ.get("TARGET") in (None, "", name)]
    cases = int(os.environ.get("CASES") or sys.maxsize)
    limit_s = 60 * float(os.environ.get("MINUTES") or 10)
    print(f"seed {seed}, {', '.join(names)}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="mien-fuzz-"))
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=run_cases, args=(names, seed, cases, limit_s, folder))
    process.start()
    process.join()
    if not (folder / "done").exists():
        case, name = (folder / "current").read_text().split(" ", 1)
        print(f"{name}, seed {case}: ended with {process.exitcode}")
        print(f"  repeat: {repeat_command(name, int(case))}, input: {folder / 'case'}")
        return 1
    failures, count = map(int, (folder / "done").read_text().split())
    print(f"{count:,} damaged inputs, {failures} failures")
    if failures:
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
