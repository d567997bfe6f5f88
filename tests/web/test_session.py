"""What a session of the page keeps, in a real browser; no visit of a test is long enough for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.emotions import SIX
from tests.web.conftest import WEB, needed

MAX_ROWS = 262_144
FILL = """
window.begin = (labels) => { window.session = new sessions.Session({ labels }, "camera"); };
window.add = (frames) => {
  const face = {
    face: 0, track: 0, box_xyxy: [0, 0, 9, 9], detection_score: 1, label: 0, confidence: 1,
    unsure: false, probabilities: session.contract.labels.map((_, place) => place === 0 ? 1 : 0),
    quality: { size_px: 9, sharpness: 0, brightness: 0, yaw_proxy: 0, roll_deg: 0, truncation: 0 },
  };
  for (let frame = 0; frame < frames; frame++) {
    session.add({ timestamp_s: session.frames / 30, faces: [face] });
  }
};
"""


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A page with the module `session` and nothing else."""
    bundler = WEB / "node_modules" / ".bin" / "rolldown"
    needed(bundler.exists(), "the page's packages (make web)")
    script = tmp_path_factory.mktemp("session") / "session.js"
    source = WEB / "src" / "app" / "session.ts"
    command = [bundler, source, "--format", "iife", "--name", "sessions", "--file", script]
    # Where the system has no Node, the environment has it.
    paths = os.pathsep.join((os.environ["PATH"], str(Path(sys.executable).parent)))
    subprocess.run(command, env=os.environ | {"PATH": paths}, check=True, capture_output=True)
    page = browser.new_page()
    page.add_script_tag(path=script)
    page.add_script_tag(content=FILL)
    yield page
    page.close()


@pytest.fixture
def add(page):
    """Add so many frames to a new session."""
    page.evaluate("(labels) => begin(labels)", list(SIX.labels))
    return lambda frames: page.evaluate("(frames) => add(frames)", frames)


def test_the_oldest_rows_go_and_are_counted(page, add):
    add(MAX_ROWS)
    assert page.evaluate("session.dropped") == 0
    add(1)
    dropped = page.evaluate("session.dropped")
    frames = page.evaluate("[...session.rows()].map((row) => row.frame)")
    assert dropped > 0
    assert frames == list(range(dropped, MAX_ROWS + 1))


def test_rows_that_come_while_others_are_written_leave_no_gap(page, add):
    add(3000)
    page.evaluate("() => { window.rows = session.rows(); rows.next(); }")
    add(5000)
    frames = page.evaluate("[...rows].map((row) => row.frame)")
    assert frames == list(range(1, 3000))
