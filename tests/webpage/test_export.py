import gzip

import pytest

from mien.detect import OnnxDetector
from mien.errors import OutputError
from mien.inference import EmotionModel
from mien.webpage import export as web_page


@pytest.fixture
def built(tmp_path, monkeypatch):
    """A page as the build leaves it."""
    folder = tmp_path / "built"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("new")
    (folder / "assets" / "new.js").write_text("")
    monkeypatch.setattr(web_page, "BUILT_PAGE", folder)
    return folder


def test_what_lies_beside_an_exported_page_outlasts_the_next_export(built, tmp_path):
    page = tmp_path / "public"
    networks = (EmotionModel(), OnnxDetector(None))
    web_page.write_web_page(page, *networks)
    (page / "README.md").write_text("mine")
    (page / ".git").mkdir()
    (page / ".git" / "HEAD").write_text("mine")
    (page / "assets" / "mine.js").write_text("mine")
    (page / "models" / "mine.onnx").write_text("mine")
    (page / "index.html").write_text("old")
    (built / "assets" / "new.js").rename(built / "assets" / "newer.js")
    with pytest.raises(OutputError, match="overwrite=True"):
        web_page.write_web_page(page, *networks)
    web_page.write_web_page(page, *networks, overwrite=True)
    assert (page / "README.md").read_text() == "mine"
    assert (page / ".git" / "HEAD").read_text() == "mine"
    assert (page / "index.html").read_text() == "new"
    assert sorted(path.name for path in (page / "assets").iterdir()) == ["mine.js", "newer.js"]
    assert (page / "models" / "mine.onnx").read_text() == "mine"
    assert (page / "models" / "contract.json").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["built", "public"]


def exported(built, tmp_path):
    page, networks = tmp_path / "public", (EmotionModel(), OnnxDetector(None))
    web_page.write_web_page(page, *networks)
    return page, lambda: web_page.write_web_page(page, *networks, overwrite=True)


def test_models_have_packed_copies_as_the_files_of_the_build_have(built, tmp_path):
    page, again = exported(built, tmp_path)
    again()
    for name in ("emotion.onnx", "face.onnx", "contract.json"):
        packed = (page / "models" / f"{name}.gz").read_bytes()
        assert gzip.decompress(packed) == (page / "models" / name).read_bytes()


def test_an_emptied_folder_of_the_page_goes(built, tmp_path):
    page, again = exported(built, tmp_path)
    (built / "assets" / "new.js").rename(built / "new.js")
    (built / "assets").rmdir()
    again()
    assert not (page / "assets").exists()
    assert (page / "new.js").is_file()


def test_a_file_under_a_name_that_the_next_page_wants_stays(built, tmp_path):
    page, again = exported(built, tmp_path)
    (page / "about.html").write_text("mine")
    (built / "about.html").write_text("of the page")
    with pytest.raises(OutputError, match=r"about\.html: is not of the page"):
        again()
    assert (page / "about.html").read_text() == "mine"


def test_a_folder_that_only_looks_like_a_page_stays(built, tmp_path):
    page, again = exported(built, tmp_path)
    (page / "mien-page.json").unlink()
    with pytest.raises(OutputError, match="something else than an exported page"):
        again()
    for text in ('{"files": ["../mine.txt"]}', '{"files": ["/etc/passwd"]}', "[]", "no json"):
        (page / "mien-page.json").write_text(text)
        with pytest.raises(OutputError, match="something else than an exported page"):
            again()
    assert (page / "index.html").read_text() == "new"


def test_links_within_a_page_are_not_followed(built, tmp_path):
    page, again = exported(built, tmp_path)
    (page / "assets").rename(tmp_path / "elsewhere")
    (page / "assets").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="assets: is a link"):
        again()
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["new.js"]
