"""Without extras every verb's help is there; a verb or package that needs one says which."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import importlib
import json
import sys

for name in json.loads(sys.argv[1]):
    sys.modules[name] = None

import typer
from typer.testing import CliRunner

from mien.cli import app
from mien.errors import MissingExtraError


def paths(command, path=()):
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from paths(inner, (*path, name))


for path in paths(typer.main.get_command(app)):
    shown = CliRunner().invoke(app, [*path, "--help"])
    if shown.exit_code or "default: None" in shown.output or "default: ]" in shown.output:
        print(path, shown.exception, shown.output)
for words in json.loads(sys.argv[2]):
    print(CliRunner().invoke(app, words.split()).exception)
for name in json.loads(sys.argv[3]):
    try:
        importlib.import_module(name)
    except MissingExtraError as error:
        print(error)
"""

OF_EXTRAS = (
    *("altair", "anyio", "fastapi", "jinja2", "lightning", "multipart", "onnx", "onnxscript"),
    *("optuna", "pandas", "polars", "prometheus_client", "pyarrow", "pygame", "ray", "scipy"),
    *("sklearn", "starlette", "tomli_w", "torch", "torchmetrics", "uvicorn", "vl_convert"),
    "websockets",
)

NEEDED = {
    "serve": "serving needs the extra 'serve'",
    "train emotion --data a --out b": "training needs the extra 'train'",
    "data render a --out b": "rendering needs the extra 'data'",
    "tune --data a --out b": "tuning needs the extra 'train'",
    "live": "the live window needs the extra 'live'",
}

PACKAGES = {
    "mien.server": "serving needs the extra 'serve'",
    "mien.models": "a torch network needs the extra 'train'",
    "mien.training": "a torch network needs the extra 'train'",
    "mien.tuning": "tuning needs the extra 'train'",
    "mien.export": "exporting needs the extra 'train'",
}


def test_help_needs_no_extra_and_verbs_and_packages_say_which_one_they_need():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(json.dumps, (OF_EXTRAS, [*NEEDED], [*PACKAGES]))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    needed = [*NEEDED.values(), *PACKAGES.values()]
    assert len(said) == len(needed), done.stdout
    for line, expected in zip(said, needed, strict=True):
        assert line.startswith(expected)
        assert "Install it with: pip install" in line
