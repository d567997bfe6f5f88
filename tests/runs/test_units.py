"""Expression units in runs: files with their columns, smoothing in videos, and resumed runs."""

import csv
import json

import numpy as np
import pytest

import mien
from mien.errors import OutputError
from mien.media import read_image
from mien.options import SmoothingOptions, VideoOptions
from mien.runs import RunOptions, analyze_to, journal
from tests.videos import swaying, write_video


@pytest.fixture(scope="module")
def analyzer():
    return mien.Analyzer(units=True)


@pytest.fixture(scope="module")
def video(samples, tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "sway.mp4"
    photo = read_image(samples / "eileen_collins.jpg").frame_rgb
    write_video(path, swaying(photo, frames=8))
    return path


@pytest.fixture(scope="module")
def whole(analyzer, video, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    results = []
    options = RunOptions(formats=("jsonl", "csv", "parquet"))
    analyze_to(out, [video], analyzer=analyzer, options=options, on_result=results.append)
    return out, results


def test_every_format_has_the_units_of_every_face(whole):
    from pyarrow import parquet

    out, results = whole
    expected = [face.units["mouthSmileLeft"] for result in results for face in result]
    assert len(expected) == 8
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [row["units"]["mouthSmileLeft"] for row in rows] == expected
    with (out / "results.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [float(row["unit_mouthSmileLeft"]) for row in table] == expected
    assert {row["units_missing"] for row in table} == {""}
    columns = parquet.read_table(out / "results.parquet").to_pydict()
    assert columns["unit_mouthSmileLeft"] == expected
    poses = [face.pose.yaw_deg for result in results for face in result]
    assert columns["pose_yaw_deg"] == poses
    assert [float(row["au_12"]) for row in table] == pytest.approx(columns["au_12"])


def test_units_are_smoothed_by_the_rule_of_the_probabilities(whole):
    _, results = whole
    weight = 1 - np.exp(-0.125 / 0.4)
    before = None
    for result in results:
        (face,) = result
        raw = np.array([*face.raw_units.values(), face.raw_pose.yaw_deg])
        before = raw if before is None else before + weight * (raw - before)
        shown = [*face.units.values(), face.pose.yaw_deg]
        np.testing.assert_allclose(shown, before, atol=1e-6)


def test_without_smoothing_units_are_those_of_each_frame(analyzer, video):
    options = VideoOptions(smoothing=SmoothingOptions(time_constant_s=0))
    for result in analyzer.stream(video, video_options=options):
        (face,) = result
        assert dict(face.units) == pytest.approx(dict(face.raw_units))


class Stop(Exception):  # noqa: N818
    """What ends a run in the middle."""


@pytest.mark.parametrize("count", [1, 5])
def test_a_stopped_run_ends_with_the_same_units(
    analyzer, video, whole, tmp_path, monkeypatch, count
):
    monkeypatch.setattr(journal, "_INTERVAL_S", 0.0)
    results = []

    def stop(result):
        results.append(result)
        if len(results) == count:
            raise Stop

    options = RunOptions(formats=("jsonl", "csv"))
    with pytest.raises(Stop):
        analyze_to(tmp_path, [video], analyzer=analyzer, options=options, on_result=stop)
    resumed = RunOptions(formats=("jsonl", "csv"), resume=True)
    with pytest.raises(
        OutputError,
        match=r"differs in unit model \(it had the file of SHA-256 \w{12}\.\.\., this has none\)",
    ):
        analyze_to(tmp_path, [video], analyzer=mien.Analyzer(), options=resumed)
    analyze_to(tmp_path, [video], analyzer=analyzer, options=resumed)
    for name in ("results.jsonl", "results.csv"):
        assert (tmp_path / name).read_text() == (whole[0] / name).read_text()
