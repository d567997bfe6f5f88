import csv
import dataclasses
import errno
import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from pyarrow import parquet

import mien
from mien.emotions import SIX
from mien.errors import InputError, OptionsError, OutputError
from mien.media import read_image
from mien.options import BaselineOptions, VideoOptions
from mien.study import (
    Record,
    StudyOptions,
    analysis,
    merge_studies,
    own_files,
    study_to,
    unit_analysis,
)
from mien.study import tables as study_tables
from mien.study.columns import FRAMES, TABLES
from mien.study.own_files import OwnFiles
from mien.study.units import IMAGES_PER_UNIT, find_units
from tests.videos import gliding, swaying, write_video

TABLE_NAMES = ("people", "events", "videos", "synchrony", "groups")


class Stop(Exception):  # noqa: N818
    """What ends a study in the middle."""


@pytest.fixture(scope="module")
def analyzer():
    return mien.Analyzer()


@pytest.fixture(scope="module")
def inputs(samples, tmp_path_factory):
    """Two videos of one name, one without a face, one cut off, one that is none, and two images."""
    folder = tmp_path_factory.mktemp("inputs")
    photo = read_image(samples / "eileen_collins.jpg").frame_rgb
    for name, frames in (("one", 8), ("two", 12)):
        (folder / name).mkdir()
        write_video(folder / name / "same name.mp4", swaying(photo, frames=frames))
    nobody = np.zeros((64, 96, 3), np.uint8)
    write_video(folder / "nobody.mp4", ((n / 8, nobody) for n in range(4)))
    frames = gliding(photo, seconds=1, per_second=8)
    whole = write_video(folder / "cut.mkv", frames, format="matroska").read_bytes()
    (folder / "cut.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    (folder / "empty.mp4").write_bytes(b"")
    Image.fromarray(photo).save(folder / "p.png")
    (folder / "q.png").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="module")
def study(analyzer, inputs, tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "study"
    return study_to(out, [inputs], analyzer=analyzer)


@pytest.fixture
def without_report(monkeypatch):
    """Leave out the report, which takes a second."""
    monkeypatch.setattr(analysis, "write_report", lambda *_: None)


def tables(folder):
    """Return all rows of a study but the seconds that it took."""
    found = {name: parquet.read_table(folder / f"{name}.parquet") for name in TABLE_NAMES}
    found["videos"] = found["videos"].drop_columns("analysis_s")
    rows = {name: table.to_pylist() for name, table in found.items()}
    for path in sorted((folder / "frames").iterdir()):
        rows[path.name] = parquet.read_table(path).to_pylist()
    for path in sorted((folder / "exports").iterdir()):
        rows[path.name] = path.read_bytes()
    rows["events.boris"] = (folder / "events.boris").read_bytes()
    return rows


def frames_of(study, source):
    return pl.read_parquet(study.folder / "frames" / "*.parquet").filter(
        pl.col("source") == str(source)
    )


def test_every_frame_has_a_row_and_one_without_a_face_has_no_other_value(study, inputs):
    nobody = frames_of(study, inputs / "nobody.mp4")
    assert nobody["frame"].to_list() == [0, 1, 2, 3]
    assert nobody["faces_found"].to_list() == [0, 0, 0, 0]
    known = {"source", "frame", "timestamp_s", "faces_found"}
    assert set(nobody[:, [not each.null_count() for each in nobody]].columns) == known
    two = frames_of(study, inputs / "two" / "same name.mp4")
    assert two["frame"].unique().to_list() == list(range(12))
    assert two["faces_found"].to_list() == [1] * 12
    assert two["person"].to_list() == [1] * 12
    assert two["found"].to_list()[0] == "detected"
    assert set(two["found"]) <= {"detected", "followed"}
    assert two.columns == [column.name for column in FRAMES]


def test_smoothed_and_raw_probabilities_both_sum_to_one(study, inputs):
    frames = frames_of(study, inputs / "two" / "same name.mp4")
    for end in ("", "_raw"):
        sums = frames.select(pl.sum_horizontal(f"p_{label}{end}" for label in SIX.labels))
        np.testing.assert_allclose(sums.to_numpy(), 1, atol=1e-5)
    assert frames["p_happy"].to_list() != frames["p_happy_raw"].to_list()
    assert frames["p_happy"][0] == pytest.approx(frames["p_happy_raw"][0], abs=1e-3)
    assert frames["p_happy_uncorrected"].null_count() == 12
    shown = frames.select(pl.concat_list(f"p_{label}" for label in SIX.labels).list.arg_max())
    most = [SIX.labels[place] for place in shown.to_series()]
    assert frames["held"].to_list() == [
        a != b for a, b in zip(most, frames["emotion"], strict=True)
    ]


def test_two_videos_of_one_name_are_two(study, inputs):
    videos = pl.read_parquet(study.folder / "videos.parquet")
    same = videos.filter(pl.col("name").str.starts_with("same_name-"))
    assert same["name"].n_unique() == 2
    assert same["frames_read"].to_list() == [8, 12]
    assert same["people"].to_list() == [1, 1]
    assert same["frames_with_faces"].to_list() == [8, 12]
    assert same["size_bytes"].to_list() == [
        (inputs / name / "same name.mp4").stat().st_size for name in ("one", "two")
    ]


def test_what_cannot_be_read_is_told_and_has_no_people(study, inputs):
    assert {Path(source).name for source in study.failures} == {"cut.mkv", "empty.mp4", "q.png"}
    videos = {Path(row["source"]).name: row for row in tables(study.folder)["videos"]}
    assert "damaged" in videos["cut.mkv"]["error"] or "cut off" in videos["cut.mkv"]["error"]
    assert videos["cut.mkv"]["frames_read"] > 0
    assert videos["empty.mp4"]["frames_read"] == videos["empty.mp4"]["people"] == 0
    assert videos["empty.mp4"]["error"]
    assert videos["nobody.mp4"]["error"] is None
    assert frames_of(study, inputs / "q.png")["error"].to_list() != [None]
    assert frames_of(study, inputs / "p.png")["p_happy_raw"][0] > 0.5


def test_a_video_of_which_nothing_was_read_has_no_exports(study):
    videos = tables(study.folder)["videos"]
    read = {row["name"] for row in videos if Path(row["source"]).name != "empty.mp4"}
    assert len(read) == len(videos) - 1
    assert {path.stem for path in (study.folder / "exports").iterdir()} == read
    project = json.loads((study.folder / "events.boris").read_text(encoding="utf-8"))
    assert project["observations"].keys() == read


def test_a_video_without_a_length_has_no_textgrid(tmp_path):
    video = {"frames_read": 1, "duration_s": None, "last_frame_s": 0.0}
    record = Record(name="a", sources=("a.mp4",), fingerprints=(None,), frames_bytes=0,
                    frames_rows=1, video=video)  # fmt: skip
    study_tables._write_exports(tmp_path, record, OwnFiles(tmp_path))
    assert {path.name for path in tmp_path.glob("a.*")} == {"a.srt", "a.vtt", "a.eaf"}


def test_exports_go_when_their_video_can_no_longer_be_read(small, analyzer):
    (small / "videos" / "nobody.mp4").write_bytes(b"")
    again(small, analyzer, resume=True)
    assert {path.stem[:4] for path in (small / "out" / "exports").iterdir()} == {"same"}


def test_tables_agree_with_each_other(study):
    rows = tables(study.folder)
    frames = pl.read_parquet(study.folder / "frames" / "*.parquet").filter(
        pl.col("person").is_not_null()
    )
    for person in rows["people"]:
        own = frames.filter(source=person["source"], person=person["person"])
        assert own.height == person["frames"]
        assert own["p_happy"].mean() == pytest.approx(person["p_happy_mean"], abs=1e-6)
        assert own["sharpness"].mean() == pytest.approx(person["sharpness_mean"])
        mine = [e for e in rows["events"] if e["source"] == person["source"]]
        assert len(mine) == person["episodes"]
        for each in mine:
            shown = own.filter(pl.col("timestamp_s") == each["peak_s"])
            assert shown["emotion"].to_list() == [each["emotion"]]
            assert shown[f"p_{each['emotion']}"][0] == pytest.approx(each["peak_probability"])


def test_the_codebook_describes_each_column_of_each_file(study):
    package = json.loads((study.folder / "datapackage.json").read_text())
    assert [each["name"] for each in package["resources"]] == [table.name for table in TABLES]
    for resource in package["resources"]:
        paths = resource["path"]
        for path in [paths] if isinstance(paths, str) else paths:
            found = parquet.read_table(study.folder / path)
            fields = resource["schema"]["fields"]
            assert found.column_names == [field["name"] for field in fields]
            for field in fields:
                constraints = field.get("constraints", {})
                values = [each for each in found[field["name"]].to_pylist() if each is not None]
                assert field["description"]
                assert len(values) == len(found) or not constraints.get("required")
                assert all(each in constraints.get("enum", values) for each in values)
                assert all(each >= constraints.get("minimum", each) for each in values)
                assert all(each <= constraints.get("maximum", each) for each in values)


def test_csv_has_the_same_names_and_values(analyzer, inputs, study, tmp_path):
    video = inputs / "one" / "same name.mp4"
    made = study_to(tmp_path, video, analyzer=analyzer, options=StudyOptions(format="csv"))
    (path,) = (tmp_path / "frames").iterdir()
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = frames_of(study, video).to_dicts()
    assert list(rows[0]) == list(expected[0])
    assert [float(row["p_happy_raw"]) for row in rows] == [row["p_happy_raw"] for row in expected]
    assert {path.suffix for path in made.written if path.is_file()} == {
        ".csv", ".json", ".boris", ".html"
    }  # fmt: skip


@pytest.mark.parametrize("results", [1, 9, 17, 26, 32])
def test_a_study_that_was_stopped_anywhere_ends_with_the_same_tables(
    analyzer, inputs, study, tmp_path, results, without_report
):
    count = 0

    def on_progress(done, total):
        nonlocal count
        count += 1
        if count == results:
            raise Stop

    with pytest.raises(Stop):
        study_to(tmp_path, [inputs], analyzer=analyzer, on_progress=on_progress)
    assert not (tmp_path / "people.parquet").exists()
    finished = len(list((tmp_path / "records").glob("*")))
    again = study_to(tmp_path, [inputs], analyzer=analyzer, options=StudyOptions(resume=True))
    assert again.done_before == finished < again.done == again.units == 6
    assert again.failures == study.failures
    assert tables(tmp_path) == tables(study.folder)
    assert not list(tmp_path.rglob("*.partial"))


def test_processes_make_the_same_tables_as_one(analyzer, inputs, study, tmp_path, without_report):
    parts = []
    made = study_to(
        tmp_path,
        [inputs],
        analyzer=analyzer,
        options=StudyOptions(workers=2),
        on_progress=lambda done, total: parts.append((done, total)),
    )
    assert tables(tmp_path) == tables(study.folder)
    assert made.failures == study.failures
    assert parts[-1] == (6, 6)


def test_shards_in_one_folder_or_in_several_are_merged_to_the_same_tables(
    analyzer, inputs, study, tmp_path, without_report
):
    for number in (1, 2, 3):
        options = StudyOptions(shard=(number, 3))
        for out in (tmp_path / "one", tmp_path / f"part{number}"):
            made = study_to(out, [inputs], analyzer=analyzer, options=options)
            assert made.units == 2
            assert made.written == ()
        if number == 1:
            with pytest.raises(InputError, match="shards are missing: 2/3, 3/3"):
                merge_studies(tmp_path / "one")
    merged = merge_studies(tmp_path / "one")
    assert merged.failures == study.failures
    parts = [tmp_path / f"part{number}" for number in (1, 2, 3)]
    with pytest.raises(OptionsError, match="out: several studies need a folder"):
        merge_studies(parts)
    merge_studies(parts, tmp_path / "all")
    expected = tables(study.folder)
    assert tables(tmp_path / "one") == tables(tmp_path / "all") == expected
    resumed = StudyOptions(resume=True)
    assert study_to(tmp_path / "all", [inputs], analyzer=analyzer, options=resumed).done_before == 6
    with pytest.raises(OutputError, match="made in 3 shards"):
        study_to(tmp_path / "one", [inputs], analyzer=analyzer, options=resumed)


def test_shards_of_different_inputs_are_neither_continued_nor_merged(
    analyzer, inputs, tmp_path, without_report
):
    def shard(number, out, *given, **options):
        found = StudyOptions(shard=(number, 2), **options)
        return study_to(tmp_path / out, given or [folder], analyzer=analyzer, options=found)

    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("b.mp4", "c.mp4"):
        shutil.copy(inputs / "nobody.mp4", folder / name)
    shard(1, "out")
    shard(1, "part1")
    shutil.copytree(folder, tmp_path / "elsewhere")
    shard(2, "part2", tmp_path / "elsewhere" / "b.mp4", tmp_path / "elsewhere" / "c.mp4")
    merge_studies([tmp_path / "part1", tmp_path / "part2"], tmp_path / "all")
    shutil.copy(inputs / "nobody.mp4", folder / "a.mp4")
    for number in (1, 2):  # now of a and c, and of b
        with pytest.raises(OutputError, match="out: shard 1/2 there is made of other inputs"):
            shard(number, "out", resume=True)
    shard(2, "other")
    with pytest.raises(InputError, match="other: shard 2/2 is made of other inputs than shard 1/2"):
        merge_studies([tmp_path / "part1", tmp_path / "other"], tmp_path / "all2")
    shard(1, "other")
    merged = merge_studies([tmp_path / "other", tmp_path / "part2", tmp_path / "part1"],
                           tmp_path / "all2")  # fmt: skip
    assert merged.units == 4
    (folder / "a.mp4").unlink()
    assert shard(1, "out", resume=True).done_before == 1


def test_a_merged_study_never_replaces_one_of_its_parts(
    analyzer, inputs, tmp_path, monkeypatch, without_report
):
    for name in ("one", "two"):
        study_to(tmp_path / name, [inputs / name], analyzer=analyzer)
    (tmp_path / "link").symlink_to(tmp_path / "one")
    monkeypatch.chdir(tmp_path)
    kept = tables(tmp_path / "one")
    for out in ("one", "link", tmp_path / "one"):
        with pytest.raises(OutputError, match="is one of the studies that are merged"):
            merge_studies(["one", "two"], out, overwrite=True)
    assert merge_studies("one", tmp_path / "link", overwrite=True).units == 1
    assert tables(tmp_path / "one") == kept


def test_exports_lead_to_the_videos_wherever_their_tables_are_made(
    analyzer, inputs, tmp_path, monkeypatch, without_report
):
    monkeypatch.chdir(inputs)
    study_to(tmp_path / "one", "nobody.mp4", analyzer=analyzer)
    monkeypatch.chdir(tmp_path)
    merge_studies("one", "merged")
    (document,) = (tmp_path / "merged" / "exports").glob("*.eaf")
    assert (inputs / "nobody.mp4").as_uri() in document.read_text(encoding="utf-8")
    project = json.loads((tmp_path / "merged" / "events.boris").read_text(encoding="utf-8"))
    (observation,) = project["observations"].values()
    assert observation["file"]["1"] == [str(inputs / "nobody.mp4")]


def test_an_image_in_two_groups_is_not_merged(analyzer, inputs, tmp_path, without_report):
    for name in ("a.png", "b.png"):
        shutil.copy(inputs / "p.png", tmp_path / name)
        study_to(tmp_path / name[0], tmp_path / "*.png", analyzer=analyzer)
    with pytest.raises(InputError, match=r"a\.png is in .*a, too, among other images"):
        merge_studies([tmp_path / "a", tmp_path / "b"], tmp_path / "all")


def test_a_video_with_two_paths_is_not_merged_and_copies_of_one_are_noted(
    analyzer, inputs, tmp_path, monkeypatch, without_report
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v").mkdir()
    shutil.copy(inputs / "nobody.mp4", "v/a.mp4")
    shutil.copy(inputs / "nobody.mp4", "v/b.mp4")
    (tmp_path / "link").symlink_to("v")
    study_to("one", "v/a.mp4", analyzer=analyzer)
    for given in (tmp_path / "v" / "a.mp4", "link/a.mp4"):
        study_to("two", given, analyzer=analyzer, options=StudyOptions(overwrite=True))
        with pytest.raises(InputError, match=r"a\.mp4 is the same file as v/a\.mp4 of one, and"):
            merge_studies(["one", "two"], "all")
        assert not (tmp_path / "all").exists()
    study_to("two", "v/b.mp4", analyzer=analyzer, options=StudyOptions(overwrite=True))
    merged = merge_studies(["one", "two"], "all")
    note = "the same content under two names counts as two videos: v/a.mp4 and v/b.mp4"
    assert (merged.units, merged.notes) == (2, (note,))
    assert study_to("both", "v", analyzer=analyzer).notes == (note,)


def test_a_shard_that_is_not_done_is_not_merged(analyzer, inputs, tmp_path, without_report):
    def stop(record):
        raise Stop

    with pytest.raises(Stop):
        study_to(tmp_path, [inputs / "one", inputs / "two"], analyzer=analyzer, on_record=stop)
    with pytest.raises(InputError, match=r"not done yet: .*two.same name\.mp4"):
        merge_studies(tmp_path)
    study_to(tmp_path / "done", inputs / "nobody.mp4", analyzer=analyzer)
    with pytest.raises(InputError, match=f"^{tmp_path}: not done yet"):
        merge_studies([tmp_path / "done", tmp_path], tmp_path / "all")
    with pytest.raises(InputError, match="holds no study"):
        merge_studies(inputs)


def test_frames_that_are_missing_or_damaged_are_not_merged(
    analyzer, inputs, tmp_path, without_report
):
    for name in ("one", "two"):
        study_to(tmp_path / name, inputs / name, analyzer=analyzer)
    (frames,) = (tmp_path / "two" / "frames").iterdir()
    kept = tables(tmp_path / "two")
    whole = frames.read_bytes()
    for damaged, fault in ((whole[:-1], "is damaged: expected"), (None, "is missing")):
        frames.unlink()
        if damaged is not None:
            frames.write_bytes(damaged)
        advice = r"\. Continue that study with --resume, which analyses .*two.same name\.mp4 again"
        for folders, out in (([tmp_path / "one", tmp_path / "two"], tmp_path / "all"),
                             (tmp_path / "two", None)):  # fmt: skip
            with pytest.raises(InputError, match=f"{frames.name}: {fault}.*{advice}") as caught:
                merge_studies(folders, out)
            assert str(caught.value).startswith(str(tmp_path / "two"))
        assert not (tmp_path / "all").exists()
    frames.write_bytes(whole)
    assert merge_studies([tmp_path / "one", tmp_path / "two"], tmp_path / "all").units == 2
    assert tables(tmp_path / "two") == kept


@pytest.fixture
def small(analyzer, inputs, tmp_path, without_report):
    """A folder with two videos, and its study."""
    shutil.copytree(inputs / "one", tmp_path / "videos")
    shutil.copy(inputs / "nobody.mp4", tmp_path / "videos")
    study_to(tmp_path / "out", [tmp_path / "videos"], analyzer=analyzer)
    return tmp_path


def again(small, analyzer, **options):
    analyzed = []
    made = study_to(
        small / "out",
        [small / "videos"],
        analyzer=analyzer,
        options=StudyOptions(**options),
        on_record=lambda record: analyzed.append(Path(record.sources[0]).name),
    )
    return analyzed, made


def test_what_changed_or_came_is_analysed_and_the_rest_is_not(
    small, analyzer, inputs, without_report
):
    assert again(small, analyzer, resume=True)[0] == []
    shutil.copy(inputs / "two" / "same name.mp4", small / "videos" / "same name.mp4")
    shutil.copy(inputs / "p.png", small / "videos")
    analyzed, made = again(small, analyzer, resume=True)
    assert analyzed == ["p.png", "same name.mp4"]
    assert [row["frames"] for row in tables(made.folder)["people"]] == [12]


def test_more_images_are_added_to_a_study_and_those_done_are_not_analysed_again(
    analyzer, inputs, tmp_path, without_report
):
    def resumed():
        found = []
        options = StudyOptions(resume=True)
        study_to(
            tmp_path / "out", [tmp_path / "in"], analyzer=analyzer, options=options,
            on_record=lambda record: found.append([Path(each).name for each in record.sources]),
        )  # fmt: skip
        frames = pl.read_parquet(tmp_path / "out" / "frames" / "*.parquet")
        assert sorted(Path(each).name for each in frames["source"]) == names
        return found

    (tmp_path / "in").mkdir()
    names = []
    for name in ("b.png", "a.png", "c.png"):
        shutil.copy(inputs / "p.png", tmp_path / "in" / name)
        names = sorted([*names, name])
        assert resumed() == [[name]]
    (tmp_path / "in" / "b.png").unlink()
    with pytest.raises(OutputError, match=r"inputs that are missing now: .*b\.png\. Name them"):
        resumed()
    # A group that was begun and not done is grouped otherwise, and its frames are not left.
    shutil.copy(inputs / "p.png", tmp_path / "in" / "b.png")
    for record in (tmp_path / "out" / "records").iterdir():
        record.unlink()
    assert resumed() == [["a.png", "b.png", "c.png"]]


def test_files_that_are_gone_from_the_study_are_made_again(small, analyzer, without_report):
    (path,) = (small / "out" / "frames").glob("nobody*")
    path.write_bytes(path.read_bytes()[:-1])
    assert again(small, analyzer, resume=True)[0] == ["nobody.mp4"]
    path.unlink()
    (record,) = (small / "out" / "records").glob("same*")
    record.write_text(record.read_text()[:-9])
    assert again(small, analyzer, resume=True)[0] == ["nobody.mp4", "same name.mp4"]


def test_another_study_in_the_folder_is_refused_in_one_line(small, analyzer, without_report):
    before = tables(small / "out")
    with pytest.raises(OutputError, match=r"holds a study already\. Continue with resume=True"):
        again(small, analyzer)
    with pytest.raises(OutputError, match=r"differs in max_fps\. Use its values"):
        again(small, analyzer, resume=True, video=VideoOptions(max_fps=4))
    with pytest.raises(OutputError, match="differs in format"):
        again(small, analyzer, resume=True, format="csv")
    (small / "videos" / "nobody.mp4").unlink()
    with pytest.raises(OutputError, match=r"inputs that are missing now: .*nobody\.mp4"):
        again(small, analyzer, resume=True)
    assert tables(small / "out") == before
    _, made = again(small, analyzer, overwrite=True, video=VideoOptions(max_fps=4))
    assert [row["frames"] for row in tables(made.folder)["people"]] == [4]
    assert len(list((made.folder / "frames").iterdir())) == 1
    again(small, analyzer, overwrite=True, format="csv")
    found = [path.name for path in made.folder.rglob("*.parquet")]
    assert (found, (made.folder / "people.csv").is_file()) == ([], True)


@pytest.mark.parametrize(
    ("folders", "out", "named"), [("", None, "folders"), (3, None, "folders"), ("a", ["b"], "out")]
)
def test_merging_what_is_no_path_names_the_parameter(folders, out, named):
    with pytest.raises(InputError, match=f"^{named}: expected (a path|paths), found "):
        merge_studies(folders, out)


def test_files_of_others_stay(analyzer, inputs, tmp_path):
    (tmp_path / "people.parquet").write_text("mine")
    with pytest.raises(OutputError, match="exists already, and is not of a study"):
        study_to(tmp_path, inputs / "nobody.mp4", analyzer=analyzer)
    replacing = StudyOptions(overwrite=True)
    with pytest.raises(OutputError, match=r"is not of a study\. Choose another folder"):
        study_to(tmp_path, inputs / "nobody.mp4", analyzer=analyzer, options=replacing)
    assert (tmp_path / "people.parquet").read_text() == "mine"
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file, expected a folder"):
        study_to(tmp_path / "file", inputs / "nobody.mp4", analyzer=analyzer)


def test_what_somebody_edited_stays_and_a_note_says_so(
    small, analyzer, monkeypatch, without_report
):
    out = small / "out"
    merge_studies(out)
    (own,) = (out / "exports").glob("same*.eaf")
    (same,) = (out / "exports").glob("nobody*.eaf")
    written = {path: path.read_bytes() for path in (own, same, out / "events.boris")}
    own.write_text("corrected")
    (out / "events.boris").write_text("coded")
    note = f"stay as they are: exports/{own.name}, events.boris. Rename them"
    for made in (again(small, analyzer, resume=True)[1], merge_studies(out)):
        assert [each for each in made.notes if note in each] == list(made.notes)
        assert own.read_text() == "corrected"
        assert (out / "events.boris").read_text() == "coded"
        assert same.read_bytes() == written[same]
    again(small, analyzer, overwrite=True)
    assert (own.read_text(), (out / "events.boris").read_text()) == ("corrected", "coded")
    own.rename(own.with_suffix(".mine"))
    (out / "events.boris").unlink()
    # What is as it was written is replaced where the study would write something else now.
    with monkeypatch.context() as patched:
        patched.setattr(study_tables, "elan_document", lambda *_: "other")
        assert again(small, analyzer, resume=True)[1].notes == ()
        assert own.read_text() == same.read_text() == "other"
    assert again(small, analyzer, resume=True)[1].notes == ()
    assert {path: path.read_bytes() for path in written} == written
    assert own.with_suffix(".mine").read_text() == "corrected"


def test_the_study_knows_each_file_that_it_wrote_for_people(study, tmp_path):
    folder = shutil.copytree(study.folder, tmp_path / "copy")
    written = [*(folder / "exports").iterdir(), *(folder / "figures").iterdir()]
    written += [folder / name for name in ("study.html", "events.boris", "datapackage.json")]
    assert all(path.exists() for path in written)
    OwnFiles(folder).remove_all()
    assert not any(path.exists() for path in written)


def test_overwriting_removes_what_the_study_wrote_and_nothing_else(
    small, analyzer, inputs, monkeypatch
):
    def write_charts(folder, records, groups, notes, problems, own):
        for row in groups:
            own.write(folder / "figures" / f"by-{row['covariate']}.svg", b"<svg/>")

    monkeypatch.setattr(analysis, "write_report", write_charts)
    out = small / "out"
    groups = small / "groups.csv"
    groups.write_text("video,condition\nsame name,a\n")
    study_to(out, inputs / "one", analyzer=analyzer,
             options=StudyOptions(overwrite=True, covariates=groups))  # fmt: skip
    before = {path for path in out.rglob("*") if path.is_file()}
    charts = [out / "figures" / f"by-{name}.svg" for name in (None, "condition")]
    assert before >= {*charts}
    mine = [out / "people.csv", out / "notes.txt"]
    mine += [out / name / "mine.png" for name in ("figures", "exports", "frames", "records")]
    (frames,) = (out / "frames").iterdir()
    mine += [frames.with_suffix(".mine.parquet"), charts[0]]
    for path in mine:
        path.write_text("mine")
    with pytest.raises(OutputError, match=r"people\.csv: exists already, and is not of a study"):
        again(small, analyzer, overwrite=True, format="csv")
    assert {path for path in out.rglob("*") if path.is_file()} == before | {*mine}
    made = study_to(out, inputs / "nobody.mp4", analyzer=analyzer,
                    options=StudyOptions(overwrite=True))  # fmt: skip
    assert {path.read_text() for path in mine} == {"mine"}
    assert not [path for path in before if "same_name" in path.name and path.exists()]
    assert not charts[1].exists()
    assert made.units == len(list((out / "records").glob("*.json"))) == 1


def test_the_covariates_are_no_file_that_the_study_writes(small, analyzer, without_report):
    out = small / "out"
    (out / "covariates.csv").write_text("video,condition\nsame name,a\n")
    for make in (
        lambda: again(small, analyzer, resume=True, covariates=out / "covariates.csv"),
        lambda: merge_studies(out, covariates=out / "covariates.csv"),
    ):
        with pytest.raises(InputError, match="has the name of a file that the study writes"):
            make()


def test_one_process_at_a_time_writes_a_study_or_a_shard(
    analyzer, inputs, tmp_path, without_report
):
    def other(shard, **options):
        """Begin to write while the first one does."""
        found = StudyOptions(shard=shard, resume=not options, **options)
        return study_to(tmp_path, inputs / "one", analyzer=analyzer, options=found)

    busy = "another process is writing this study"

    def meanwhile(record):
        with pytest.raises(OutputError, match=busy):
            other((1, 2))
        with pytest.raises(OutputError, match=busy):
            other(None)
        with pytest.raises(OutputError, match=busy):
            other((2, 2), overwrite=True)  # it would remove what the first one writes
        assert other((2, 2)).units == 0

    options = StudyOptions(shard=(1, 2))
    study_to(tmp_path, inputs / "one", analyzer=analyzer, options=options, on_record=meanwhile)
    assert other((1, 2)).done_before == 1
    merge_studies(tmp_path)
    shutil.rmtree(tmp_path)

    def while_whole(record):
        with pytest.raises(OutputError, match=busy):
            other(None)
        with pytest.raises(OutputError, match=busy):
            other((1, 2))
        with pytest.raises(OutputError, match=busy):
            merge_studies(tmp_path)

    study_to(tmp_path, inputs / "one", analyzer=analyzer, on_record=while_whole)
    assert other(None).done_before == 1


def test_a_file_that_a_kill_left_without_its_content_is_the_study_s_own(tmp_path, monkeypatch):
    path = tmp_path / "exports" / "a.eaf"
    OwnFiles(tmp_path).write(path, b"one")
    journal = tmp_path / "records" / "written.jsonl"
    journal.write_bytes(journal.read_bytes() + b'\n["exports/a.e')  # a line that was cut off

    def killed(*_):
        raise Stop

    # The journal knows what is written next, before and after it is there.
    with monkeypatch.context() as patched:
        patched.setattr(own_files, "whole_file", killed)
        with pytest.raises(Stop):
            OwnFiles(tmp_path).write(path, b"two")
    for content in (b"one", b"two", b""):
        path.write_bytes(content)
        own = OwnFiles(tmp_path)
        own.write(path, b"three")
        assert (path.read_bytes(), own.kept) == (b"three", [])
    path.write_bytes(b"mine")
    OwnFiles(tmp_path).remove_all()
    assert path.read_bytes() == b"mine"
    assert not journal.exists()


def test_a_full_disk_ends_the_study_and_leaves_nothing_half_written(
    analyzer, inputs, tmp_path, monkeypatch, without_report
):
    def full(record, path):
        raise OutputError(f"{path}: cannot write") from OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(unit_analysis, "write_record", full)
        with pytest.raises(OutputError, match="cannot write"):
            study_to(tmp_path, inputs / "one", analyzer=analyzer)
    options = StudyOptions(resume=True)
    assert study_to(tmp_path, inputs / "one", analyzer=analyzer, options=options).done == 1


def test_a_study_of_nobody_has_tables_without_rows_and_a_report(analyzer, inputs, tmp_path):
    made = study_to(tmp_path, inputs / "nobody.mp4", analyzer=analyzer)
    rows = tables(tmp_path)
    assert [len(rows[name]) for name in TABLE_NAMES] == [0, 0, 1, 0, 0]
    assert not made.failures
    assert "study.html" in {path.name for path in made.written}


def test_a_study_may_lie_in_the_folder_of_its_videos(analyzer, inputs, tmp_path):
    shutil.copy(inputs / "nobody.mp4", tmp_path)
    (tmp_path / "deep").mkdir()
    shutil.copy(inputs / "p.png", tmp_path / "deep")
    made = study_to(tmp_path, tmp_path, analyzer=analyzer)
    assert (made.units, made.failures) == (2, {})
    (tmp_path / "figures").mkdir(exist_ok=True)
    shutil.copy(inputs / "p.png", tmp_path / "figures")
    again = study_to(tmp_path, tmp_path, analyzer=analyzer, options=StudyOptions(resume=True))
    assert (again.units, again.done_before) == (2, 2)


def test_a_folder_without_a_video_is_a_failure_with_a_study(analyzer, tmp_path, without_report):
    (tmp_path / "empty").mkdir()
    made = study_to(tmp_path / "out", tmp_path / "empty", analyzer=analyzer)
    assert list(made.failures) == [str(tmp_path / "empty")]
    assert "holds no image or video" in made.failures[str(tmp_path / "empty")]


def test_many_images_are_groups_of_bounded_size():
    units = list(find_units(f"{number}.png" for number in range(2 * IMAGES_PER_UNIT + 1)))
    assert [len(unit.sources) for unit in units] == [IMAGES_PER_UNIT, IMAGES_PER_UNIT, 1]
    assert len({unit.name for unit in units}) == 3
    (odd,) = find_units(["/a/\udcff /" + "x" * 300 + ".mp4"])
    assert odd.name.isascii()
    assert len(odd.name) < 80


def test_what_a_study_cannot_be_of_is_refused(analyzer, inputs, tmp_path):
    with pytest.raises(OptionsError, match="a study is of files"):
        study_to(tmp_path, "camera:0", analyzer=analyzer)
    baseline = VideoOptions(baseline=BaselineOptions(people="one-person"))
    with pytest.raises(OptionsError, match="takes images in groups"):
        study_to(tmp_path, inputs / "p.png", analyzer=analyzer,
                 options=StudyOptions(video=baseline))  # fmt: skip
    with pytest.raises(OptionsError, match="expected StudyOptions, found dict"):
        study_to(tmp_path, inputs / "p.png", analyzer=analyzer, options={})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "xls"}, "format: expected parquet or csv"),
        ({"workers": 0}, "workers: expected a whole number"),
        ({"shard": (4, 3)}, "shard: expected at most 3 of 3"),
        ({"shard": (0, 3)}, "shard: expected tuple of a whole number from 1 to"),
        ({"resume": True, "overwrite": True}, "leave out one"),
        ({"video": None}, "video: expected VideoOptions, found NoneType"),
        ({"shard": (1, 3), "covariates": "a.csv"}, "where all shards are merged"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        StudyOptions(**options)


def test_networks_are_pickled_as_their_files(analyzer):
    import pickle

    copy = pickle.loads(pickle.dumps(analyzer))  # noqa: S301 - it was made here
    assert copy.model.path == analyzer.model.path
    assert copy.detector.score_threshold == analyzer.detector.score_threshold
    assert dataclasses.asdict(copy.pipeline.options) == dataclasses.asdict(
        analyzer.pipeline.options
    )
