"""Without extras every verb's help is there, and a verb that needs one says which."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json
import sys

for name in json.loads(sys.argv[1]):
    sys.modules[name] = None

import typer
from typer.testing import CliRunner

from mien.cli import app


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


def test_help_needs_no_extra_and_verbs_say_which_one_they_need():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(OF_EXTRAS), json.dumps(list(NEEDED))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert len(said) == len(NEEDED), done.stdout
    for line, expected in zip(said, NEEDED.values(), strict=True):
        assert line.startswith(expected)
        assert "Install it with: pip install" in line
