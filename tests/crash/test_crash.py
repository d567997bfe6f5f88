"""A few kills at fixed places in each kind of work; `make crash` goes on with random ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills children that it forks")
@pytest.mark.parametrize(
    ("scenarios", "cases"),
    [(("drawn", "replaced"), 4), (("mixed", "import", "import-replaced", "job", "cut-job"), 2)],
)
def test_what_was_killed_ends_with_the_results_of_what_was_not(scenarios, cases):
    command = [sys.executable, "-m", "tests.crash", *scenarios, "--cases", str(cases)]
    done = subprocess.run(
        [*command, "--seed", "19"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{cases} cases of each scenario, all the same" in done.stdout
