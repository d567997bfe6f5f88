"""Installs the lowest version of everything declared, and runs what a user would.

Covered are the run side and the extras `tables`, `data`, `heif`, `live` and `serve`, but not
`train` and `cluster`.
It takes minutes and downloads a lot, so `make lowest` is for changes of the declared versions.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "src" / "mien" / "assets" / "samples"
EXTRAS = ("tables", "data", "heif", "live", "serve")
TEST_TOOLS = ("httpx2", "pytest")
OTHER_TOOLS = ("httpx",)
"""What the test client of an old Starlette needs in addition."""

TESTS = (
    "tests/test_spec.py",
    "tests/test_options.py",
    "tests/media/test_images.py",
    "tests/media/test_bounds.py",
    "tests/media/test_demuxing.py",
    "tests/media/test_orientation.py",
    "tests/media/test_reading.py",
    "tests/media/test_videos.py",
    "tests/server/test_images.py",
    "tests/server/test_guard.py",
    "tests/server/test_stream.py",
)

_REQUIREMENT = re.compile(r"([\w-]+)(?:\[[\w,-]+\])?>=([\w.]+)")


def main() -> None:
    """Install, analyse, serve and test."""
    with tempfile.TemporaryDirectory(prefix="mien-lowest-") as folder:
        python = install(Path(folder))
        analyze(python, Path(folder))
        serve(python, Path(folder))
        # Old versions warn of what newer Pythons will do; that is no fault of ours.
        run(python, "-m", "pytest", "-q", "-o", "filterwarnings=", "-p", "no:cacheprovider", *TESTS)


def install(folder: Path) -> Path:
    """Make an environment with the lowest versions; return its interpreter."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *(each for name in EXTRAS for each in extras[name])]
    needed += [each for each in extras["dev"] if each.partition(">=")[0] in TEST_TOOLS]
    lowest = []
    for requirement in needed:
        if requirement.startswith("mien["):  # an extra that has another one
            continue
        found = _REQUIREMENT.fullmatch(requirement)
        if found is None:
            sys.exit(f"pyproject.toml: expected 'name>=version', found {requirement!r}")
        lowest.append(f"{found[1]}=={found[2]}\n")
    constraints = folder / "lowest.txt"
    constraints.write_text("".join(sorted(set(lowest))), encoding="utf-8")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    target = f"{ROOT}[{','.join(EXTRAS)}]"
    tools = (*TEST_TOOLS, *OTHER_TOOLS)
    run(python, "-m", "pip", "install", "--quiet", "-c", constraints, target, *tools)
    run(python, "-m", "pip", "list")
    return python


def analyze(python: Path, folder: Path) -> None:
    """Analyse the sample photos in all formats."""
    formats = ("--format", "jsonl,csv,parquet", "--draw")
    run(python, "-m", "mien", "analyze", SAMPLES, "--out", folder / "out", *formats)
    rows = (folder / "out" / "results.jsonl").read_text(encoding="utf-8").splitlines()
    if len(rows) < len(list(SAMPLES.glob("*.jpg"))):
        sys.exit(f"mien analyze found {len(rows)} faces")


def serve(python: Path, folder: Path) -> None:
    """Start the server, send a photo, and stop it."""
    command = [python, "-m", "mien", "serve", "--port", "0", "--jobs", folder / "jobs"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            for line in server.stderr:
                print(line, end="", flush=True)
                if (address := re.search(r"http://\S+", line)) is not None:
                    break
            else:
                sys.exit("mien serve did not start")
            photo = (SAMPLES / "grace_hopper.jpg").read_bytes()
            request = urllib.request.Request(f"{address[0]}v1/analyze", photo)  # noqa: S310
            request.add_header("Content-Type", "image/jpeg")
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                print(answer.status, answer.read(200), flush=True)
            server.send_signal(signal.SIGTERM)
            server.wait(20)
        finally:
            server.kill()


def run(*command: str | Path) -> None:
    """Run a program of the new environment; end with its status if it fails."""
    print("$", *command, flush=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
