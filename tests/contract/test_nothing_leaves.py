"""Nothing leaves the machine, and no file is written that nobody asked for: seen by strace."""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from mien.cli import app
from tests.conftest import SAMPLES, VOTE_HEADER, fer_lines, vote_lines
from tests.videos import gliding, write_video

SOURCE = Path(__file__).parents[2] / "src"
PORTRAIT = SAMPLES / "grace_hopper.jpg"
CALLS = (
    *("connect", "sendto", "sendmsg", "sendmmsg", "open", "openat", "openat2", "creat", "mkdir"),
    *("mkdirat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"),
    *("mknod", "mknodat", "truncate", "unlink", "unlinkat", "rmdir"),
)
_DNS = 53
# Services of a machine that look names of other machines up. Not among them is nscd, which is asked
# for the names of users, too; who looks a machine up reads resolv.conf.
_RESOLVERS = ("systemd/resolve", "avahi")
_LOOK_UP = "/etc/resolv.conf"

RECIPE = """
epochs = 1
batch_size = 32
ema_decay = 0.5
mixup = 0.0
network = { widths = [4, 8], depths = [1, 1] }
"""
SPACE = """
objective = "fer2013_accuracy"
parameters.learning_rate = { low = 0.01, high = 0.1, log = true }
"""

ANALYSING = [
    f"analyze {SAMPLES} video.mp4 --out results --format jsonl,csv,parquet --draw",
    "analyze video.mp4 --report video.html",
    f"explain {PORTRAIT} --out why.png",
    f"similar {PORTRAIT} video.mp4 --out similar.png",
    f"album {SAMPLES} --out album",
    "analyze video.mp4 --study study --shard 1/1",
    "study merge study",
    "models --figures",
    "report-bug",
    "live video.mp4 --headless",
    "data import fer2013.csv fer2013new.csv --out fer",
    "data check fer --find-faces",
    "data split fer --out split.json",
    "serve --keys keys.json --new-key me",
]
TRAINING = [
    "train emotion --data fer --recipe recipe.toml --out run --threads 1",
    "export model run/emotion.onnx --data fer --out small.onnx",
    "calibrate run/emotion.onnx --data fer --out calibrated.onnx",
    "evaluate run/emotion.onnx --data fer --report val.html --out predictions",
    "data report fer --out fer.html --recipe recipe.toml",
    "tune --data fer --recipe recipe.toml --space space.toml --out study --no-near"
    " --selection-share 0.25 --trials 2 --seeds 0",
    "fine-tune few --out tuned",
]
ELSEWHERE = {
    "data render": "tests/data renders; the parametric head it needs is not shipped",
    "export web": "tests/web does it, where the page is built",
    "train detector": "trains as `train emotion` does, for longer",
    "train units": "trains as `train emotion` does; tests/cli does it",
}

RUN_VERBS = """
import json, sys
from mien.cli import main
for line in json.loads(sys.argv[1]):
    sys.argv = ["mien", *line.split()]
    try:
        main()
    except SystemExit as ended:
        if ended.code not in (None, 0, 3):  # 3: a check found something
            sys.exit(f"{line}: {ended.code}")
"""
SERVE = """
import http.client, re, subprocess, sys
command = [sys.executable, "-m", "mien", "serve", "--port", "0"]
with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
    try:
        host = re.search("//([^/]+)/", server.stderr.readline())[1]
        asked = http.client.HTTPConnection(host)
        image = open(sys.argv[1], "rb").read()
        asked.request("POST", "/v1/analyze", image, {"Content-Type": "image/jpeg"})
        answer = asked.getresponse()
        print(answer.status, answer.read().decode())
        asked.close()
    finally:
        server.terminate()
"""


@dataclasses.dataclass(frozen=True)
class Place:
    """A folder for what is asked for, an empty home, and a folder for temporary files."""

    work: Path
    home: Path
    temporary: Path

    @classmethod
    def below(cls, folder: Path) -> Place:
        place = cls(*(folder / name for name in ("work", "home", "temporary")))
        for path in dataclasses.astuple(place):
            path.mkdir()
        return place

    @property
    def environment(self) -> dict[str, str]:
        """As bare as it gets: a variable such as CI keeps some libraries from reporting."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": str(SOURCE),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        }


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.below(tmp_path)


@pytest.fixture(scope="module")
def strace() -> str:
    found = shutil.which("strace")
    if found is None:
        pytest.skip("needs strace: apt-get install strace")
    if subprocess.run([found, "-f", "true"], capture_output=True).returncode:
        pytest.skip("strace may not watch processes here, as in a container without ptrace")
    return found


@pytest.fixture
def watched(strace: str, place: Place):
    """Run Python under strace and return what it printed and its faults."""
    return functools.partial(run_watched, strace, place)


def run_watched(
    strace: str, place: Place, code: str, *arguments: str, more: dict[str, str] | None = None
) -> tuple[str, list[str]]:
    trace = place.work.parent / "trace"
    command = [
        *(strace, "-f", "--seccomp-bpf", "-y", "-s", "256", "-o", str(trace)),
        *("-e", f"trace={','.join(CALLS)}", sys.executable, "-c", code, *arguments),
    ]
    done = subprocess.run(
        command,
        cwd=place.work,
        env=place.environment | (more or {}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    left = [*place.home.rglob("*"), *place.temporary.rglob("*")]
    return done.stdout, [*faults(trace, place), *(f"left behind: {path}" for path in left)]


def whole_calls(trace: Path) -> Iterator[str]:
    """Yield the lines of a trace, those put together that another process interrupted."""
    begun: dict[str, str] = {}
    for line in trace.read_text(errors="replace").splitlines():
        process, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith(" <unfinished ...>"):
            begun[process] = call.removesuffix("<unfinished ...>")
        elif resumed := re.match(r"<\.\.\. \w+ resumed>", call):
            yield begun.pop(process, "") + call[resumed.end() :]
        else:
            yield call
    yield from begun.values()


def faults(trace: Path, place: Place) -> list[str]:
    """Return the calls that reach another machine, look a name up, or write elsewhere."""
    return [call for call in whole_calls(trace) if is_fault(call, place)]


def is_fault(call: str, place: Place) -> bool:
    name, _, said = call.partition("(")
    if name in ("connect", "sendto", "sendmsg", "sendmmsg"):
        path = re.search(r'sun_path=@?"([^"]*)"', said)
        port = re.search(r"sin6?_port=htons\((\d+)\)", said)
        host = re.search(r'(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"', said)
        if path is not None:
            return any(resolver in path[1] for resolver in _RESOLVERS)
        if port is None or host is None:
            return False
        return int(port[1]) == _DNS or not _is_loopback(host[1])
    if name not in CALLS or " = -1 EEXIST" in said:
        return False
    if _LOOK_UP in said:
        return True
    if name.startswith("open") and not re.search(r"O_WRONLY|O_RDWR|O_CREAT", said):
        return False
    opened = re.search(r" = \d+<([^>]+)>$", said)
    paths = [opened[1]] if opened else re.findall(r'"([^"]*)"', said)
    return any(not _may_be_written(place.work / path, place) for path in paths)


def _is_loopback(host: str) -> bool:
    address = ipaddress.ip_address(host)
    # Python 3.13 is the first that looks at the address inside of `::ffff:127.0.0.1`.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _may_be_written(path: Path, place: Place) -> bool:
    asked_for = (place.work, place.temporary, Path("/dev"), Path("/proc"))
    return any(path.is_relative_to(folder) for folder in asked_for)


def data_files(folder: Path, data) -> None:
    (folder / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *fer_lines(data)]))
    (folder / "fer2013new.csv").write_text("\n".join([VOTE_HEADER, *vote_lines(data)]))
    (folder / "recipe.toml").write_text(RECIPE)
    (folder / "space.toml").write_text(SPACE)


def test_every_verb_is_watched():
    root = typer.main.get_command(app)
    verbs = set()
    for name, command in root.commands.items():
        inner = getattr(command, "commands", None)
        verbs |= {name} if inner is None else {f"{name} {verb}" for verb in inner}
    lines = [*ANALYSING, *TRAINING]
    seen = {verb for verb in verbs if any(f"{line} ".startswith(f"{verb} ") for line in lines)}
    assert seen | set(ELSEWHERE) == verbs


def test_analysing_and_looking_at_data(watched, place, toy_dataset):
    from mien.media import read_image

    frames = gliding(read_image(PORTRAIT).frame_rgb, seconds=0.6, per_second=5)
    write_video(place.work / "video.mp4", frames)
    data_files(place.work, toy_dataset)
    _, found = watched(RUN_VERBS, json.dumps(ANALYSING))
    assert found == []


def test_training_measuring_and_tuning(watched, place, toy_dataset):
    from mien.data import import_dataset

    data_files(place.work, toy_dataset)
    import_dataset([place.work / "fer2013.csv", place.work / "fer2013new.csv"], place.work / "fer")
    lines = (place.work / "fer2013.csv").read_text().splitlines()
    (place.work / "few.csv").write_text("\n".join(lines[:9]))
    import_dataset([place.work / "few.csv"], place.work / "few")
    _, found = watched(RUN_VERBS, json.dumps(TRAINING))
    assert found == []


def test_tuning_on_a_cluster_of_this_machine(strace, toy_dataset):
    pytest.importorskip("ray", reason="needs the extra 'cluster'")
    from mien.data import import_dataset

    # The path of a socket may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="r") as folder:
        place = Place.below(Path(folder))
        data_files(place.work, toy_dataset)
        import_dataset(
            [place.work / "fer2013.csv", place.work / "fer2013new.csv"], place.work / "fer"
        )
        lines = json.dumps([f"{TRAINING[-1]} --ray local"])
        _, found = run_watched(strace, place, RUN_VERBS, lines)
    # It looks up this machine's own name, but asks no server for it.
    assert [call for call in found if _LOOK_UP not in call] == []


def test_serving(watched):
    pytest.importorskip("fastapi", reason="needs the extra 'serve'")
    reporting = {
        "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://192.0.2.1:4318",
    }
    said, found = watched(SERVE, str(PORTRAIT), more=reporting)
    assert said.startswith("200 ")
    assert len(json.loads(said.removeprefix("200 "))["results"][0]["faces"]) == 1
    assert found == []


LIBRARY = """
import os, sys
import mien
assert "onnxruntime" not in sys.modules
before = dict(os.environ)
print(len(mien.Analyzer().analyze(sys.argv[1]).faces))
assert dict(os.environ) == before
"""


@pytest.mark.parametrize("variable", [None, "0", "1"])
def test_the_library(watched, variable):
    more = {} if variable is None else {"ORT_DISABLE_TELEMETRY": variable}
    said, found = watched(LIBRARY, str(PORTRAIT), more=more)
    assert said == "1\n"
    assert found == []


def test_the_library_after_somebody_elses_onnxruntime_that_was_told_to_be_quiet(watched):
    said, found = watched(
        f"import onnxruntime\n{LIBRARY.replace('assert', 'assert True or')}",
        str(PORTRAIT),
        more={"ORT_DISABLE_TELEMETRY": "1"},
    )
    assert said == "1\n"
    assert found == []


def test_an_onnxruntime_that_was_imported_before_is_warned_of_once(place):
    code = (
        "import os, onnxruntime, mien\n"
        "mien.Analyzer(), mien.Analyzer()\n"
        "assert 'ORT_DISABLE_TELEMETRY' not in os.environ"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=place.work,
        env=place.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.count("\n") == 1
    assert "onnxruntime was imported before mien" in done.stderr
    assert "Set ORT_DISABLE_TELEMETRY=1 before Python starts" in done.stderr


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ('connect(3<s>, {sa_family=AF_UNIX, sun_path="/tmp/a"}, 110) = 0', False),
        (
            "connect(3<s>, {sa_family=AF_UNIX, "
            'sun_path="/run/systemd/resolve/io.systemd.Resolve"}, 42) = 0',
            True,
        ),
        (
            "connect(3<s>, {sa_family=AF_INET, sin_port=htons(80), "
            'sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
            False,
        ),
        (
            "connect(3<s>, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), "
            'inet_pton(AF_INET6, "::ffff:127.0.0.1", &sin6_addr), sin6_scope_id=0}, 28) = 0',
            False,
        ),
        (
            "connect(3<s>, {sa_family=AF_INET, sin_port=htons(53), "
            'sin_addr=inet_addr("127.0.0.53")}, 16) = 0',
            True,
        ),
        (
            "sendto(3<s>, ..., {sa_family=AF_INET, sin_port=htons(443), "
            'sin_addr=inet_addr("192.0.2.1")}, 16) = 1',
            True,
        ),
        (
            "connect(3<s>, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), "
            'inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28) = -1',
            True,
        ),
        ('openat(AT_FDCWD</a>, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3</etc/passwd>', False),
        ('openat(AT_FDCWD</a>, "/etc/resolv.conf", O_RDONLY) = 3</etc/resolv.conf>', True),
        ('openat(AT_FDCWD</a>, "/var/a", O_WRONLY|O_CREAT, 0666) = 3</var/a>', True),
        ('openat(AT_FDCWD</a>, "a", O_WRONLY|O_CREAT, 0666) = 3</WORK/a>', False),
        ('mkdir("/HOME/.cache", 0700) = 0', True),
        ('mkdir("results", 0700) = 0', False),
        ('mkdir("/var", 0700) = -1 EEXIST (File exists)', False),
    ],
)
def test_what_is_a_fault(place, call, fault):
    call = call.replace("/WORK", str(place.work)).replace("/HOME", str(place.home))
    assert is_fault(call, place) == fault


def test_a_look_up_and_a_file_in_the_home_folder_are_seen(watched, place):
    _, found = watched(
        "import pathlib, socket\n"
        "pathlib.Path.home().joinpath('.seen').touch()\n"
        "socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 443))\n"
        "try: socket.getaddrinfo('mien.invalid', 443)\n"
        "except OSError: pass\n"
    )
    assert any(".seen" in call for call in found)
    assert any("192.0.2.1" in call for call in found)
    assert any("/etc/resolv.conf" in call for call in found)
