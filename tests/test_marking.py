import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import mien._marking as module
from mien._marking import Marker
from mien.errors import OutputError

MARKER = Marker(name="mine.txt", text="This is mine.\n", kind="folder of mine", option="out=FOLDER")


def test_a_new_or_empty_folder_is_claimed_and_known_again(tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "a" / "new"):
        assert not MARKER.check(folder)
        MARKER.claim(folder)
        (folder / "more").write_text("")
        assert MARKER.check(folder)
        MARKER.claim(folder)


def test_any_other_folder_is_refused_with_what_is_in_it(tmp_path):
    for name in "dcba":
        (tmp_path / name).write_text("")
    with pytest.raises(OutputError) as caught:
        MARKER.claim(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: holds ")
    assert str(caught.value).endswith(
        ", ..., and no mine.txt, so it is not a folder of mine. Choose a new or empty folder with "
        "out=FOLDER"
    )
    assert len(list(tmp_path.iterdir())) == 4
    with pytest.raises(OutputError, match="is a file, expected a folder"):
        MARKER.claim(tmp_path / "a")
    with pytest.raises(OutputError, match="cannot be used"):
        MARKER.claim(tmp_path / "a" / "b")


def test_what_is_only_added_to_may_be_there_already(tmp_path):
    marker = dataclasses.replace(MARKER, allowed_prefix="study.db")
    for name in ("study.db", "study.db-wal"):
        (tmp_path / name).write_text("kept")
    with pytest.raises(OutputError, match=r"holds study\.db, study\.db-wal, and no"):
        MARKER.claim(tmp_path)
    marker.claim(tmp_path)
    assert marker.is_in(tmp_path)
    assert (tmp_path / "study.db").read_text() == "kept"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "study.db").write_text("")
    (tmp_path / "other" / "best.toml").write_text("")
    with pytest.raises(OutputError, match=r"holds best\.toml, and no"):
        marker.claim(tmp_path / "other")


def test_those_who_claim_at_the_same_time_all_have_it(tmp_path):
    begin = threading.Barrier(8)

    def claim(_):
        begin.wait()
        MARKER.claim(tmp_path / "shared")
        (tmp_path / "shared" / "work").write_text("")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(claim, range(8))) == [None] * 8


def test_a_marker_that_is_being_written_is_waited_for(tmp_path, monkeypatch):
    (tmp_path / "mine.txt").write_text("This is")
    assert not MARKER.check(tmp_path)
    monkeypatch.setattr(
        module.time, "sleep", lambda _: (tmp_path / "mine.txt").write_text(MARKER.text)
    )
    MARKER.claim(tmp_path)
    assert MARKER.is_in(tmp_path)
    monkeypatch.setattr(module, "_CLAIM_TIMEOUT_S", 0.0)
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(OutputError, match=r"cannot be used.*exists.*mine\.txt"):
        MARKER.claim(tmp_path)
