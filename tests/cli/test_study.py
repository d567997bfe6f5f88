import sys

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from mien.cli import app
from mien.media import read_image
from mien.study import analysis
from mien.study.workers import process_runner
from tests.videos import swaying, write_video


@pytest.fixture(autouse=True)
def _without_report(monkeypatch):
    monkeypatch.setattr(analysis, "write_report", lambda *_: None)


@pytest.fixture
def videos(samples, tmp_path):
    photo = read_image(samples / "eileen_collins.jpg").frame_rgb
    folder = tmp_path / "videos"
    folder.mkdir()
    write_video(folder / "a.mp4", swaying(photo, frames=6))
    write_video(folder / "b.mp4", ((n / 8, np.zeros((64, 96, 3), np.uint8)) for n in range(3)))
    return folder


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_a_study_has_a_line_for_each_video_and_goes_on(videos, tmp_path):
    out = tmp_path / "out"
    groups = tmp_path / "groups.csv"
    groups.write_text("video,condition\na,calm\nc,loud\n")
    first = run("analyze", videos, "--study", out, "--format", "csv", "--covariates", groups)
    assert first.exit_code == 0, first.output
    lines = first.stdout.splitlines()
    assert [line.rpartition("/")[2] for line in lines] == [
        "a.mp4  1 person, 1 episode", "b.mp4  0 people, 0 episodes"
    ]  # fmt: skip
    assert "names videos that are not in the study: c" in first.stderr
    assert "does not name" in first.stderr
    assert f"wrote {out / 'people.csv'}" in first.stderr
    assert set(pl.read_csv(out / "groups.csv")["group"]) == {None, "calm"}
    again = run("analyze", videos, "--study", out, "--format", "csv")
    assert again.exit_code == 1
    assert "Continue with --resume, or start again with --overwrite" in str(again.exception)
    (videos / "c.mp4").write_bytes(b"")
    more = run("analyze", videos, "--study", out, "--format", "csv", "--skip-done")
    assert more.exit_code == 1
    assert "2 of 3 are done already" in more.stderr
    assert "c.mp4: " in more.stderr


def test_the_rule_of_episodes_is_given_and_kept(videos, tmp_path):
    out = tmp_path / "out"
    rule = ("--min-event", 60, "--max-event-gap", 2)
    found = run("analyze", videos / "a.mp4", "--study", out, *rule)
    assert found.stdout.endswith("a.mp4  1 person, 0 episodes\n")
    (video,) = pl.read_parquet(out / "videos.parquet").to_dicts()
    assert (video["min_event_s"], video["max_event_gap_s"]) == (60, 2)
    again = run("analyze", videos / "a.mp4", "--study", out, "--resume")
    assert "differs in max_event_gap_s, min_event_s" in str(again.exception)


def test_a_study_on_ray_without_it_says_how_to_install_it(videos, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    found = run("analyze", videos, "--study", tmp_path / "out", "--ray", "local")
    assert found.exit_code == 1
    assert "a Ray cluster needs the extra 'cluster'" in str(found.exception)
    assert not (tmp_path / "out").exists()


def test_workers_on_ray_are_actors(videos, tmp_path, monkeypatch):
    asked = []

    def ray_unit_runner(address, *, actors, gpus=0.0):
        asked.append((address, {"actors": actors, "gpus": gpus}))
        return process_runner()

    monkeypatch.setattr("mien.cluster.study.ray_unit_runner", ray_unit_runner)
    ray = ("--ray", "head:10001")
    assert run("analyze", videos, "--study", tmp_path / "1", *ray).exit_code == 0
    more = (*ray, "--workers", 3, "--gpus", 0.25)
    assert run("analyze", videos, "--study", tmp_path / "2", *more).exit_code == 0
    assert asked == [
        ("head:10001", {"actors": None, "gpus": 0.0}),
        ("head:10001", {"actors": 3, "gpus": 0.25}),
    ]


def test_shards_are_merged(videos, tmp_path):
    out = tmp_path / "out"
    one = run("analyze", videos, "--study", out, "--shard", "1/2")
    assert one.exit_code == 0
    assert f"mien study merge {out}" in one.stderr
    early = run("study", "merge", out)
    assert early.exit_code == 1
    assert "shards are missing: 2/2" in str(early.exception)
    assert run("analyze", videos, "--study", out, "--shard", "2/2").exit_code == 0
    assert run("study", "merge", out).exit_code == 0
    assert pl.read_parquet(out / "videos.parquet").height == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--study", "s", "--out", "o"), "--out does nothing with --study"),
        (("--study", "s", "--json"), "--json does nothing with --study"),
        (("--study", "s", "--draw"), "--draw does nothing with --study"),
        (("--study", "s", "--report", "r.html"), "--report does nothing with --study"),
        (("--study", "s", "--format", "jsonl"), "are parquet or csv; name one"),
        (("--study", "s", "--format", "csv,parquet"), "are parquet or csv; name one"),
        (("--study", "s", "--resume", "--overwrite"), "leave out one"),
        (("--study", "s", "--shard", "3"), "expected a number such as 3/20, found '3'"),
        (
            ("--study", "s", "--shard", "4/3"),
            "--shard 4/3: expected a number from 1 to 3",
        ),
        (("--study", "s", "--shard", "1/3", "--covariates", "g.csv"), "give them to the"),
        (("--workers", "2"), "--workers does nothing without --study"),
        (("--shard", "1/2"), "--shard does nothing without --study"),
        (("--ray", "local"), "--ray does nothing without --study"),
        (("--study", "s", "--gpus", "0.5"), "--gpus does nothing without --ray ADDRESS"),
        (("--min-event", "1"), "--min-event does nothing without --study"),
        (("--max-event-gap", "1"), "--max-event-gap does nothing without --study"),
        (("--covariates", "g.csv"), "--covariates does nothing without --study"),
    ],
)
def test_options_that_do_not_go_together_are_refused(videos, arguments, message, monkeypatch):
    monkeypatch.chdir(videos.parent)
    found = run("analyze", videos, *arguments)
    assert found.exit_code == 2, found.output
    assert message in " ".join(found.stderr.replace("│", " ").split())
    assert not (videos.parent / "s").exists()
