"""What hosts and tools read around the source: workflows, templates, versions, releases."""

from __future__ import annotations

import datetime
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import mien

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read_yaml(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def make_targets():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([\w-]+):(?!=)", text, re.MULTILINE))


def commands(document):
    """Yield what the workflow or the hooks of a document run."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key in ("run", "entry"):
                yield value
            else:
                yield from commands(value)
    elif isinstance(document, list):
        for each in document:
            yield from commands(each)


def test_there_are_the_workflows_that_contributing_names():
    assert [path.stem for path in WORKFLOWS] == ["check", "pages", "release"]
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert all(f"`{path.stem}`" in text for path in WORKFLOWS)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_few_rights_and_a_time_limit_and_names_versions(path):
    workflow = read_yaml(path)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        assert job["steps"]
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v1)", step["uses"])


@pytest.mark.parametrize(
    "path", [*WORKFLOWS, ROOT / ".pre-commit-config.yaml"], ids=lambda path: path.stem
)
def test_workflows_and_hooks_call_targets_and_scripts_that_there_are(path):
    called = [line for script in commands(read_yaml(path)) for line in script.splitlines()]
    made = {word for line in called for word in re.findall(r"\bmake ([\w-]+)", line)}
    assert made <= make_targets()
    for line in called:
        for script in re.findall(r"\bpython (\S+\.py)", line):
            assert (ROOT / script).is_file()
        for extra in re.findall(r"\.\[([\w,]+)\]", line):
            assert set(extra.split(",")) <= set(PROJECT["optional-dependencies"])
    if path.stem == "check":
        assert {"check", "test", "docs", "package", "lowest", "newest"} <= made


def test_every_python_that_is_promised_is_tested():
    promised = {each.rpartition(" ")[2] for each in PROJECT["classifiers"] if ":: 3." in each}
    jobs = read_yaml(ROOT / ".github/workflows/check.yml")["jobs"]
    assert set(jobs["test"]["strategy"]["matrix"]["python"]) == promised
    assert jobs["lowest"]["steps"][1]["with"]["python-version"] == min(promised)
    assert f">={min(promised)}" == PROJECT["requires-python"]


def test_every_target_of_the_makefile_is_phony_and_those_for_people_are_explained():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)[1].split())
    assert make_targets() == phony
    explained = set(re.findall(r"^# make ([\w-]+)", text, re.MULTILINE))
    assert explained <= phony
    inner = {
        "check-types",
        "check-page",
        "check-style",
        "test-page",
        "test-python",
        "check-deploy",
        "clean",
        "benchmark",
    }
    assert phony - explained == inner


def test_templates_ask_for_the_report_that_the_command_prints():
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        read_yaml(path)
    fault = (ROOT / ".github/ISSUE_TEMPLATE/fault.yml").read_text(encoding="utf-8")
    assert "mien report-bug" in fault


def test_the_version_has_one_place_and_the_others_follow_it():
    assert PROJECT["version"] == mien.__version__
    citation = read_yaml(ROOT / "CITATION.cff")
    assert citation["version"] == PROJECT["version"]
    for path in (ROOT / "src" / "mien").rglob("*.py"):
        assert PROJECT["version"] not in path.read_text(encoding="utf-8"), path


def test_the_changelog_keeps_to_its_form():
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    sections = [line for line in lines if line.startswith("## ")]
    assert sections[0] == "## [Unreleased]"
    for line in sections[1:]:
        assert re.fullmatch(r"## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", line)
    kinds = {line for line in lines if line.startswith("### ")}
    allowed = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
    assert kinds <= {f"### {kind}" for kind in allowed}


@pytest.fixture(scope="module")
def release():
    spec = importlib.util.spec_from_file_location("release", ROOT / ".ci" / "release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_release_needs_its_heading_and_its_citation(release, tmp_path):
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n")
    (tmp_path / "CITATION.cff").write_text("version: 1.2.2\n")
    date = datetime.date(2030, 2, 1)
    faults = release.document_faults(tmp_path, "1.2.3", date)
    assert [fault.partition(":")[0] for fault in faults] == [
        "CHANGELOG.md", "CITATION.cff", "CITATION.cff"
    ]  # fmt: skip
    assert "found version: 1.2.2" in faults[1]
    (tmp_path / "CHANGELOG.md").write_text("## [Unreleased]\n\n## [1.2.3] - 2030-02-01\n")
    (tmp_path / "CITATION.cff").write_text("version: 1.2.3\ndate-released: 2030-02-01\n")
    assert release.document_faults(tmp_path, "1.2.3", date) == []


def test_a_tag_of_another_version_is_not_published(release, monkeypatch):
    monkeypatch.setattr("sys.argv", ["release.py", "--check-tag", f"v{mien.__version__}"])
    release.main()
    monkeypatch.setattr("sys.argv", ["release.py", "--check-tag", "v9.9.9"])
    with pytest.raises(SystemExit, match=r"found v9\.9\.9"):
        release.main()


def test_no_address_of_a_repository_is_made_up():
    files = [ROOT / "pyproject.toml", ROOT / "CITATION.cff"]
    for folder in (".github", "deploy"):
        files += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    text = "".join(path.read_text(encoding="utf-8", errors="replace") for path in files)
    assert not re.search(r"git(hub|lab)\.com[/:][\w-]+/mien", text)
