"""The files of a job's results, and the rows of one that runs."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from types import SimpleNamespace

from mien._output import partial_path
from mien.server import results
from mien.server.results import ResultFiles
from mien.server.runner import JobRunner
from tests import coroutines

ROW = {"source": "Ünïcode.mp4", "frame": 0, "timestamp_s": None, "error": "damaged"}


def folder_of(path: Path) -> Path:
    path.mkdir()
    line = json.dumps(ROW, ensure_ascii=False) + "\n"
    (path / "results.jsonl").write_text(line, encoding="utf-8")
    return path


def test_a_file_that_is_there_waits_for_none_that_is_made(tmp_path, monkeypatch):
    slow, other = folder_of(tmp_path / "slow"), folder_of(tmp_path / "other")
    begun, go_on, made = threading.Event(), threading.Event(), []
    open_writer = results.open_writer

    def waiting(path, *, units):
        made.append(path)
        if path.parent == slow:
            begun.set()
            assert go_on.wait(20)
        return open_writer(path, units=units)

    monkeypatch.setattr(results, "open_writer", waiting)

    async def ask() -> None:
        files = ResultFiles()
        # More callers than there are threads, and one of them goes away.
        callers = [asyncio.ensure_future(files.get(slow, "csv", units=False)) for _ in range(70)]
        assert await asyncio.to_thread(begun.wait, 20)
        callers.pop().cancel()
        for format in ("jsonl", "csv"):
            path, status = await asyncio.wait_for(files.get(other, format, units=False), 20)
            assert status.st_size == path.stat().st_size > 0
        assert not (slow / "results.csv").exists()
        go_on.set()
        found = await asyncio.gather(*callers)
        assert {path for path, _ in found} == {slow / "results.csv"}

    coroutines.run(ask())
    assert made == [slow / "results.csv", other / "results.csv"]


def test_rows_of_a_file_that_ends_within_a_character_are_those_before_it(tmp_path):
    folder = folder_of(tmp_path / "job")
    whole = (folder / "results.jsonl").read_bytes()
    end = whole.index("Ü".encode()) + 1
    partial_path(folder / "results.jsonl").write_bytes(whole * 2 + whole[:end])
    (folder / "results.jsonl").unlink()
    runner = SimpleNamespace(folder=lambda _: folder)
    assert JobRunner.rows(runner, "id", after=0, max_rows=9) == [ROW, ROW]
    assert JobRunner.rows(runner, "id", after=1, max_rows=9) == [ROW]
