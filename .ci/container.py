"""Does what deploy/Dockerfile says, without a container: installs, starts, asks for its health.

The steps are read from the file. `/opt`, `/source` and `/data` lie in a temporary folder; the page
has to be built before. Run as root, with a Python that all users have, it serves as the user of the
image, who can write in `/data` and `/tmp` alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
SAMPLE = ROOT / "src" / "mien" / "assets" / "samples" / "eileen_collins.jpg"

MAX_PACKAGES_MB = 320
"""The image has 450 MB at most; Debian and Python in `python:3.13-slim` take about 130 of them."""

Stage = list[tuple[str, str]]


def main() -> None:
    """Install as the second stage says, and serve as the last one does."""
    packages, image = read_stages(DOCKERFILE)[1:]
    with tempfile.TemporaryDirectory(prefix="mien-container-") as folder:
        root = Path(folder).resolve()
        root.chmod(0o755)
        install(packages, root)
        used_mb = sum(path.lstat().st_size for path in (root / "opt").rglob("*")) / 1e6
        print(f"/opt/mien: {used_mb:.0f} MB, at most {MAX_PACKAGES_MB}", flush=True)
        if used_mb > MAX_PACKAGES_MB:
            sys.exit("the image would be too large")
        serve(dict(image), root)


def read_stages(path: Path) -> list[Stage]:
    """Return the instructions of each stage of a Dockerfile."""
    text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    stages: list[Stage] = []
    for line in re.sub(r"\\\n", " ", text).splitlines():
        name, _, rest = line.strip().partition(" ")
        if name == "FROM":
            stages.append([])
        if name:
            stages[-1].append((name, rest.strip()))
    return stages


def moved(text: str, root: Path) -> str:
    """Return a text with the folders of the image below another one."""
    return re.sub(r"(?<![\w/.])/(opt|source|data)\b", rf"{root}/\1", text)


def install(stage: Stage, root: Path) -> None:
    """Copy and run what the stage says, in its working directory."""
    work = root
    for name, rest in stage:
        if name == "WORKDIR":
            work = Path(moved(rest, root))
            work.mkdir(parents=True)
        elif name == "COPY":
            *sources, target = rest.split()
            if sources[0].startswith("--from="):
                sources = [sources[1].removeprefix("/source/")]
            for source in sources:
                copy(ROOT / source, work / target)
        elif name == "RUN":
            (root / "opt").mkdir(exist_ok=True)
            run(["sh", "-euc", moved(rest, root)], cwd=work)


def copy(source: Path, target: Path) -> None:
    """Copy a file or the contents of a folder, as COPY does, without what .dockerignore names."""
    if source.is_dir():
        left_out = shutil.ignore_patterns(
            "__pycache__", *(["page"] if source.name == "src" else [])
        )
        shutil.copytree(source, target, ignore=left_out, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


def serve(image: dict[str, str], root: Path) -> None:
    """Make a key, start the image's command, and ask it as its health check and a client do."""
    user = int(image["USER"].partition(":")[0])
    python = Path(sys.executable).resolve()
    if os.getuid() != 0 or not all(
        each.stat().st_mode & 0o001 for each in (python, *python.parents)
    ):
        user = os.getuid()  # another one must not be taken, or has no access to this Python
    (root / "data").mkdir()
    os.chown(root / "data", user, -1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"PATH": f"{root}/opt/mien/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    entry, command = (json.loads(image[name]) for name in ("ENTRYPOINT", "CMD"))
    words = [moved(word, root) for word in (*entry, *command)]
    keys = words[words.index("--keys") + 1]
    options = {"cwd": root / "data", "env": environment, "user": user}
    key = run([*words[:2], "--keys", keys, "--new-key", "trial"], **options).strip()
    health = image["HEALTHCHECK"].partition("CMD ")[2].replace("8000", str(port))
    with subprocess.Popen([*words, "--port", str(port)], **options) as server:
        try:
            deadline = time.monotonic() + 180
            silent = {**options, "stderr": subprocess.DEVNULL}
            while subprocess.run(json.loads(health), **silent, check=False).returncode:
                if server.poll() is not None or time.monotonic() > deadline:
                    sys.exit("the server did not become healthy")
                time.sleep(0.5)
            headers = {"Content-Type": "image/jpeg", "Authorization": f"Bearer {key}"}
            address = f"http://127.0.0.1:{port}/v1/analyze"
            asked = urllib.request.Request(address, SAMPLE.read_bytes(), headers)
            try:
                with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
                    (result,) = json.load(answer)["results"]
            except urllib.error.HTTPError as error:
                sys.exit(f"the server answers {error.code}: {error.read().decode()}")
            print(f"healthy, and sees {result['faces'][0]['emotion']} as user {user}", flush=True)
        finally:
            server.terminate()
            server.wait(20)
    # uvicorn ends in an orderly way and then by the signal itself, as a parent expects.
    if server.returncode not in (0, -signal.SIGTERM):
        sys.exit(f"the server ended with {server.returncode} after SIGTERM")


def run(command: list[str], **options: object) -> str:
    """Run a command and return what it printed; exit with its messages if it fails."""
    done = subprocess.run(command, **options, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
