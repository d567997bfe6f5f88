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
    (page / "assets" / "old.js").write_text("")
    (page / "index.html").write_text("old")
    with pytest.raises(OutputError, match="--overwrite"):
        web_page.write_web_page(page, *networks)
    web_page.write_web_page(page, *networks, overwrite=True)
    assert (page / "README.md").read_text() == "mine"
    assert (page / ".git" / "HEAD").read_text() == "mine"
    assert (page / "index.html").read_text() == "new"
    assert [path.name for path in (page / "assets").iterdir()] == ["new.js"]
    assert (page / "models" / "contract.json").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["built", "public"]
