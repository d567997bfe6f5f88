import itertools
import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from mien.cli import app
from mien.errors import OutputError
from mien.runs import ResultFolder, journal
from tests.videos import gliding, write_video


@pytest.fixture
def stopped_after(monkeypatch):
    """Return a function that has the n-th result be the last before a kill."""
    monkeypatch.setattr(journal, "_INTERVAL_S", 0.0)

    def stop(count):
        written = itertools.count(1)
        write = ResultFolder.write

        def writing(self, result, **options):
            if next(written) > count:
                raise KeyboardInterrupt
            write(self, result, **options)

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
    assert set(second) == {f"results.{end}" for end in ("jsonl", "csv", "parquet", "run.json")}
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
    assert again.exit_code == 1, "as for a run that was not stopped"
    done = run(album, "--out", out, "--draw", "--resume")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "is complete already" in done.stderr
    assert "broken.jpg: not an image" in done.stderr


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
    stopped = run(video, "--out", parts)
    restore()
    before = len((parts / "results.jsonl.partial").read_text().splitlines())
    again = run(video, "--out", parts, "--resume")
    assert again.exit_code == 0
    done = stopped.stderr.partition("stopped after ")[2].partition(";")[0]
    assert done.startswith("0 of 1 and frame")
    assert f"continuing after {done}\n" in again.stderr
    assert 0 < before < len(results(whole)["results.jsonl"].splitlines())
    assert results(parts) == results(whole)


def test_what_differs_from_the_interrupted_run_is_named(album, tmp_path, stopped_after):
    out = tmp_path / "out"
    restore = stopped_after(3)
    run(album, "--out", out)
    restore()
    assert "interrupted analysis" in str(run(album, "--out", out).exception)
    other = run(album / "0", "--out", out, "--resume", "--min-face-px", "30")
    assert "differs in min_face_px and had other inputs: " in str(other.exception)
    assert "same name.jpg and 5 more missing now" in str(other.exception)
    assert run(album, "--out", out, "--overwrite").exit_code == 1
    assert set(results(out)) == {"results.jsonl", "results.run.json"}


@pytest.fixture
def stopped(album, tmp_path, stopped_after):
    """The folder of a run that was stopped after three of nine inputs."""
    restore = stopped_after(3)
    run(album, "--out", tmp_path / "out")
    restore()
    return tmp_path / "out"


def refusal(*arguments):
    result = run(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, OutputError)
    return str(result.exception)


def damage_in_the_middle(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def test_damaged_files_of_an_interrupted_run_are_said(album, stopped):
    partial, note = stopped / "results.jsonl.partial", stopped / "results.unfinished.json"
    (inputs,) = stopped.glob("results.unfinished.inputs-*.json")
    whole = {path: path.read_bytes() for path in (partial, note, inputs)}
    for path, change, said in (
        (partial, lambda path: path.write_text(""), "expected at least"),
        (partial, damage_in_the_middle, "the results of the interrupted run are damaged"),
        (partial, lambda path: path.unlink(), "are missing"),
        (note, lambda path: path.write_text(json.dumps({"settings": {}})), "cannot be read"),
        (note, lambda path: path.write_bytes(whole[path][:-40]), "cannot be read"),
        (note, lambda path: path.write_text("[" * 100_000), "cannot be read"),
        (note, damage_in_the_middle, "cannot be read"),
        (inputs, damage_in_the_middle, "the list of inputs is damaged"),
        (inputs, lambda path: path.unlink(), "cannot be read"),
    ):
        change(path)
        message = refusal(album, "--out", stopped, "--resume")
        assert said in message
        assert "\n" not in message
        path.write_bytes(whole[path])
    assert run(album, "--out", stopped, "--resume").exit_code == 1  # one image is broken
    assert set(results(stopped)) == {"results.jsonl", "results.run.json"}


def test_inputs_that_were_replaced_are_refused_by_name(album, stopped):
    done, later = album / "0" / "same name.jpg", album / "6" / "same name.jpg"
    for changed in (done, later):
        before, status = changed.read_bytes(), changed.stat()
        changed.write_bytes(before + b" ")
        os.utime(changed, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert f"other inputs: {changed} changed since" in refusal(
            album, "--out", stopped, "--resume"
        )
        changed.write_bytes(before)
        os.utime(changed, ns=(status.st_atime_ns, status.st_mtime_ns))
    later.rename(album / "7.jpg")
    message = refusal(album, "--out", stopped, "--resume")
    assert f"{album / '7.jpg'} new; {later} missing now" in message
    (album / "7.jpg").rename(later)
    assert "continuing after 3 of 9" in run(album, "--out", stopped, "--resume").stderr


def test_drawing_that_is_added_later_is_refused(album, stopped):
    assert "differs in draw" in refusal(album, "--out", stopped, "--resume", "--draw")


def test_complete_results_of_other_inputs_are_not_called_those_of_these(album, tmp_path):
    out = tmp_path / "out"
    run(album / "0", "--out", out)
    assert "results of other inputs" in refusal(album / "1", "--out", out, "--resume")
    more = ("--format", "jsonl,csv")
    assert "without results.csv" in refusal(album / "0", "--out", out, "--resume", *more)
    assert "without drawn copies" in refusal(album / "0", "--out", out, "--resume", "--draw")
    assert run(album / "0", "--out", out, "--resume").exit_code == 0
    changed = album / "0" / "same name.jpg"
    later_ns = (out / "results.jsonl").stat().st_mtime_ns + 10**9
    os.utime(changed, ns=(later_ns, later_ns))
    assert f"{changed} was changed after" in refusal(album / "0", "--out", out, "--resume")
    (out / "results.jsonl").write_bytes(b"\xff{")
    assert "cannot be read" in refusal(album / "0", "--out", out, "--resume")
    assert run(album / "0", "--out", out, "--overwrite").exit_code == 0


def test_resuming_what_never_began_begins(album, tmp_path):
    assert run(album, "--out", tmp_path / "out", "--resume").exit_code == 1
    assert set(results(tmp_path / "out")) == {"results.jsonl", "results.run.json"}


def test_resuming_and_beginning_anew_exclude_each_other(album, tmp_path):
    result = run(album, "--out", tmp_path / "out", "--resume", "--overwrite")
    assert result.exit_code == 2
    assert "leave out one" in result.output


@pytest.mark.parametrize(
    "arguments", [("--resume",), ("--resume", "--out", "out", "--report", "a.html")]
)
def test_resuming_without_a_place_is_wrong_usage(album, arguments):
    assert run(album, *arguments).exit_code == 2
