import re
import sys
from pathlib import Path
from urllib.parse import unquote

import polars as pl
import pytest
from PIL import Image, ImageEnhance

from mien import Analyzer, album_to, analyze_to, study_to
from mien.album import AlbumOptions
from mien.columns import COLUMNS
from mien.errors import InputError, MissingExtraError, OptionsError, OutputError
from tests.cli.test_data import run


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


@pytest.fixture
def holiday(samples, tmp_path):
    """Two people, each in two shots of one moment, in a folder with an odd name."""
    folder = tmp_path / "my holiday #1?"
    folder.mkdir()
    for name in ("eileen_collins", "grace_hopper"):
        with Image.open(samples / f"{name}.jpg") as photo:
            for number, factor in enumerate((1.0, 0.9)):
                ImageEnhance.Brightness(photo).enhance(factor).save(folder / f"{name}{number}.png")
    return folder


def test_faces_are_in_a_table_a_sheet_and_a_page_that_leads_to_the_images(
    analyzer, holiday, tmp_path
):
    (holiday / "broken.jpg").write_bytes(b"no image")
    (holiday / "clip.mp4").write_bytes(b"no video")
    Image.new("RGB", (80, 80)).save(holiday / "nobody.png")
    out = tmp_path / "albums" / "first"
    seen = []
    album = album_to(out, holiday, analyzer=analyzer, on_result=seen.append)
    assert (album.images, album.faces, len(seen)) == (5, 4, 6)
    assert {Path(source).name for source in album.failures} == {"broken.jpg", "clip.mp4"}
    assert sorted(path.name for path in out.iterdir()) == [
        "album.html", "album.png", "faces.parquet",
    ]  # fmt: skip
    rows = pl.read_parquet(out / "faces.parquet")
    names = [column.name for column in COLUMNS if column.rows != "error"]
    assert rows.columns == [*names, "group", "distance", "is_medoid", "moment"]
    assert rows["moment"].to_list() == [0, 0, 1, 1]
    assert rows.filter("is_medoid")["source"].to_list() == list(album.medoids)
    with Image.open(out / "album.png") as sheet:
        assert sheet.width > 400
    page = (out / "album.html").read_text(encoding="utf-8")
    links = {unquote(link) for link in re.findall(r'<a href="([^"#][^"]*)"', page)}
    assert links  # of each moment one
    assert all((out / link).resolve().parent == holiday.resolve() for link in links)
    assert all((out / link).is_file() for link in links)


def test_no_face_leaves_an_empty_folder_and_says_so(analyzer, tmp_path):
    Image.new("RGB", (80, 80)).save(tmp_path / "nobody.png")
    album = album_to(tmp_path / "album", tmp_path / "nobody.png", analyzer=analyzer)
    assert (album.images, album.faces, album.groups, album.written) == (1, 0, (), ())
    assert not list((tmp_path / "album").iterdir())


def test_an_album_is_replaced_only_if_asked_and_is_no_input_of_itself(analyzer, holiday, tmp_path):
    out = holiday / "album"
    options = AlbumOptions(format="csv", groups=2)
    first = album_to(out, holiday, options=options, analyzer=analyzer)
    assert len(first.groups) == 2
    with pytest.raises(OutputError, match="exists already"):
        album_to(out, holiday, options=options, analyzer=analyzer)
    again = AlbumOptions(format="csv", groups=2, overwrite=True)
    assert album_to(out, holiday, options=again, analyzer=analyzer).images == first.images
    table = (out / "faces.csv").read_text(encoding="utf-8")
    assert len(table.splitlines()) == 1 + first.faces
    album_to(out, holiday, options=AlbumOptions(groups=2, overwrite=True), analyzer=analyzer)
    assert {path.name for path in out.iterdir()} == {"album.html", "album.png", "faces.parquet"}


def test_an_album_may_lie_in_the_folder_of_its_images(analyzer, holiday):
    for inputs in (holiday, holiday / "*.png"):
        options = AlbumOptions(overwrite=True)
        made = album_to(holiday, inputs, options=options, analyzer=analyzer)
        assert (made.images, made.failures) == (4, {})


@pytest.mark.parametrize("name", ["faces.csv", "album.html", "album.png"])
def test_a_file_that_is_of_no_album_is_never_replaced(analyzer, holiday, tmp_path, name):
    (tmp_path / name).write_text("mine")
    options = AlbumOptions(format="csv", overwrite=True)
    with pytest.raises(OutputError, match=r"is not of an album\. Choose another folder"):
        album_to(tmp_path, holiday, options=options, analyzer=analyzer)
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("folder", ["", " ", ["a"], 3])
@pytest.mark.parametrize("write", [album_to, analyze_to, study_to])
def test_what_is_no_path_is_refused_before_any_work(write, folder, analyzer):
    with pytest.raises(InputError, match=r"^folder: expected a path, found "):
        write(folder, "a.jpg", analyzer=analyzer)


def test_an_album_without_its_extra_reads_nothing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtraError, match="making an album needs the extra 'data'"):
        album_to(tmp_path / "album", "a.jpg")


def test_an_interrupted_album_leaves_no_file(analyzer, holiday, tmp_path):
    def stop(result):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        album_to(tmp_path / "album", holiday, analyzer=analyzer, on_result=stop)
    assert not list((tmp_path / "album").iterdir())


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"groups": 0}, InputError),
        ({"format": "jsonl"}, OptionsError),
        ({"faces": 3}, OptionsError),
    ],
)
def test_options_are_checked(options, error):
    with pytest.raises(error):
        AlbumOptions(**options)


def test_the_command_prints_the_groups_and_what_could_not_be_read(holiday, tmp_path):
    (holiday / "broken.jpg").write_bytes(b"no image")
    result = run("album", holiday, "--out", tmp_path / "album", "--groups", "2")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    assert "2 faces in 1 moment, such as" in result.stdout
    assert "broken.jpg" in result.stderr
    assert "album.html" in result.stderr
