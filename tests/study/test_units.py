"""A study with expression units."""

import json

import polars as pl
import pytest

import mien
from mien.errors import OutputError
from mien.inference import UnitModel
from mien.media import read_image
from mien.study import StudyOptions, analysis, merge_studies, study_to
from mien.study.columns import FRAMES, frame_columns
from tests.networks import units_file
from tests.videos import swaying, write_video


@pytest.fixture(scope="module")
def inputs(samples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    photo = read_image(samples / "eileen_collins.jpg").frame_rgb
    for name in ("a", "b"):
        write_video(folder / f"{name}.mp4", swaying(photo, frames=4))
    return folder


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "units.onnx"
    units = {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.75}
    return mien.Analyzer(units=UnitModel(units_file(path, units=units, pose=(20.0, -10.0, 0.0))))


@pytest.fixture(autouse=True)
def without_report(monkeypatch):
    """Leave out the report, which takes a second."""
    monkeypatch.setattr(analysis, "write_report", lambda *_: None)


def fields_of(folder, name):
    package = json.loads((folder / "datapackage.json").read_text())
    (found,) = (each for each in package["resources"] if each["name"] == name)
    return [field["name"] for field in found["schema"]["fields"]]


def test_the_frames_and_the_codebook_have_the_columns_of_units(analyzer, inputs, tmp_path):
    folder = tmp_path / "study"
    study_to(folder, [inputs], analyzer=analyzer)
    frames = pl.read_parquet(folder / "frames" / "*.parquet")
    names = [column.name for column in frame_columns(units=True)]
    assert frames.columns == names == fields_of(folder, "frames")
    assert frames["unit_mouthSmileLeft"].to_list() == [0.5] * 8
    assert frames["au_12"].to_list() == [0.625] * 8
    assert frames["pose_yaw_deg"].to_list() == [20.0] * 8
    videos = pl.read_parquet(folder / "videos.parquet")
    assert videos["unit_model"].to_list() == ["mien-units"] * 2
    assert len(videos["unit_model_sha256"][0]) == 64
    # Its settings are others than those of a study without units.
    with pytest.raises(OutputError, match="unit_model"):
        study_to(folder, [inputs], analyzer=mien.Analyzer(), options=StudyOptions(resume=True))


def test_merged_shards_have_the_columns_of_units(analyzer, inputs, tmp_path):
    folder = tmp_path / "study"
    for number in (1, 2):
        study_to(folder, [inputs], analyzer=analyzer, options=StudyOptions(shard=(number, 2)))
    merge_studies([folder])
    assert fields_of(folder, "frames") == [column.name for column in frame_columns(units=True)]


def test_without_units_the_frames_have_no_columns_of_them(inputs, tmp_path):
    study_to(tmp_path, [inputs / "a.mp4"], analyzer=mien.Analyzer())
    assert fields_of(tmp_path, "frames") == [column.name for column in FRAMES]
    assert pl.read_parquet(tmp_path / "videos.parquet")["unit_model"].to_list() == [None]
