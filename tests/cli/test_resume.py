import itertools
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from mien.cli import app
from mien.runs import ResultFolder, journal
from tests.videos import gliding, write_video


@pytest.fixture
def stopped_after(monkeypatch):
    """Return a function that has the n-th result be the last before a kill."""
    monkeypatch.setattr(journal, "_INTERVAL_S", 0.0)

    def stop(count):
        written = itertools.count(1)
        write = ResultFolder.write

        def writing(self, result):
            if next(written) > count:
                raise KeyboardInterrupt
            write(self, result)

        monkeypatch.setattr(ResultFolder, "write", writing)
        return lambda: monkeypatch.setattr(ResultFolder, "write", write)

    return stop


def run(*arguments):
    return CliRunner().invoke(app, ["analyze", *map(str, arguments)])


def results(folder):
    return {path.name: path.read_bytes() for path in folder.glob("results.*")}


@pytest.fixture
def album(samples, tmp_path):
    folder = tmp_path / "album"
    for number in range(7):
        (folder / str(number)).mkdir(parents=True)
        name = ("grace_hopper.jpg", "eileen_collins.jpg")[number % 2]
        shutil.copy(samples / name, folder / str(number) / "same name.jpg")
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(folder / "2" / "nobody.png")
    (folder / "3" / "broken.jpg").write_bytes(b"no image")
    return folder


@pytest.mark.parametrize("count", [1, 4, 6, 8])
def test_a_folder_goes_on_where_it_was_stopped(album, tmp_path, stopped_after, count):
    formats = ("--format", "jsonl,csv,parquet", "--draw")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(album, "--out", whole, *formats).exit_code == 1  # one image is broken
    restore = stopped_after(count)
    run(album, "--out", parts, *formats)
    restore()
    assert not (parts / "results.jsonl").exists()
    with (parts / "results.jsonl.partial").open("a") as file:
        file.write('{"source": "half a ro')
    again = run(album, "--out", parts, *formats, "--resume")
    assert f"continuing after {count} of 9" in again.stderr
    first, second = results(whole), results(parts)
    assert set(second) == {"results.jsonl", "results.csv", "results.parquet"}
    assert first["results.jsonl"] == second["results.jsonl"]
    assert first["results.csv"] == second["results.csv"]
    drawn = [sorted(path.name for path in (out / "drawn").iterdir()) for out in (whole, parts)]
    assert drawn[0] == drawn[1]


def test_results_among_their_images_are_no_images_themselves(album, tmp_path, stopped_after):
    out = album / "results"
    restore = stopped_after(4)
    stopped = run(album, "--out", out, "--draw")
    assert stopped.exit_code == 130
    assert "stopped after 4 of 9; continue with --resume" in stopped.stderr
    restore()
    again = run(album, "--out", out, "--draw", "--resume")
    assert "continuing after 4 of 9" in again.stderr
    rows = (out / "results.jsonl").read_text().splitlines()
    assert len(rows) == 8, "seven faces and an image that cannot be read"
    assert "9 read" not in again.stderr
    done = run(album, "--out", out, "--draw", "--resume")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "is complete already" in done.stderr


def test_what_was_stopped_is_not_called_whole(album, tmp_path, stopped_after):
    stopped_after(4)
    stopped = run(album, "--out", tmp_path / "out", "--format", "csv")
    assert stopped.exit_code == 130
    assert f"the results stay in {tmp_path / 'out'}" in stopped.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["results.csv.partial"]


def test_a_run_that_replaces_results_goes_on_too(album, tmp_path, stopped_after):
    out, formats = tmp_path / "out", ("--format", "jsonl,csv,parquet")
    run(album, "--out", out, *formats)
    before = results(out)
    restore = stopped_after(4)
    run(album, "--out", out, *formats, "--overwrite")
    restore()
    again = run(album, "--out", out, *formats, "--resume")
    assert "continuing after 4 of 9" in again.stderr
    assert results(out)["results.jsonl"] == before["results.jsonl"]
    assert results(out)["results.csv"] == before["results.csv"]
    assert not list(out.glob("*.partial"))


@pytest.mark.parametrize("count", [5, 20, 39])
def test_a_video_goes_on_to_the_same_rows(samples, tmp_path, stopped_after, count):
    photo = np.asarray(Image.open(samples / "eileen_collins.jpg").convert("RGB").resize((400, 400)))
    video = tmp_path / "a.mp4"
    write_video(video, gliding(photo, seconds=2.0, per_second=25))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(video, "--out", whole).exit_code == 0
    restore = stopped_after(count)
    run(video, "--out", parts)
    restore()
    before = len((parts / "results.jsonl.partial").read_text().splitlines())
    again = run(video, "--out", parts, "--resume")
    assert again.exit_code == 0
    assert "continuing after 0 of 1 and frame" in again.stderr
    assert 0 < before < len(results(whole)["results.jsonl"].splitlines())
    assert results(parts) == results(whole)


def test_what_differs_from_the_interrupted_run_is_named(album, tmp_path, stopped_after):
    out = tmp_path / "out"
    restore = stopped_after(3)
    run(album, "--out", out)
    restore()
    assert "interrupted analysis" in str(run(album, "--out", out).exception)
    other = run(album / "0", "--out", out, "--resume", "--min-face-px", "30")
    assert "differs in inputs, min_face_px" in str(other.exception)
    assert run(album, "--out", out, "--overwrite").exit_code == 1
    assert set(results(out)) == {"results.jsonl"}


def test_a_damaged_note_and_lost_results_are_said(album, tmp_path, stopped_after):
    out = tmp_path / "out"
    restore = stopped_after(3)
    run(album, "--out", out)
    restore()
    (out / "results.jsonl.partial").write_text("")
    assert "expected at least" in str(run(album, "--out", out, "--resume").exception)
    note = out / "results.unfinished.json"
    note.write_text(json.dumps({"settings": {}}))
    assert "cannot be read" in str(run(album, "--out", out, "--resume").exception)


def test_resuming_what_never_began_begins(album, tmp_path):
    assert run(album, "--out", tmp_path / "out", "--resume").exit_code == 1
    assert set(results(tmp_path / "out")) == {"results.jsonl"}


def test_resuming_and_beginning_anew_exclude_each_other(album, tmp_path):
    result = run(album, "--out", tmp_path / "out", "--resume", "--overwrite")
    assert result.exit_code == 2
    assert "leave out one" in result.output


@pytest.mark.parametrize(
    "arguments", [("--resume",), ("--resume", "--out", "out", "--report", "a.html")]
)
def test_resuming_without_a_place_is_wrong_usage(album, arguments):
    assert run(album, *arguments).exit_code == 2
