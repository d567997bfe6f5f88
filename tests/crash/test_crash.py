"""A few kills at fixed places in each kind of work; `make crash` goes on with random ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills children that it forks")
def test_what_was_killed_ends_with_the_results_of_what_was_not():
    assert_all_the_same("2", "drawn", "replaced", "import-replaced", "cut-job")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills children that it forks")
def test_a_study_that_was_killed_has_the_tables_of_one_that_was_not():
    assert_all_the_same("3", "study")


def assert_all_the_same(cases, *scenarios):
    command = [sys.executable, "-m", "tests.crash", *scenarios, "--cases", cases, "--seed", "19"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{cases} cases of each scenario, all the same in the end" in done.stdout
