"""Builds the sdist, and the wheel from it; installs the wheel elsewhere and tries it.

The environment is a new one in an empty folder, so that nothing is found in the checkout. Packages
that work are left in `dist/`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "src" / "mien" / "assets" / "samples" / "eileen_collins.jpg"
DIST = ROOT / "dist"
PAGE = ROOT / "src" / "mien" / "assets" / "page"


def main() -> None:
    """Build, install, analyse, export the page and serve."""
    with tempfile.TemporaryDirectory(prefix="mien-package-") as folder:
        packages = Path(folder) / "packages"
        packages.mkdir()
        wheel = build(packages)
        home = Path(folder) / "elsewhere"
        home.mkdir()
        python = install(wheel, home)
        analyze(python, home)
        export_page(python, home)
        serve(python, home)
        shutil.rmtree(DIST, ignore_errors=True)
        shutil.copytree(packages, DIST)
    print(
        f"dist/{wheel.name}: built from the sdist, installed, analyses, exports the page and serves"
    )


def build(folder: Path) -> Path:
    """Build both packages and check that they have the page; return the wheel's path."""
    # Without arguments that name one, the wheel is built from the sdist.
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    page = {str(path.relative_to(PAGE)) for path in PAGE.rglob("*") if path.is_file()}
    assert page, "the page is not built: make web"
    with tarfile.open(sdist) as packed:
        check_page(sdist, page, packed.getnames())
        models = [name for name in packed.getnames() if "/benchmarks/models/" in name]
        assert not any(name.endswith(".onnx") for name in models), models
    with zipfile.ZipFile(wheel) as packed:
        check_page(wheel, page, packed.namelist())
    return wheel


def check_page(package: Path, page: set[str], names: list[str]) -> None:
    """Exit if a file of the page is missing."""
    marker = "mien/assets/page/"
    found = {name.partition(marker)[2] for name in names if marker in name}
    if missing := page - found:
        sys.exit(f"{package.name} lacks {len(missing)} files of the page: {sorted(missing)[:3]}")


def install(wheel: Path, home: Path) -> Path:
    """Install the wheel with its server into a new environment; return its interpreter."""
    venv.create(home / "venv")
    python = home / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    # The pip that runs here installs there, since making another one takes seconds.
    pip = (sys.executable, "-m", "pip", "--python", python)
    quiet = ("--quiet", "--disable-pip-version-check", "--no-compile")
    run(*pip, "install", *quiet, f"{wheel}[serve]", cwd=home)
    return python


def analyze(python: Path, home: Path) -> None:
    """Analyse a photo on the command line."""
    said = run(python, "-m", "mien", "analyze", SAMPLE, "--json", cwd=home)
    assert json.loads(said)["emotion"] == "happy", said


def export_page(python: Path, home: Path) -> None:
    """Write the page for a web server of one's own."""
    run(python, "-m", "mien", "export", "web", "--out", home / "site", cwd=home)
    assert (home / "site" / "index.html").exists()


def serve(python: Path, home: Path) -> None:
    """Serve the page and the API."""
    command = [python, "-m", "mien", "serve", "--port", "0"]
    log = home / "server.txt"
    with log.open("w") as said, subprocess.Popen(command, stderr=said, cwd=home) as server:
        try:
            deadline = time.monotonic() + 60
            while "http://" not in log.read_text():
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            address = "http://" + log.read_text().partition("http://")[2].split()[0].rstrip("/")
            with urllib.request.urlopen(f"{address}/") as page:  # noqa: S310 - this machine
                assert b"<html" in page.read().lower()
            asked = urllib.request.Request(  # noqa: S310
                f"{address}/v1/analyze", SAMPLE.read_bytes(), {"Content-Type": "image/jpeg"}
            )
            with urllib.request.urlopen(asked) as answer:  # noqa: S310
                assert len(json.load(answer)["results"][0]["faces"]) == 1
        finally:
            server.terminate()


def run(*command: object, cwd: Path) -> str:
    """Run a command and return what it printed; exit with its messages if it fails."""
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=bare, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
