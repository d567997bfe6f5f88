import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from mien.cli import edge
from tests.conftest import SAMPLES
from tests.videos import gliding, write_video


def heed_interruptions():
    """A process in the background of a shell ignores Ctrl-C, and what it starts does, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def mien(*arguments, **streams):
    command = [sys.executable, "-m", "mien", *map(str, arguments)]
    prepare = None if os.name == "nt" else heed_interruptions
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, preexec_fn=prepare, **streams
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_is_one_line(unbuffered):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
        process = mien("--version", stdout=full, env=environment)
    assert process.communicate()[1] == "mien: stdout: cannot write: No space left on device\n"
    assert process.returncode == 1


def test_messages_that_cannot_be_written_do_not_stop_the_work(monkeypatch, capsys):
    class Full:
        def write(self, text):
            raise OSError("full")

        def flush(self):
            pass

    monkeypatch.setattr(sys, "stderr", Full())
    edge.print_error("unseen")
    assert capsys.readouterr().err == ""


def test_an_interruption_that_python_could_not_raise_is_raised_in_the_next_turn(monkeypatch):
    edge.raise_interruption()
    monkeypatch.setattr(edge, "_interrupted", threading.Event())
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        edge.interrupt_once()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                edge.raise_interruption()
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_the_system_refuses_is_said_with_the_path():
    error = OSError(28, "No space left on device", "a.txt")
    assert edge.describe_os_error(error) == "a.txt: No space left on device"
    assert edge.describe_os_error(OSError("odd")) == "odd"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_a_second_interruption_while_drawing_is_ignored_and_the_run_can_go_on(tmp_path):
    photo = np.asarray(Image.open(SAMPLES / "eileen_collins.jpg").convert("RGB"))
    video = write_video(tmp_path / "v.mp4", gliding(photo, seconds=40, per_second=25))
    out = tmp_path / "out"
    process = mien("analyze", video, "--out", out, "--draw", stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (out / "drawn" / "v.mp4.partial").exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    assert process.communicate()[1] == "stopped after 0 of 1; continue with --resume\n"
    assert process.returncode == 130
    assert (out / "results.unfinished.json").exists()
