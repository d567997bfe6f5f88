"""The six chapters of the course, run one after the other on a small set."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import sys
import tomllib
import warnings
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import fer_csv, votes_csv  # noqa: F401

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHARTS = {1: 8, 2: 4, 3: 2, 4: 4, 5: 6, 6: 1}
"""The charts that each chapter shows."""


def cells(path: Path) -> list:
    return nbformat.read(path, as_version=4).cells


def code(path: Path) -> list[str]:
    return [cell.source for cell in cells(path) if cell.cell_type == "code"]


def text(path: Path) -> str:
    return "\n".join(cell.source for cell in cells(path) if cell.cell_type == "markdown")


def run(path: Path, folder: Path) -> tuple[str, int]:
    """Run a chapter; return what it prints and the number of its charts."""
    notebook = nbformat.read(path, as_version=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        NotebookClient(notebook, resources={"metadata": {"path": folder}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    charts = [output for output in outputs if "vega" in str(output.get("data", {}))]
    return "".join(output.get("text", "") for output in outputs), len(charts)


def test_there_are_six_chapters():
    assert [path.name[0] for path in CHAPTERS] == list("123456")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_is_stored_without_outputs(path):
    for cell in cells(path):
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_begins_like_the_others_says_its_time_and_measures_it(path):
    assert code(path)[:2] == code(CHAPTERS[0])[:2]
    assert re.search(r"^\*About \d+ minutes? on two CPU cores\.", text(path), re.MULTILINE)
    assert "This chapter took" in code(path)[-1]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_says_what_is_seen_and_what_to_try(path):
    assert "**What you see" in text(path)
    assert "**Try.**" in text(path)


def test_the_course_page_has_the_times_of_the_chapters():
    page = (ROOT / "docs" / "course.md").read_text(encoding="utf-8")
    for path in CHAPTERS:
        minutes = re.search(r"\*About (\d+ minutes?)", text(path))[1]
        row = next(line for line in page.splitlines() if f"../notebooks/{path.name})" in line)
        assert minutes in row


def installed_with(extras: set[str]) -> set[str]:
    """Return the names of the packages that mien and some of its extras ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = list(project["dependencies"])
    waiting, known = list(extras), set[str]()
    while waiting:
        extra = waiting.pop()
        if extra in known:
            continue
        known.add(extra)
        for each in project["optional-dependencies"][extra]:
            if inner := re.match(r"mien\[(.+)\]", each):
                waiting += inner[1].split(",")
            else:
                named.append(each)
    return {re.split(r"[\[>=<]", each)[0] for each in named}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_imports_only_what_the_course_says_to_install(path):
    page = (ROOT / "docs" / "course.md").read_text(encoding="utf-8")
    (extras,) = re.findall(r'pip install .*"\.\[([\w,]+)\]"', page)
    assert f"[{extras}]" in code(path)[0]
    packages = installed_with(set(extras.split(",")))
    owners = importlib.metadata.packages_distributions()
    for node in ast.walk(ast.parse("\n".join(code(path)))):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module]
        for module in (
            {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"mien"}
        ):
            assert packages & {name.lower() for name in owners[module]}, module


def test_the_chapters_run_one_after_the_other(tmp_path, fer_csv, votes_csv, monkeypatch):  # noqa: F811
    out = tmp_path / "out"
    monkeypatch.setenv("FER_DATA", str(fer_csv.parent))
    monkeypatch.setenv("FER_OUT", str(out))
    monkeypatch.setenv("FER_QUICK", "1")
    # Jupyter asks about its own folders, and its sockets close when the process does.
    monkeypatch.setitem(os.environ, "JUPYTER_PLATFORM_DIRS", "1")
    said, charts = {}, {}
    for number, path in enumerate(CHAPTERS, start=1):
        said[number], charts[number] = run(path, tmp_path)
    assert charts == CHARTS
    assert all("96 images" in each and "This chapter took" in each for each in said.values())
    assert (out / "data.html").stat().st_size > 100_000
    assert re.search(r"the weights of epoch \d are kept", said[2])
    assert "random tenth: {'train': 86, 'val': 10, 'test': 0}" in said[3]
    for sampler in ("grid", "random", "tpe"):
        assert f"{sampler}: best of 2 trials" in said[4]
        assert (out / "tuning" / sampler / "report.html").exists()
    assert "right by cnn alone" in said[5]
    assert re.search(r"temperature \d", said[5])
    assert (out / "evaluation.html").exists()
    assert "cnn-calibrated.onnx" in said[6].splitlines()[1]
    assert '"probabilities"' in said[6]
    assert (out / "page" / "index.html").exists()
