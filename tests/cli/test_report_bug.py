"""A report of a fault says what is needed to repeat it, and nothing of its owner."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import socket
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mien
from mien.cli import app


def run(*arguments):
    result = CliRunner().invoke(app, ["report-bug", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_it_has_versions_devices_and_the_hashes_of_the_networks():
    found = json.loads(run("--json"))
    assert found["mien"] == mien.__version__
    assert platform.python_version() in found["Python"]
    assert "CPUExecutionProvider" in found["devices"].split(", ")
    assert found["package numpy"] == sys.modules["numpy"].__version__
    for name in ("emotion.onnx", "face.onnx"):
        data = (Path(mien.__file__).parent / "assets" / name).read_bytes()
        assert found[f"model {name}"] == hashlib.sha256(data).hexdigest()
    text = run()
    assert all(value in text for value in found.values())


def test_it_has_no_path_and_no_name_of_a_person_or_a_machine(monkeypatch):
    for name in ("LOGNAME", "USER", "USERNAME"):
        monkeypatch.setenv(name, "somebody-private")
    monkeypatch.setattr(socket, "gethostname", lambda: "machine-of-somebody")
    monkeypatch.setattr(platform, "node", lambda: "machine-of-somebody")
    monkeypatch.setattr(platform, "release", lambda: "6.1.0-built-by-somebody")
    for text in (run(), run("--json")):
        assert "somebody" not in text
        for folder in (Path.home(), Path.cwd(), sys.prefix, Path(mien.__file__).parent):
            assert str(folder) not in text
        assert not re.search(r"(^|[\s\"'(])(/|~|[A-Za-z]:\\)\w", text, re.MULTILINE)


@pytest.mark.parametrize("kind", [ImportError, OSError])
def test_a_broken_onnxruntime_is_reported_without_its_paths(monkeypatch, kind):
    class Broken:
        def get_available_providers(self):
            raise kind("/home/somebody/lib.so: no such file")

    monkeypatch.setattr("mien.runtime.onnxruntime", Broken())
    found = json.loads(run("--json"))
    assert found["devices"] == f"onnxruntime cannot be loaded ({kind.__name__})"
